// Makes system calls of another ABI: i386 by int 0x80, where number 20 is
// getpid (writev on amd64), and x32 by its bit.
//
// build: amd64
// run: args="int80" verdict=violation
// run: args="x32" verdict=violation
// run: policy=observe args="int80" verdict=violation
// run: policy=observe args="x32" verdict=violation
#include "victim.h"

int main(int argc, char **argv) {
	long r;
	if (strcmp(argv[1], "int80") == 0)
		__asm__ volatile("int $0x80" : "=a"(r) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
	else
		__asm__ volatile("syscall" : "=a"(r) : "a"(0x40000000L + SYS_getpid) : "memory", "rcx", "r11");
	errno = r < 0 ? -r : 0;
	report(argv[1], r < 0 ? -1 : r);
}
