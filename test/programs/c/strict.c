// Reads, writes and exits without a C library's start: all that strict allows.
//
// build: bare
// run: policy=strict stdin="abc" verdict=ok stdout="abc"
// run: policy=judge stdin="abc" verdict=ok stdout="abc"
#include <stddef.h>

static long call(long nr, long a, long b, long c) {
#if defined(__x86_64__)
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
#else
	register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
#endif
}

#include <sys/syscall.h>

void _start(void) {
	char buf[64];
	long n = call(SYS_read, 0, (long)buf, sizeof buf);
	call(SYS_write, 1, (long)buf, n);
	call(SYS_exit_group, 0, 0, 0);
	__builtin_unreachable();
}
