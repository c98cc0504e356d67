// Prints that it has a parent, and is not process 1 of its PID namespace, which
// would ignore signals such as SIGABRT.
//
// run: verdict=ok stdout="not pid 1\n"
#include "victim.h"

int main(void) {
	getppid();
	puts(getpid() == 1 ? "pid 1" : "not pid 1");
	return 0;
}
