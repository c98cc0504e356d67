// The least that a supervisor can do for each open of a program, without any
// policy: how fast the kernel lets anybody be.
// usage: floor HOW PROGRAM ARG...
//   trace    stop at the call, read its path, let it go on
//   rewrite  stop at the call, read its path, change the call, stop at its
//            return, put the registers back
//   notify   receive the call, read its path, open the file, hand it over
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
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

static void trace(pid_t pid, int rewrite) {
	int status;
	struct user_regs_struct own, regs;
	char path[256];
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, pid, 0, 0);
	while (waitpid(pid, &status, 0) > 0 && !WIFEXITED(status) && !WIFSIGNALED(status)) {
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
			ptrace(PTRACE_GETREGS, pid, 0, &own);
			read_path(pid, own.rsi, path, sizeof path);
			if (rewrite) {
				regs = own;
				regs.rdi = AT_FDCWD;
				ptrace(PTRACE_SETREGS, pid, 0, &regs);
			}
			ptrace(rewrite ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, 0);
		} else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			ptrace(PTRACE_GETREGS, pid, 0, &regs);
			own.rax = regs.rax;
			ptrace(PTRACE_SETREGS, pid, 0, &own);
			ptrace(PTRACE_CONT, pid, 0, 0);
		} else {
			ptrace(PTRACE_CONT, pid, 0, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
		}
	}
}

static void notify(pid_t pid, int listener) {
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
	(void)pid;
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

int main(int argc, char **argv) {
	int pair[2], notifying = strcmp(argv[1], "notify") == 0;
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	pid_t pid = fork();
	if (pid == 0) {
		if (notifying) {
			int listener = arm(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
			hand_over(pair[1], listener);
		} else {
			ptrace(PTRACE_TRACEME, 0, 0, 0);
			raise(SIGSTOP);
			arm(SECCOMP_RET_TRACE, 0);
		}
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (notifying) {
		int listener = receive(pair[0]);
		close(pair[1]);
		notify(pid, listener);
		waitpid(pid, NULL, 0);
	} else {
		trace(pid, strcmp(argv[1], "rewrite") == 0);
	}
	return 0;
}
