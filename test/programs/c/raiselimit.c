// Tries to raise its own resource limits, and to change its parent's.
//
// run: args="self" stack=8M files=32 verdict=violation|ok
// run: args="parent" verdict=violation|ok
// run: args="read" verdict=ok stdout="read\n"
#include "victim.h"

int main(int argc, char **argv) {
	struct rlimit l;
	if (strcmp(argv[1], "read") == 0) {
		if (prlimit(0, RLIMIT_STACK, NULL, &l) == 0)
			puts("read");
		return 0;
	}
	if (strcmp(argv[1], "parent") == 0) {
		l.rlim_cur = l.rlim_max = 1 << 20;
		pid_t parent = getppid();
		if (parent == 0) // outside of the PID namespace: nobody to change
			return 0;
		report("prlimit", prlimit(parent, RLIMIT_CORE, &l, NULL));
	}
	l.rlim_cur = l.rlim_max = 1 << 20;
	report("setrlimit", setrlimit(RLIMIT_NOFILE, &l));
}
