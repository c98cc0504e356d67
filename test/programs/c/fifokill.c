// Kills processes that wait for the other end of a FIFO, and ends while some
// still wait: nothing of them may stay.
//
// run: policy=observe verdict=ok stdout="killed 20\n"
#include "victim.h"
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char name[64];

static pid_t waiter(int flags) {
	pid_t pid = fork();
	if (pid == 0) {
		open(name, flags);
		_exit(1);
	}
	return pid;
}

int main(void) {
	int killed = 0;
	snprintf(name, sizeof name, "/tmp/belljar-fifokill-%d-%ld", getpid(), (long)time(NULL));
	if (mkfifo(name, 0600))
		die("mkfifo");
	for (int i = 0; i < 20; i++) {
		int status;
		pid_t pid = waiter(O_RDONLY);
		usleep(i % 4 * 3000);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	}
	printf("killed %d\n", killed);
	fflush(stdout);
	for (int i = 0; i < 5; i++)
		waiter(O_RDONLY);
	usleep(20000);
	unlink(name);
	return 0;
}
