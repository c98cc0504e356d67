// The least that a tracer can do which sees every call of a program, and of all
// that the program starts, with its result: two stops a call, at each the
// kernel's account of it, and nothing else. How fast the kernel lets anybody be.
// usage: watch WHERE PROGRAM ARG...
//   WHERE  here   tracer and program on one CPU, where a stop costs least
//          free   wherever the kernel puts them
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what) {
	perror(what);
	_exit(125);
}

// stopped lets a tracee go on.
static void stopped(pid_t tid, int status) {
	static struct ptrace_syscall_info info;
	int sig = WSTOPSIG(status), event = status >> 16;
	if (sig == (SIGTRAP | 0x80)) {
		ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info);
		sig = 0;
	} else if (event) {
		sig = 0; // a life begins or ends; nothing here is ever stopped as a group
	}
	ptrace(PTRACE_SYSCALL, tid, 0, sig);
}

int main(int argc, char **argv) {
	int status, gate[2], code = 125;
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
		PTRACE_O_TRACEEXEC;
	if (argc < 3)
		return 125;
	if (!strcmp(argv[1], "here")) {
		cpu_set_t one;
		CPU_ZERO(&one);
		CPU_SET(sched_getcpu(), &one);
		sched_setaffinity(0, sizeof one, &one);
	}
	if (pipe(gate))
		fail("pipe");
	pid_t child = fork();
	if (child == 0) {
		char c;
		close(gate[1]);
		if (read(gate[0], &c, 1) != 0)
			_exit(125);
		close(gate[0]);
		execvp(argv[2], argv + 2);
		fail(argv[2]);
	}
	if (child < 0 || ptrace(PTRACE_SEIZE, child, 0, options))
		fail("ptrace");
	ptrace(PTRACE_INTERRUPT, child, 0, 0);
	close(gate[0]);
	close(gate[1]);
	for (pid_t tid; (tid = wait4(-1, &status, __WALL, NULL)) > 0;) {
		if (WIFSTOPPED(status))
			stopped(tid, status);
		else if (tid == child)
			code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return code;
}
