// Ends by a signal: one that it earns, or one that it sends to itself. A signal
// is what the kernel says it is: SIGKILL is no time limit, SIGXFSZ no output
// limit and SIGSYS no violation, unless Belljar knows the cause.
//
// run: args="segv" verdict=signaled signal=SIGSEGV
// run: args="abort" verdict=signaled signal=SIGABRT
// run: args="divide" verdict=signaled signal=SIGFPE
// run: args="illegal" verdict=signaled signal=SIGILL
// run: args="trap" verdict=signaled signal=SIGTRAP
// run: args="raise 9" verdict=signaled signal=SIGKILL
// run: args="raise 9" cpu=1s wall=5s memory=64M verdict=signaled signal=SIGKILL limit=""
// run: args="raise 31" verdict=signaled signal=SIGSYS
// run: args="raise 25" verdict=signaled signal=SIGXFSZ limit=""
// run: args="raise 24" verdict=signaled signal=SIGXCPU limit=""
// run: args="raise 15" verdict=signaled signal=SIGTERM
// run: args="raise 10" verdict=signaled signal=SIGUSR1
// run: args="raise 5" verdict=signaled signal=SIGTRAP
// run: args="raise 34" verdict=signaled signal=SIGRTMIN
// run: args="raise 17" verdict=ok
// run: args="forge" verdict=signaled signal=SIGSYS
// run: policy=observe args="forge" verdict=signaled signal=SIGSYS
#include "victim.h"
#include <sys/syscall.h>

// forge sends the program the SIGSYS that a filter would send for mount.
static int forge(void) {
	siginfo_t info;
	memset(&info, 0, sizeof info);
	info.si_signo = SIGSYS;
	info.si_code = 1; // SYS_SECCOMP
	info.si_syscall = SYS_mount;
	return (int)syscall(SYS_rt_sigqueueinfo, getpid(), SIGSYS, &info);
}

int main(int argc, char **argv) {
	const char *how = argv[1];
	volatile int zero = 0;
	if (strcmp(how, "segv") == 0)
		*(volatile int *)(intptr_t)zero = 1;
	else if (strcmp(how, "abort") == 0)
		abort();
	else if (strcmp(how, "divide") == 0)
#if defined(__x86_64__)
		return 1000 / zero;
#else
		return raise(SIGFPE); // division by zero is no trap here
#endif
	else if (strcmp(how, "illegal") == 0)
#if defined(__x86_64__)
		__asm__ volatile("ud2");
#else
		__asm__ volatile("udf 0");
#endif
	else if (strcmp(how, "trap") == 0)
#if defined(__x86_64__)
		__asm__ volatile("int3");
#else
		__asm__ volatile("brk 0");
#endif
	else if (strcmp(how, "forge") == 0)
		return forge();
	else
		return raise(atoi(argv[2])); // raise is tgkill on the caller
	return 0;
}
