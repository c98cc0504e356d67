// Opens a FIFO that nobody writes to: the call waits, a signal without
// SA_RESTART ends it, and one with SA_RESTART does not.
//
// run: policy=observe parity=1 verdict=ok stdout="signals 1: Interrupted system call\nsignals 2: opened, read x\n"
#include "victim.h"
#include <sys/time.h>

static char name[64];
static volatile int signals;

static void handler(int sig) { signals++; }

static void on_alarm(int flags) {
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
	struct itimerval in = {.it_value = {.tv_usec = 100000}};
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &in, NULL);
}

static void try(void) {
	char c = '-';
	int fd = open(name, O_RDONLY);
	if (fd < 0) {
		printf("signals %d: %s\n", signals, strerror(errno));
		return;
	}
	read(fd, &c, 1);
	printf("signals %d: opened, read %c\n", signals, c);
	close(fd);
}

int main(void) {
	snprintf(name, sizeof name, "/tmp/belljar-fifo-%d-%ld", getpid(), (long)time(NULL));
	if (mkfifo(name, 0600))
		die("mkfifo");
	on_alarm(0);
	try();
	fflush(stdout);
	if (fork() == 0) {
		usleep(400000);
		int fd = open(name, O_WRONLY);
		_exit(write(fd, "x", 1) != 1);
	}
	on_alarm(SA_RESTART);
	try();
	unlink(name);
	wait(NULL);
	return 0;
}
