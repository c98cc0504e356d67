// Starts threads and processes one after another, each when the one before has
// ended, so that never more than two tasks are alive. A limit of two must not
// disturb it.
//
// run: policy=compile processes=2 verdict=ok stdout="done\n" peak_processes=2
#include "victim.h"
#include <pthread.h>

static void *thread(void *arg) { return NULL; }

int main(void) {
	for (int i = 0; i < 60; i++) {
		pthread_t id;
		if ((errno = pthread_create(&id, NULL, thread, NULL)) != 0)
			die("pthread_create");
		pthread_join(id, NULL);
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			die("fork");
	}
	puts("done");
	return 0;
}
