package syscalls

// groups are for policies: a group is allowed or refused as one, so it holds
// what a program needs together and nothing that it does not. A call may be in
// several groups.
var groups = []group{
	{"@basic-io", "use descriptors that are already open", []string{
		"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2",
		"lseek", "_llseek", "close", "close_range", "dup", "dup2", "dup3", "fstat", "fstat64", "oldfstat", "fcntl",
		"fcntl64", "ioctl", "poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64",
		"pipe", "pipe2", "sendfile", "sendfile64", "splice", "tee", "copy_file_range", "fadvise64", "fadvise64_64", "arm_fadvise64_64",
		"readahead", "flock",
	}},
	{"@memory", "map, change and unmap memory of the process itself", []string{
		"brk", "mmap", "mmap2", "munmap", "mremap", "mprotect", "madvise", "mincore", "msync", "mlock", "mlock2",
		"munlock", "mlockall", "munlockall", "mseal", "membarrier", "pkey_alloc", "pkey_free", "pkey_mprotect",
		"map_shadow_stack", "riscv_flush_icache", "remap_file_pages", "memfd_create", "get_mempolicy", "set_mempolicy",
		"set_mempolicy_home_node", "mbind",
	}},
	{"@signal", "receive, block and send signals", []string{
		"rt_sigaction", "rt_sigprocmask", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait",
		"rt_sigtimedwait_time64", "rt_sigreturn", "sigreturn", "sigaction", "sigprocmask", "sigpending", "sigsuspend",
		"signal", "sgetmask", "ssetmask", "sigaltstack", "pause", "kill", "tkill", "tgkill", "rt_sigqueueinfo",
		"rt_tgsigqueueinfo", "pidfd_send_signal", "signalfd", "signalfd4", "restart_syscall",
	}},
	{"@time", "read clocks, sleep and set timers", []string{
		"time", "gettimeofday", "clock_gettime", "clock_gettime64", "clock_getres", "clock_getres_time64",
		"clock_nanosleep", "clock_nanosleep_time64", "nanosleep", "alarm", "getitimer", "setitimer", "timer_create",
		"timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64",
		"timerfd_create", "timerfd_settime", "timerfd_settime64", "timerfd_gettime", "timerfd_gettime64", "times",
	}},
	{"@process", "make processes, run programs and wait for them", []string{
		"fork", "vfork", "clone", "clone3", "execve", "execveat", "wait4", "waitpid", "waitid", "setpgid", "setsid",
		"exit", "exit_group", "pidfd_open",
	}},
	{"@thread", "what threads and their run-time libraries need; the clone that starts a thread needs a condition of its own", []string{
		"futex", "futex_time64", "futex_wait", "futex_wake", "futex_waitv", "futex_requeue", "set_robust_list",
		"get_robust_list", "set_tid_address", "set_thread_area", "get_thread_area", "rseq", "rseq_slice_yield",
		"membarrier", "gettid", "sched_yield", "sched_getaffinity", "getcpu", "exit", "arch_prctl",
	}},
	{"@info", "ask about the process itself and the machine, without touching files", []string{
		"getpid", "getppid", "gettid", "getpgrp", "getpgid", "getsid", "getuid", "geteuid", "getgid", "getegid",
		"getuid32", "geteuid32", "getgid32", "getegid32", "getresuid", "getresgid", "getresuid32", "getresgid32",
		"getgroups", "getgroups32", "capget", "getcwd", "getcpu", "getrusage", "getrlimit", "ugetrlimit",
		"getpriority", "ioprio_get", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "sched_getattr",
		"sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval", "sched_rr_get_interval_time64",
		"sysinfo", "uname", "olduname", "oldolduname", "times", "getrandom", "riscv_hwprobe",
	}},
	{"@file-read", "open and list files, change directory; the files rules decide which", []string{
		"open", "openat", "openat2", "getdents", "getdents64", "readdir", "readlink", "readlinkat", "chdir", "fchdir",
		"getxattr", "lgetxattr", "fgetxattr", "getxattrat", "listxattr", "llistxattr", "flistxattr", "listxattrat",
		"cachestat",
	}},
	{"@file-write", "create, change, rename and remove files; the files rules decide which", []string{
		"creat", "truncate", "truncate64", "ftruncate", "ftruncate64", "fallocate", "rename", "renameat", "renameat2",
		"link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "mknod",
		"mknodat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "chown32", "fchown", "fchown32", "lchown",
		"lchown32", "fchownat", "utime", "utimes", "futimesat", "utimensat", "utimensat_time64", "setxattr",
		"lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat",
		"file_setattr", "fsync", "fdatasync", "sync_file_range", "arm_sync_file_range", "umask",
	}},
	{"@file-stat", "ask about files without opening them", []string{
		"stat", "stat64", "oldstat", "lstat", "lstat64", "oldlstat", "fstat", "fstat64", "oldfstat", "newfstatat",
		"fstatat64", "statx", "access", "faccessat", "faccessat2", "statfs", "statfs64", "fstatfs", "fstatfs64",
		"ustat", "file_getattr",
	}},
	{"@event", "wait for many descriptors at once", []string{
		"epoll_create", "inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd",
		"eventfd2", "signalfd", "signalfd4", "timerfd_create", "timerfd_settime", "timerfd_settime64",
		"timerfd_gettime", "timerfd_gettime64",
	}},
	{"@schedule", "change priorities and processor affinity", []string{
		"sched_setaffinity", "sched_setparam", "sched_setscheduler", "sched_setattr", "setpriority", "nice",
		"ioprio_set",
	}},
	{"@network", "sockets of every family", []string{
		"socket", "socketpair", "bind", "connect", "listen", "accept", "accept4", "getsockname", "getpeername",
		"getsockopt", "setsockopt", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg",
		"recvmmsg_time64", "shutdown", "socketcall", "send", "recv",
	}},
	{"@ipc", "System V and POSIX queues, semaphores and shared memory", []string{
		"ipc", "shmget", "shmat", "shmdt", "shmctl", "semget", "semop", "semtimedop", "semtimedop_time64", "semctl",
		"msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedsend_time64",
		"mq_timedreceive", "mq_timedreceive_time64", "mq_notify", "mq_getsetattr",
	}},
	{"@aio", "asynchronous I/O before io_uring", []string{
		"io_setup", "io_destroy", "io_submit", "io_cancel", "io_getevents", "io_pgetevents", "io_pgetevents_time64",
	}},
	{"@mount", "change or inspect the mount table or the root", []string{
		"mount", "umount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount",
		"mount_setattr", "fsopen", "fsconfig", "fsmount", "fspick", "statmount", "listmount",
	}},
	{"@keyring", "the kernel's key store", []string{
		"add_key", "request_key", "keyctl",
	}},
	{"@ptrace", "look into or steer other processes", []string{
		"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "process_madvise",
		"process_mrelease",
	}},
	{"@module", "load code into the kernel", []string{
		"init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms",
	}},
	{"@reboot", "stop or replace the kernel", []string{
		"reboot", "kexec_load", "kexec_file_load",
	}},
	{"@clock", "set the machine's clocks", []string{
		"settimeofday", "stime", "clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex",
	}},
	{"@bpf", "load programs into the kernel's virtual machine", []string{
		"bpf",
	}},
	{"@io-uring", "calls made through shared memory, which no supervisor sees", []string{
		"io_uring_setup", "io_uring_enter", "io_uring_register",
	}},
	{"@raw-io", "ports and memory of the hardware", []string{
		"iopl", "ioperm", "vm86", "vm86old", "modify_ldt", "pciconfig_iobase", "pciconfig_read", "pciconfig_write",
	}},
	{"@namespace", "leave or make namespaces", []string{
		"unshare", "setns", "listns",
	}},
	{"@credentials", "change who the process is", []string{
		"setuid", "setuid32", "setgid", "setgid32", "setreuid", "setreuid32", "setregid", "setregid32", "setresuid",
		"setresuid32", "setresgid", "setresgid32", "setfsuid", "setfsuid32", "setfsgid", "setfsgid32", "setgroups",
		"setgroups32", "capset",
	}},
	{"@security", "restrict the process further", []string{
		"seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "lsm_set_self_attr",
		"lsm_get_self_attr", "lsm_list_modules",
	}},
	{"@obsolete", "calls that modern kernels answer with ENOSYS or that no modern program makes", []string{
		"_sysctl", "afs_syscall", "bdflush", "break", "ftime", "getpmsg", "gtty", "idle", "lock", "mpx", "nfsservctl",
		"prof", "profil", "putpmsg", "security", "stty", "tuxcall", "ulimit", "vserver", "uselib", "sysfs",
		"epoll_ctl_old", "epoll_wait_old",
	}},
	{"@dangerous", "doors out of the sandbox and controls of the machine; only a policy that names one gets it", []string{
		"io_uring_setup", "io_uring_enter", "io_uring_register", "ptrace", "process_vm_readv", "process_vm_writev",
		"pidfd_getfd", "kcmp", "process_madvise", "process_mrelease", "mount", "umount", "umount2", "pivot_root",
		"chroot", "open_tree", "open_tree_attr", "move_mount", "mount_setattr", "fsopen", "fsconfig", "fsmount",
		"fspick", "statmount", "listmount", "init_module", "finit_module", "delete_module", "create_module",
		"query_module", "get_kernel_syms", "reboot", "kexec_load", "kexec_file_load", "settimeofday", "stime",
		"clock_settime", "clock_settime64", "clock_adjtime", "clock_adjtime64", "adjtimex", "bpf", "iopl", "ioperm",
		"vm86", "vm86old", "modify_ldt", "pciconfig_iobase", "pciconfig_read", "pciconfig_write", "unshare", "setns", "listns", "add_key", "request_key", "keyctl",
		"userfaultfd", "open_by_handle_at", "name_to_handle_at", "perf_event_open", "seccomp", "fanotify_init",
		"fanotify_mark", "quotactl", "quotactl_fd", "swapon", "swapoff", "sethostname", "setdomainname", "acct",
		"syslog", "vhangup", "lookup_dcookie", "migrate_pages", "move_pages", "memfd_secret", "lsm_set_self_attr",
		"uselib",
	}},
}
