// Recurses without end: a crash, never a memory limit.
//
// run: verdict=signaled signal=SIGSEGV
// run: stack=1M verdict=signaled signal=SIGSEGV peak_memory=100K..4M cgroup=off
// run: stack=1M verdict=signaled signal=SIGSEGV peak_memory=900K..4M cgroup=on
// run: stack=512M memory=64M verdict=memory-limit limit=memory
// run: stack=1M memory=64M verdict=signaled signal=SIGSEGV
#include "victim.h"

static int __attribute__((noinline)) deeper(volatile char *above) {
	volatile char here[1024];
	if (above[0] == 2)
		return 0;
	memset((char *)here, above[0], sizeof here);
	return deeper(here) + here[7];
}

int main(void) {
	char c = 1;
	return deeper(&c);
}
