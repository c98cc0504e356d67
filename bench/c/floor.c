// The least that a supervisor can do for each open of a program, without any
// policy: how fast the kernel lets anybody be. On amd64.
// usage: floor HOW WHERE PROGRAM ARG...
//   HOW  trace    stop at the call, read its path, let it go on
//        rewrite  stop at the call, read its path, change the call, stop at its
//                 return, put the registers back
//        notify   receive the call, read its path, open the file, hand it over
//   WHERE  here   supervisor and program on one CPU, where a stop costs least
//          free   wherever the kernel puts them
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP // younger than the headers of Debian 12
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP 1
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

static void die(const char *what) {
	perror(what);
	exit(125);
}

// arm makes openat answer with an action, for this process and its programs.
static int arm(unsigned action, unsigned flags) {
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, code};
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	int r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (r < 0)
		die("seccomp");
	return r;
}

static void read_path(pid_t pid, unsigned long at, char *path, size_t size) {
	size_t page = 4096 - at % 4096;
	struct iovec to = {path, size < page ? size : page}, from = {(void *)at, to.iov_len};
	if (process_vm_readv(pid, &to, 1, &from, 1, 0) < 0)
		die("process_vm_readv");
}

// stopped is a thread whose call was changed, with the registers of its own.
static struct stopped {
	pid_t tid;
	struct user_regs_struct own;
} threads[128];

static struct stopped *thread(pid_t tid) {
	for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
		if (threads[i].tid == tid || threads[i].tid == 0) {
			threads[i].tid = tid;
			return &threads[i];
		}
	fprintf(stderr, "floor: too many threads\n");
	exit(125);
}

static void at_call(pid_t tid, int rewrite) {
	struct user_regs_struct regs;
	char path[256];
	ptrace(PTRACE_GETREGS, tid, 0, &regs);
	read_path(tid, regs.rsi, path, sizeof path);
	if (rewrite) {
		thread(tid)->own = regs;
		regs.rdi = AT_FDCWD;
		ptrace(PTRACE_SETREGS, tid, 0, &regs);
	}
	ptrace(rewrite ? PTRACE_SYSCALL : PTRACE_CONT, tid, 0, 0);
}

static void at_return(pid_t tid) {
	struct user_regs_struct regs, *own = &thread(tid)->own;
	ptrace(PTRACE_GETREGS, tid, 0, &regs);
	own->rax = regs.rax;
	ptrace(PTRACE_SETREGS, tid, 0, own);
	ptrace(PTRACE_CONT, tid, 0, 0);
}

static int trace(pid_t pid, int rewrite) {
	int status, options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE;
	pid_t tid;
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, options);
	ptrace(PTRACE_CONT, pid, 0, 0);
	while ((tid = waitpid(-1, &status, __WALL)) > 0) {
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (tid == pid)
				return status != 0;
		} else if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
			at_call(tid, rewrite);
		} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			at_return(tid);
		} else {
			int new = WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSTOP;
			ptrace(PTRACE_CONT, tid, 0, new ? 0 : WSTOPSIG(status));
		}
	}
	return 1;
}

static void notify(int listener) {
	struct seccomp_notif call;
	char path[256];
	for (;;) {
		memset(&call, 0, sizeof call);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
			if (errno == EINTR)
				continue;
			break; // nobody is left
		}
		read_path(call.pid, call.data.args[1], path, sizeof path);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) != 0)
			continue;
		int fd = openat(AT_FDCWD, path, call.data.args[2] | O_CLOEXEC);
		if (fd < 0) {
			struct seccomp_notif_resp no = {.id = call.id, .error = -errno};
			ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &no);
			continue;
		}
		struct seccomp_notif_addfd add = {.id = call.id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = fd,
			.newfd_flags = call.data.args[2] & O_CLOEXEC};
		ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
		close(fd);
	}
}

static int receive(int from) {
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec io = {&byte, 1};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	int fd;
	if (recvmsg(from, &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return fd;
}

static void hand_over(int to, int fd) {
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec io = {"x", 1};
	struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(h), &fd, sizeof fd);
	if (sendmsg(to, &m, 0) != 1)
		die("sendmsg");
}

static void stay_here(void) {
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof set, &set) != 0)
		die("sched_setaffinity");
}

int main(int argc, char **argv) {
	int pair[2], status;
	if (argc < 4)
		return 2;
	int notifying = strcmp(argv[1], "notify") == 0, here = strcmp(argv[2], "here") == 0;
	if (here)
		stay_here();
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (notifying) {
			hand_over(pair[1], arm(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER));
		} else {
			ptrace(PTRACE_TRACEME, 0, 0, 0);
			raise(SIGSTOP);
			arm(SECCOMP_RET_TRACE, 0);
		}
		execv(argv[3], argv + 3);
		_exit(127);
	}
	if (!notifying)
		return trace(pid, strcmp(argv[1], "rewrite") == 0);
	int listener = receive(pair[0]);
	// Linux 6.6; older ones wake the other side a little later.
	if (here)
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	notify(listener);
	return waitpid(pid, &status, 0) != pid || status != 0;
}
