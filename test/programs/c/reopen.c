// Opens its own standard input anew, by each of its names, alone and beside
// another thread. Arguments: "alone" or "threads", then the names.
//
// run: policy=judge args="alone /dev/stdin" stdin=abc verdict=ok stdout="/dev/stdin: abc\n"
// run: policy=judge args="threads /dev/stdin" stdin=abc verdict=ok stdout="/dev/stdin: abc\n"
// run: policy=judge args="threads /proc/self/fd/0" stdin=abc verdict=ok stdout="/proc/self/fd/0: abc\n"
// run: policy=observe args="alone /dev/fd/0" stdin=abc verdict=ok stdout="/dev/fd/0: abc\n"
#include "victim.h"
#include <pthread.h>

static void *idle(void *unused) {
	for (;;)
		pause();
	return unused;
}

int main(int argc, char **argv) {
	pthread_t thread;
	if (argc > 1 && strcmp(argv[1], "threads") == 0)
		pthread_create(&thread, NULL, idle, NULL);
	for (int i = 2; i < argc; i++) {
		char buf[64];
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf);
		if (n < 0)
			printf("%s: %s\n", argv[i], strerror(errno));
		else
			printf("%s: %.*s\n", argv[i], (int)n, buf);
		if (fd >= 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			printf("not close-on-exec\n");
	}
	return 0;
}
