// Leaves a daemon behind (double fork, setsid) that sleeps, or burns CPU time,
// long after the main program has ended. It must end with the run.
//
// run: policy=compile args="sleep" verdict=ok stdout="left\n"
// run: policy=compile args="burn" verdict=ok stdout="left\n"
// run: policy=compile args="stopped" verdict=ok stdout="left\n"
// run: policy=compile args="holding" verdict=ok stdout="left\n"
#include "victim.h"

int main(int argc, char **argv) {
	int ready[2];
	char c;
	if (pipe(ready) != 0)
		die("pipe");
	if (fork() == 0) {
		setsid();
		if (fork() != 0)
			_exit(0);
		for (int fd = 0; fd < 3; fd++)
			if (strcmp(argv[1], "holding") != 0) // a held pipe must not hold the run
				close(fd);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		if (strcmp(argv[1], "burn") == 0)
			burn(100);
		if (strcmp(argv[1], "stopped") == 0)
			raise(SIGSTOP);
		for (;;)
			pause();
	}
	if (read(ready[0], &c, 1) != 1)
		die("read");
	wait(NULL);
	puts("left");
	return 0;
}
