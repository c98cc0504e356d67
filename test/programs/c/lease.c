// Opens a file for writing on which its parent has a lease, and tells whether
// anything came before that was given up: an opening waits for the holder of a lease.
//
// run: policy=observe parity=1 verdict=ok stdout="given up, then opened\n"
#include "victim.h"

static int fd;

static void say(const char *text) {
	if (write(1, text, strlen(text)) < 0)
		_exit(99);
}

static void broken(int sig) {
	struct timespec half = {0, 50000000};
	nanosleep(&half, NULL); // longer than an opening that does not wait
	say("given up, then ");
	fcntl(fd, F_SETLEASE, F_UNLCK);
}

int main(void) {
	char name[] = "/tmp/lease-XXXXXX";
	if ((fd = mkstemp(name)) < 0)
		die("mkstemp");
	close(fd);
	signal(SIGIO, broken);
	if ((fd = open(name, O_RDONLY)) < 0 || fcntl(fd, F_SETLEASE, F_RDLCK))
		die("F_SETLEASE");
	pid_t pid = fork();
	if (pid == 0) {
		signal(SIGIO, SIG_DFL);
		close(fd);
		int mine = open(name, O_WRONLY);
		say(mine < 0 ? strerror(errno) : fcntl(mine, F_GETFL) & O_NONBLOCK ? "opened, not to wait\n" : "opened\n");
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	unlink(name);
	return 0;
}
