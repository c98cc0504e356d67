// Knocks at the doors beside the checked calls. All of them are killed for under
// every preset, which a test of package policy proves; here the filter of the
// widest one does it. Numbers that are newer than the C library are the same on
// every architecture.
//
// run: policy=observe args="call io_uring_setup" verdict=violation syscall=io_uring_setup
// run: policy=observe args="call io_uring_enter" verdict=violation syscall=io_uring_enter
// run: policy=observe args="call io_uring_register" verdict=violation syscall=io_uring_register
// run: policy=observe args="call name_to_handle_at" verdict=violation syscall=name_to_handle_at
// run: policy=observe args="call open_by_handle_at" verdict=violation syscall=open_by_handle_at
// run: policy=observe args="call fsopen" verdict=violation syscall=fsopen
// run: policy=observe args="call fsconfig" verdict=violation syscall=fsconfig
// run: policy=observe args="call fsmount" verdict=violation syscall=fsmount
// run: policy=observe args="call fspick" verdict=violation syscall=fspick
// run: policy=observe args="call move_mount" verdict=violation syscall=move_mount
// run: policy=observe args="call mount_setattr" verdict=violation syscall=mount_setattr
// run: policy=observe args="call open_tree" verdict=violation syscall=open_tree
// run: policy=observe args="call statmount" verdict=violation syscall=statmount
// run: policy=observe args="call listmount" verdict=violation syscall=listmount
// run: policy=observe args="call mount" verdict=violation syscall=mount
// run: policy=observe args="call umount2" verdict=violation syscall=umount2
// run: policy=observe args="call pivot_root" verdict=violation syscall=pivot_root
// run: policy=observe args="call chroot" verdict=violation syscall=chroot
// run: policy=observe args="call process_vm_readv" verdict=violation syscall=process_vm_readv
// run: policy=observe args="call process_vm_writev" verdict=violation syscall=process_vm_writev
// run: policy=observe args="call process_madvise" verdict=violation syscall=process_madvise
// run: policy=observe args="call process_mrelease" verdict=violation syscall=process_mrelease
// run: policy=observe args="call pidfd_getfd" verdict=violation syscall=pidfd_getfd
// run: policy=observe args="call kcmp" verdict=violation syscall=kcmp
// run: policy=observe args="call ptrace" verdict=violation syscall=ptrace
// run: policy=observe args="call userfaultfd" verdict=violation syscall=userfaultfd
// run: policy=observe args="call bpf" verdict=violation syscall=bpf
// run: policy=observe args="call perf_event_open" verdict=violation syscall=perf_event_open
// run: policy=observe args="call keyctl" verdict=violation syscall=keyctl
// run: policy=observe args="call add_key" verdict=violation syscall=add_key
// run: policy=observe args="call request_key" verdict=violation syscall=request_key
// run: policy=observe args="call kexec_load" verdict=violation syscall=kexec_load
// run: policy=observe args="call kexec_file_load" verdict=violation syscall=kexec_file_load
// run: policy=observe args="call reboot" verdict=violation syscall=reboot
// run: policy=observe args="call init_module" verdict=violation syscall=init_module
// run: policy=observe args="call finit_module" verdict=violation syscall=finit_module
// run: policy=observe args="call delete_module" verdict=violation syscall=delete_module
// run: policy=observe args="call clock_settime" verdict=violation syscall=clock_settime
// run: policy=observe args="call settimeofday" verdict=violation syscall=settimeofday
// run: policy=observe args="call adjtimex" verdict=violation syscall=adjtimex
// run: policy=observe args="call clock_adjtime" verdict=violation syscall=clock_adjtime
// run: policy=observe args="call sethostname" verdict=violation syscall=sethostname
// run: policy=observe args="call setdomainname" verdict=violation syscall=setdomainname
// run: policy=observe args="call fanotify_init" verdict=violation syscall=fanotify_init
// run: policy=observe args="call fanotify_mark" verdict=violation syscall=fanotify_mark
// run: policy=observe args="call quotactl" verdict=violation syscall=quotactl
// run: policy=observe args="call quotactl_fd" verdict=violation syscall=quotactl_fd
// run: policy=observe args="call swapon" verdict=violation syscall=swapon
// run: policy=observe args="call swapoff" verdict=violation syscall=swapoff
// run: policy=observe args="call acct" verdict=violation syscall=acct
// run: policy=observe args="call syslog" verdict=violation syscall=syslog
// run: policy=observe args="call vhangup" verdict=violation syscall=vhangup
// run: policy=observe args="call move_pages" verdict=violation syscall=move_pages
// run: policy=observe args="call migrate_pages" verdict=violation syscall=migrate_pages
// run: policy=observe args="call unshare" verdict=violation syscall=unshare
// run: policy=observe args="call setns" verdict=violation syscall=setns
// run: policy=observe args="call lsm_set_self_attr" verdict=violation syscall=lsm_set_self_attr
// run: policy=observe args="call memfd_secret" verdict=violation syscall=memfd_secret
// run: policy=observe args="call seccomp" verdict=violation syscall=seccomp
//
// Calls that their arguments make a door.
//
// run: policy=judge,observe args="clone untraced" verdict=violation syscall=clone
// run: policy=judge,observe args="clone parent" verdict=violation syscall=clone
// run: policy=judge,observe args="clone ptrace" verdict=violation syscall=clone
// run: policy=judge,compile,observe args="clone newuser" verdict=violation syscall=clone
// run: policy=compile,observe args="clone newpid" verdict=violation syscall=clone
// run: policy=compile,observe args="clone newns" verdict=violation syscall=clone
// run: policy=compile,observe args="clone newnet" verdict=violation syscall=clone
// run: policy=judge,compile,observe args="clone high" verdict=violation syscall=clone
// run: policy=judge,compile,observe args="clone3" verdict=ok contains="refused: ENOSYS"
// run: policy=judge,compile,observe allow="clone" args="clone parent" verdict=ok contains="refused: EPERM"
// run: policy=judge,compile,observe allow="clone" args="clone newuser" verdict=ok contains="refused: EPERM"
// run: policy=judge,compile,interpreter args="ioctl sti" verdict=ok contains="refused: ENOTTY"
// run: policy=observe args="ioctl sti" verdict=violation syscall=ioctl
// run: policy=observe args="ioctl high" verdict=violation syscall=ioctl
// run: policy=observe args="ioctl linux" verdict=violation syscall=ioctl
// run: policy=observe args="ioctl setd" verdict=violation syscall=ioctl
// run: policy=judge,compile args="prctl seccomp" verdict=ok contains="refused: EINVAL"
// run: policy=observe args="prctl seccomp" verdict=ok contains="refused: EPERM"
// run: policy=judge,compile args="prctl dumpable" verdict=ok contains="refused: EINVAL"
// run: policy=observe args="prctl dumpable" verdict=ok contains="refused: EPERM"
// run: policy=judge,compile args="prctl high" verdict=ok contains="refused: EINVAL"
// run: policy=observe args="prctl high" verdict=ok contains="refused: EPERM"
// run: policy=judge,compile args="personality" verdict=ok contains="refused: EINVAL"
// run: policy=observe args="personality" verdict=ok contains="refused: EPERM"
//
// Its own listener would answer CONTINUE to every call before the supervisor is
// asked. A supervised program is told that there is one, whatever its policy says.
//
// run: policy=judge,compile,interpreter,observe args="listener" verdict=violation syscall=seccomp
// run: in=supervised policy=judge,observe allow="seccomp" args="listener" verdict=ok contains="refused: EBUSY"
//
// A program that has no path.
//
// run: policy=judge args="memfd" verdict=ok contains="memfd_create: refused: ENOSYS"
// run: policy=compile box=deny in=supervised args="memfd" verdict=ok contains="execveat: refused: EACCES"
// run: policy=compile box=deny in=supervised args="memfd proc" verdict=ok contains="execve: refused: EACCES"
#include "attack.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_listmount
#define SYS_listmount 458
#endif
#ifndef SYS_lsm_set_self_attr
#define SYS_lsm_set_self_attr 460
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

static const struct {
	const char *name;
	long nr;
} doors[] = {
	{"io_uring_setup", SYS_io_uring_setup},
	{"io_uring_enter", SYS_io_uring_enter},
	{"io_uring_register", SYS_io_uring_register},
	{"name_to_handle_at", SYS_name_to_handle_at},
	{"open_by_handle_at", SYS_open_by_handle_at},
	{"fsopen", SYS_fsopen},
	{"fsconfig", SYS_fsconfig},
	{"fsmount", SYS_fsmount},
	{"fspick", SYS_fspick},
	{"move_mount", SYS_move_mount},
	{"mount_setattr", SYS_mount_setattr},
	{"open_tree", SYS_open_tree},
	{"statmount", SYS_statmount},
	{"listmount", SYS_listmount},
	{"mount", SYS_mount},
	{"umount2", SYS_umount2},
	{"pivot_root", SYS_pivot_root},
	{"chroot", SYS_chroot},
	{"process_vm_readv", SYS_process_vm_readv},
	{"process_vm_writev", SYS_process_vm_writev},
	{"process_madvise", SYS_process_madvise},
	{"process_mrelease", SYS_process_mrelease},
	{"pidfd_getfd", SYS_pidfd_getfd},
	{"kcmp", SYS_kcmp},
	{"ptrace", SYS_ptrace},
	{"userfaultfd", SYS_userfaultfd},
	{"bpf", SYS_bpf},
	{"perf_event_open", SYS_perf_event_open},
	{"keyctl", SYS_keyctl},
	{"add_key", SYS_add_key},
	{"request_key", SYS_request_key},
	{"kexec_load", SYS_kexec_load},
	{"kexec_file_load", SYS_kexec_file_load},
	{"reboot", SYS_reboot},
	{"init_module", SYS_init_module},
	{"finit_module", SYS_finit_module},
	{"delete_module", SYS_delete_module},
	{"clock_settime", SYS_clock_settime},
	{"settimeofday", SYS_settimeofday},
	{"adjtimex", SYS_adjtimex},
	{"clock_adjtime", SYS_clock_adjtime},
	{"sethostname", SYS_sethostname},
	{"setdomainname", SYS_setdomainname},
	{"fanotify_init", SYS_fanotify_init},
	{"fanotify_mark", SYS_fanotify_mark},
	{"quotactl", SYS_quotactl},
	{"quotactl_fd", SYS_quotactl_fd},
	{"swapon", SYS_swapon},
	{"swapoff", SYS_swapoff},
	{"acct", SYS_acct},
	{"syslog", SYS_syslog},
	{"vhangup", SYS_vhangup},
	{"move_pages", SYS_move_pages},
	{"migrate_pages", SYS_migrate_pages},
	{"unshare", SYS_unshare},
	{"setns", SYS_setns},
	{"lsm_set_self_attr", SYS_lsm_set_self_attr},
	{"memfd_secret", SYS_memfd_secret},
	{"seccomp", SYS_seccomp},
};

static void call(char **args) {
	for (size_t i = 0; i < sizeof doors / sizeof *doors; i++)
		if (strcmp(doors[i].name, args[0]) == 0)
			report(args[0], syscall(doors[i].nr, 0, 0, 0, 0, 0, 0));
	die("no such call");
}

static const struct {
	const char *name;
	unsigned long flags;
} clones[] = {{"untraced", CLONE_UNTRACED}, {"parent", CLONE_PARENT}, {"ptrace", CLONE_PTRACE}, {"newuser", CLONE_NEWUSER},
	{"newpid", CLONE_NEWPID}, {"newns", CLONE_NEWNS}, {"newnet", CLONE_NEWNET}, {"high", 1UL << 40 | CLONE_NEWUSER}};

static void clones_(char **args) {
	for (size_t i = 0; i < sizeof clones / sizeof *clones; i++)
		if (strcmp(clones[i].name, args[0]) == 0) {
			long r = syscall(SYS_clone, clones[i].flags | SIGCHLD, 0, 0, 0, 0);
			if (r == 0)
				_exit(0);
			report(args[0], r);
		}
	die("no such clone");
}

static void clone3_(char **args) {
	uint64_t a[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
	report("clone3", syscall(SYS_clone3, a, sizeof a));
}

static void ioctls(char **args) {
	char c = 'x';
	unsigned long request = strcmp(args[0], "linux") == 0 ? TIOCLINUX : strcmp(args[0], "setd") == 0 ? TIOCSETD : TIOCSTI;
	if (strcmp(args[0], "high") == 0)
		request |= 1UL << 32;
	report(args[0], syscall(SYS_ioctl, 0, request, &c));
}

static void prctls(char **args) {
	if (strcmp(args[0], "seccomp") == 0)
		report("PR_SET_SECCOMP", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0));
	unsigned long option = strcmp(args[0], "high") == 0 ? 1UL << 32 | PR_SET_DUMPABLE : PR_SET_DUMPABLE;
	report("PR_SET_DUMPABLE", syscall(SYS_prctl, option, 0, 0, 0, 0));
}

static void personality_(char **args) { report("personality", syscall(SYS_personality, 0x0400000)); }

// listener asks for nothing yet, so that the program can tell that it has one.
static void listener(char **args) {
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &all};
	report("listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
}

// memfd executes a copy of the program that is in no directory.
static void memfd(char **args) {
	char buf[65536], name[64], *argv[] = {"again", "captured", NULL}, *env[] = {NULL};
	int to = syscall(SYS_memfd_create, "x", 0);
	if (to < 0)
		report("memfd_create", to);
	int from = open("../program", O_RDONLY);
	if (from < 0)
		die("open");
	for (ssize_t n; (n = read(from, buf, sizeof buf)) > 0;)
		if (write(to, buf, n) != n)
			die("write");
	if (args[0]) {
		snprintf(name, sizeof name, "/proc/self/fd/%d", to);
		report("execve", execve(name, argv, env));
	}
	report("execveat", syscall(SYS_execveat, to, "", argv, env, AT_EMPTY_PATH));
}

static void captured(char **args) { escape("executed"); }

static const struct attack all[] = {{"call", call}, {"clone", clones_}, {"clone3", clone3_}, {"ioctl", ioctls}, {"prctl", prctls},
	{"personality", personality_}, {"listener", listener}, {"memfd", memfd}, {"captured", captured}};

PLAY(all)
