// Starts children that end at once and never waits for them. They are not alive,
// but the kernel keeps each until the program ends. With a cgroup their number
// has a bound.
//
// run: policy=compile processes=4 args="2000" cgroup=on verdict=ok contains="refused: EAGAIN"
// run: policy=compile processes=4 args="200" cgroup=off verdict=ok contains="all were started"
#include "victim.h"

int main(int argc, char **argv) {
	for (int i = 0; i < atoi(argv[1]); i++) {
		pid_t pid = fork();
		siginfo_t info;
		if (pid == 0)
			_exit(0);
		if (pid < 0) {
			printf("%d refused: %s\n", i, strerrorname_np(errno));
			return 0;
		}
		if (waitid(P_PID, pid, &info, WEXITED | WNOWAIT) != 0)
			die("waitid");
	}
	puts("all were started");
	return 0;
}
