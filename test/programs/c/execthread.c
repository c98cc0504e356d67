// Calls execve from a thread that is not the leader: the kernel ends all other
// threads and the caller takes on the leader's id.
//
// run: policy=compile verdict=ok stdout="same pid\n" peak_processes=5
// run: policy=compile args="x 0 7" verdict=nonzero-exit exit=7
#include "victim.h"
#include <pthread.h>

static char **self;

static void *sleeper(void *arg) {
	for (;;)
		pause();
	return NULL;
}

static void *execer(void *arg) {
	char pid[32];
	snprintf(pid, sizeof pid, "%d", getpid());
	usleep(20000);
	execl(self[0], self[0], "again", pid, (char *)NULL);
	die("execl");
	return NULL;
}

int main(int argc, char **argv) {
	if (argc == 4)
		return atoi(argv[3]);
	if (argc == 3) {
		puts(atoi(argv[2]) == getpid() ? "same pid" : "another pid");
		return 0;
	}
	pthread_t id;
	self = argv;
	for (int i = 0; i < 3; i++)
		pthread_create(&id, NULL, sleeper, NULL);
	pthread_create(&id, NULL, execer, NULL);
	for (;;)
		pause();
}
