// Has a static array of 17 GB. Its size is nobody's business; what is touched
// counts. A machine with less memory refuses it, by SIGSEGV.
//
// build: amd64
// run: args="0" memory=64M verdict=ok|signaled
// run: args="40" memory=64M verdict=ok|signaled
// run: args="400" memory=64M verdict=memory-limit|signaled
#include "victim.h"

__attribute__((section(".lbss,\"aw\",@nobits#"))) static char array[17L << 30];

// Code cannot reach so far; a pointer can.
static char *volatile start = array;

int main(int argc, char **argv) {
	volatile char *p = start;
	for (size_t i = 0; i < (size_t)atoi(argv[1]) << 20; i += 4096)
		p[i] = 1;
	return 0;
}
