// Knocks at the doors beside the checked calls, by number. A door that opens is
// an escape; one that answers with an errno is as good as one that kills.
//
// run: args="socket" verdict=violation syscall=socket
// run: args="ptrace" verdict=violation syscall=ptrace
// run: args="mount" verdict=violation syscall=mount
// run: args="unshare" verdict=violation syscall=unshare
// run: args="setns" verdict=violation syscall=setns
// run: args="bpf" verdict=violation syscall=bpf
// run: args="io_uring_setup" verdict=violation syscall=io_uring_setup
// run: args="userfaultfd" verdict=violation syscall=userfaultfd
// run: args="perf_event_open" verdict=violation syscall=perf_event_open
// run: args="process_vm_readv" verdict=violation syscall=process_vm_readv
// run: args="open_by_handle_at" verdict=violation syscall=open_by_handle_at
// run: args="pidfd_getfd" verdict=violation syscall=pidfd_getfd
// run: args="keyctl" verdict=violation syscall=keyctl
// run: args="chroot" verdict=violation syscall=chroot
// run: args="seccomp" verdict=violation syscall=seccomp
// run: args="memfd_create" verdict=violation|ok
// run: args="fork" verdict=violation
// run: args="unknown" verdict=violation|ok
// run: args="minus-one" verdict=violation|ok
// run: args="number 4000" verdict=violation|ok
// run: args="number 2147483648" verdict=violation|ok
// run: policy=observe args="ptrace" verdict=violation|ok
// run: policy=observe args="mount" verdict=violation|ok
// run: policy=observe args="unshare" verdict=violation|ok
// run: policy=observe args="bpf" verdict=violation|ok
// run: policy=observe args="io_uring_setup" verdict=violation|ok
// run: policy=observe args="userfaultfd" verdict=violation|ok
// run: policy=observe args="process_vm_readv" verdict=violation|ok
// run: policy=observe args="open_by_handle_at" verdict=violation|ok
#include "victim.h"
#include <sys/socket.h>
#include <sys/uio.h>

static long knock(const char *door, char **argv) {
	char buf[64];
	struct iovec here = {buf, sizeof buf}, there = {buf, sizeof buf};
	if (strcmp(door, "socket") == 0)
		return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
	if (strcmp(door, "ptrace") == 0)
		return syscall(SYS_ptrace, 0 /* PTRACE_TRACEME */, 0, 0, 0);
	if (strcmp(door, "mount") == 0)
		return syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL);
	if (strcmp(door, "unshare") == 0)
		return syscall(SYS_unshare, CLONE_NEWUSER);
	if (strcmp(door, "setns") == 0)
		return syscall(SYS_setns, 0, 0);
	if (strcmp(door, "bpf") == 0)
		return syscall(SYS_bpf, 0, buf, sizeof buf);
	if (strcmp(door, "io_uring_setup") == 0) {
		char params[256] = {0};
		return syscall(SYS_io_uring_setup, 4, params);
	}
	if (strcmp(door, "userfaultfd") == 0)
		return syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */);
	if (strcmp(door, "perf_event_open") == 0)
		return syscall(SYS_perf_event_open, buf, 0, -1, -1, 0);
	if (strcmp(door, "process_vm_readv") == 0)
		return syscall(SYS_process_vm_readv, getppid(), &here, 1, &there, 1, 0);
	if (strcmp(door, "open_by_handle_at") == 0)
		return syscall(SYS_open_by_handle_at, AT_FDCWD, buf, 0);
	if (strcmp(door, "pidfd_getfd") == 0)
		return syscall(SYS_pidfd_getfd, 0, 0, 0);
	if (strcmp(door, "keyctl") == 0)
		return syscall(SYS_keyctl, 1, NULL);
	if (strcmp(door, "chroot") == 0)
		return syscall(SYS_chroot, "/");
	if (strcmp(door, "seccomp") == 0)
		return syscall(SYS_seccomp, 1, 0, NULL);
	if (strcmp(door, "memfd_create") == 0)
		return syscall(SYS_memfd_create, "x", 0) >= 0 ? (errno = 0, -1) : -1;
	if (strcmp(door, "fork") == 0)
		return fork() == 0 ? 0 : 1;
	if (strcmp(door, "unknown") == 0)
		return syscall(999, 0, 0, 0, 0, 0, 0);
	if (strcmp(door, "minus-one") == 0)
		return syscall(-1, 0, 0, 0, 0, 0, 0);
	if (strcmp(door, "number") == 0)
		return syscall(strtol(argv[2], NULL, 10), 0, 0, 0, 0, 0, 0);
	die("no such door");
	return -1;
}

int main(int argc, char **argv) { report(argv[1], knock(argv[1], argv)); }
