/* Installs filters and makes calls under them. Standard input holds, for each
   filter, the number of its instructions, the instructions, the number of
   calls, and each call as number and six arguments. Standard output gets the
   errno of each call, 0 for success. Each filter has a process of its own,
   which ends by a trap, since its filter may refuse every call. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_CALLS = 1 << 16 };

struct call { uint64_t nr, args[6]; };

static void fail(const char *what) { perror(what); exit(1); }

static int get(void *p, size_t size) { return fread(p, size, 1, stdin) == 1; }

static void confined(struct sock_fprog *prog, struct call *calls, uint32_t n, volatile int32_t *out) {
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no_new_privs");
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, prog) != 0) fail("seccomp");
	for (uint32_t i = 0; i < n; i++) {
		uint64_t *a = calls[i].args;
		errno = 0;
		syscall(calls[i].nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		out[i] = errno;
	}
	out[n] = -1;
	__builtin_trap();
}

int main(void) {
	static struct sock_filter filter[4096];
	static struct call calls[MAX_CALLS];
	size_t size = sizeof(int32_t) * (MAX_CALLS + 1);
	volatile int32_t *out = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t len, n;
	if (out == MAP_FAILED) fail("mmap");
	while (get(&len, 4)) {
		if (len > 4096 || !get(filter, 8 * len) || !get(&n, 4) || n > MAX_CALLS || !get(calls, sizeof(struct call) * n)) {
			fputs("bad input\n", stderr);
			return 1;
		}
		struct sock_fprog prog = {len, filter};
		out[n] = 0;
		pid_t pid = fork();
		if (pid < 0) fail("fork");
		if (pid == 0) confined(&prog, calls, n, out);
		int status;
		if (waitpid(pid, &status, 0) != pid || out[n] != -1) {
			fprintf(stderr, "the confined process ended early, status %#x\n", status);
			return 1;
		}
		fwrite((void *)out, sizeof(int32_t), n, stdout);
	}
	return 0;
}
