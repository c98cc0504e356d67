// Makes calls on paths while signals without SA_RESTART keep coming. None of
// these calls is ever interrupted, and none may be made twice.
//
// build: amd64
// run: policy=compile parity=1 verdict=ok stdout="interrupted 0, wrong 0\n"
#include "victim.h"
#include <sys/stat.h>
#include <sys/time.h>

static volatile int signals;

static void handler(int sig) { signals++; }

static int interrupted, wrong;

static void count(long r) {
	if (r >= 0)
		return;
	if (errno == EINTR)
		interrupted++;
	else
		wrong++;
}

int main(void) {
	char name[64];
	struct sigaction sa = {.sa_handler = handler};
	struct itimerval often = {{.tv_usec = 200}, {.tv_usec = 200}}, never = {0};
	snprintf(name, sizeof name, "/tmp/belljar-interrupts-%d-%ld", getpid(), (long)time(NULL));
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 300 || signals < 30; i++) {
		struct stat st;
		int fd;
		count(mkdir(name, 0700));
		count(stat(name, &st));
		count(rmdir(name));
		count(fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600));
		close(fd);
		count(unlink(name));
	}
	setitimer(ITIMER_REAL, &never, NULL);
	printf("interrupted %d, wrong %d\n", interrupted, wrong);
	return 0;
}
