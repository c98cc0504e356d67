// Prints all that a program can see of how it was started: ids, groups,
// capabilities, umask, environment, descriptors, limits, session, priority.
//
// run: policy=observe env="A=b" verdict=ok contains="env A=b\n"
#include "victim.h"
#include <grp.h>
#include <sys/prctl.h>

extern char **environ;

static void limits(void) {
	static const struct { int resource; const char *name; } all[] = {
		{RLIMIT_CORE, "core"}, {RLIMIT_STACK, "stack"}, {RLIMIT_NOFILE, "nofile"}, {RLIMIT_FSIZE, "fsize"}};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct rlimit l;
		getrlimit(all[i].resource, &l);
		printf("limit %s %lld %lld\n", all[i].name, (long long)l.rlim_cur, (long long)l.rlim_max);
	}
}

int main(int argc, char **argv) {
	char cwd[4096] = "?";
	uid_t r, e, s;
	gid_t groups[256];
	for (int i = 0; i < argc; i++)
		printf("arg %s\n", argv[i]);
	for (char **v = environ; *v; v++)
		printf("env %s\n", *v);
	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFD);
		if (flags >= 0)
			printf("fd %d flags %d mode %d\n", fd, flags, fcntl(fd, F_GETFL) & O_ACCMODE);
	}
	getresuid(&r, &e, &s);
	printf("uid %d %d %d\n", r, e, s);
	getresgid(&r, &e, &s);
	printf("gid %d %d %d\n", r, e, s);
	int n = getgroups(256, groups);
	printf("groups %d\n", n);
	mode_t mask = umask(0);
	printf("umask %03o\n", mask);
	printf("cwd %s\n", getcwd(cwd, sizeof cwd) ? cwd : strerrorname_np(errno));
	printf("session leader %d\n", getsid(0) == getpid());
	printf("group leader %d\n", getpgrp() == getpid());
	printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	printf("dumpable %d\n", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
	int caps = 0;
	for (int c = 0; c < 64; c++)
		caps += prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1;
	struct { uint32_t version; int pid; } head = {0x20080522, 0};
	uint32_t data[6] = {0};
	syscall(SYS_capget, &head, data);
	printf("capabilities effective %d permitted %d inheritable %d bounding %s\n", data[0] || data[3], data[1] || data[4],
	       data[2] || data[5], caps ? "some" : "none");
	printf("nice %d policy %d\n", getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
	limits();
	return 0;
}
