// Stops, and is continued by its child; or watches a child of two threads stop
// and continue as a shell would. What wait reports is what the kernel says
// outside of a sandbox.
//
// run: policy=compile args="self" verdict=ok stdout="continued\n"
// run: policy=compile args="group" verdict=ok stdout="stopped by SIGSTOP\ncontinued\nkilled by SIGTERM\n"
// run: policy=compile args="forever" wall=300ms verdict=time-limit limit=wall
#include "victim.h"
#include <pthread.h>

static void *thread(void *arg) {
	for (;;)
		usleep(1000);
	return NULL;
}

static void self(void) {
	pid_t me = getpid(), pid = fork();
	if (pid == 0) {
		usleep(100000);
		kill(me, SIGCONT);
		_exit(0);
	}
	raise(SIGSTOP);
	waitpid(pid, NULL, 0);
	puts("continued");
}

static void group(void) {
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t id;
		pthread_create(&id, NULL, thread, NULL);
		for (;;)
			pause();
	}
	usleep(50000);
	kill(pid, SIGSTOP);
	if (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status))
		printf("stopped by SIG%s\n", sigabbrev_np(WSTOPSIG(status)));
	kill(pid, SIGCONT);
	if (waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status))
		puts("continued");
	kill(pid, SIGTERM);
	if (waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
		printf("killed by SIG%s\n", sigabbrev_np(WTERMSIG(status)));
}

int main(int argc, char **argv) {
	if (strcmp(argv[1], "self") == 0)
		self();
	else if (strcmp(argv[1], "group") == 0)
		group();
	else
		for (;;)
			raise(SIGSTOP);
	return 0;
}
