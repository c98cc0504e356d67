// Children whose threads race to execute a program: COUNT children with THREADS
// threads beside the first.
//
// run: policy=observe args="20 4" verdict=ok stdout="done\n"
#include "victim.h"
#include <pthread.h>

static void *run(void *unused) {
	execl("/bin/true", "true", (char *)NULL);
	return unused;
}

int main(int argc, char **argv) {
	for (int i = 0; i < atoi(argv[1]); i++) {
		pid_t pid = fork();
		if (pid == 0) {
			pthread_t thread;
			for (int k = 0; k < atoi(argv[2]); k++)
				pthread_create(&thread, NULL, run, NULL);
			run(NULL);
			_exit(1);
		}
		waitpid(pid, NULL, 0);
	}
	puts("done");
	return 0;
}
