package trace

import (
	"sync"

	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

// format is how a call is shown. Arguments that it does not name are left out:
// some calls have arguments that only mean something with others.
type format struct {
	call string
	args []argument
	ret  result
}

// known is what all tables together know of a call.
type known struct {
	*format
	forget func(*descriptorNames, *supervise.Trap) // nil: it makes no name of a descriptor wrong
	moves  bool
	raw    int // how many registers it has as arguments
}

func (f *format) known() *known {
	return &known{f, stale[f.call], moves[f.call], max(syscalls.Args(f.call).Count(), 0)}
}

type args = []argument

// formats are in strace's words, for those who know them. A call that is not
// here is shown by the kinds of its arguments.
var formats = sync.OnceValue(func() map[string]*known {
	all := make(map[string]*known)
	for _, rows := range [][]format{fileCalls(), memoryCalls(), processCalls(), socketCalls(), otherCalls()} {
		for i := range rows {
			all[rows[i].call] = rows[i].known()
		}
	}
	return all
})

func fileCalls() []format {
	return []format{
		{"open", args{path, open, createModeAfter}, opened},
		{"openat", args{directory, path, open, createMode}, opened},
		{"openat2", args{directory, path, openHow, size}, opened},
		{"creat", args{path, mode}, opened},
		{"close", args{file}, decimal},
		{"close_range", args{count, count, flags(closeSet)}, decimal},
		{"read", args{file, output, size}, decimal},
		{"write", args{file, input(2), size}, decimal},
		{"pread64", args{file, output, size, long}, decimal},
		{"pwrite64", args{file, input(2), size, long}, decimal},
		{"readv", args{file, vectorsOut, size}, decimal},
		{"writev", args{file, vectorsIn, size}, decimal},
		{"preadv", args{file, vectorsOut, size, long}, decimal},
		{"pwritev", args{file, vectorsIn, size, long}, decimal},
		{"lseek", args{file, long, one(whenceSet)}, decimal},
		{"stat", args{path, stat}, decimal},
		{"lstat", args{path, stat}, decimal},
		{"fstat", args{file, stat}, decimal},
		{"newfstatat", args{directory, path, stat, flags(atSet)}, decimal},
		{"statx", args{directory, path, statxAt, flags(statxSet), statx}, decimal},
		{"statfs", args{path, statfs}, decimal},
		{"fstatfs", args{file, statfs}, decimal},
		{"access", args{path, flags(accessSet)}, decimal},
		{"faccessat", args{directory, path, flags(accessSet)}, decimal},
		{"faccessat2", args{directory, path, flags(accessSet), flags(atAccessSet)}, decimal},
		{"readlink", args{path, output, size}, decimal},
		{"readlinkat", args{directory, path, output, size}, decimal},
		{"getcwd", args{out(cwdText), size}, decimal},
		{"chdir", args{path}, decimal},
		{"fchdir", args{file}, decimal},
		{"chroot", args{path}, decimal},
		{"mkdir", args{path, mode}, decimal},
		{"mkdirat", args{directory, path, mode}, decimal},
		{"mknod", args{path, fileMode}, decimal},
		{"mknodat", args{directory, path, fileMode}, decimal},
		{"rmdir", args{path}, decimal},
		{"unlink", args{path}, decimal},
		{"unlinkat", args{directory, path, flags(atSet)}, decimal},
		{"rename", args{path, path}, decimal},
		{"renameat", args{directory, path, directory, path}, decimal},
		{"renameat2", args{directory, path, directory, path, flags(renameSet)}, decimal},
		{"link", args{path, path}, decimal},
		{"linkat", args{directory, path, directory, path, flags(atSet)}, decimal},
		{"symlink", args{path, path}, decimal},
		{"symlinkat", args{path, directory, path}, decimal},
		{"chmod", args{path, mode}, decimal},
		{"fchmod", args{file, mode}, decimal},
		{"fchmodat", args{directory, path, mode}, decimal},
		{"fchmodat2", args{directory, path, mode, flags(atSet)}, decimal},
		{"chown", args{path, id, id}, decimal},
		{"lchown", args{path, id, id}, decimal},
		{"fchown", args{file, id, id}, decimal},
		{"fchownat", args{directory, path, id, id, flags(atSet)}, decimal},
		{"truncate", args{path, long}, decimal},
		{"ftruncate", args{file, long}, decimal},
		{"fallocate", args{file, flags(fallocSet), long, long}, decimal},
		{"fadvise64", args{file, long, long, one(adviceSet)}, decimal},
		{"utimensat", args{directory, path, times2, flags(atSet)}, decimal},
		{"getdents64", args{file, out(entries), size}, decimal},
		{"fcntl", args{file, one(fcntlSet), fcntlValue}, fcntlResult},
		{"flock", args{file, flags(flockSet)}, decimal},
		{"ioctl", args{file, one(ioctlSet), ioctlValue}, decimal},
		{"fsync", args{file}, decimal},
		{"fdatasync", args{file}, decimal},
		{"dup", args{file}, duplicated},
		{"dup2", args{file, file}, duplicated},
		{"dup3", args{file, file, open3}, duplicated},
		{"pipe", args{descriptors}, decimal},
		{"pipe2", args{descriptors, pipeFlags}, decimal},
		{"umask", args{mode}, octal},
		{"sendfile", args{file, file, offset, size}, decimal},
		{"copy_file_range", args{file, offset, file, offset, size, number}, decimal},
		{"splice", args{file, offset, file, offset, size, flags(spliceSet)}, decimal},
		{"getxattr", args{path, text, output, size}, decimal},
		{"lgetxattr", args{path, text, output, size}, decimal},
		{"fgetxattr", args{file, text, output, size}, decimal},
		{"setxattr", args{path, text, input(3), size, flags(xattrSet)}, decimal},
		{"fsetxattr", args{file, text, input(3), size, flags(xattrSet)}, decimal},
		{"removexattr", args{path, text}, decimal},
		{"fremovexattr", args{file, text}, decimal},
		{"flistxattr", args{file, output, size}, decimal},
		{"listxattr", args{path, output, size}, decimal},
		{"llistxattr", args{path, output, size}, decimal},
		{"inotify_add_watch", args{file, path, flags(watchSet)}, decimal},
		{"inotify_rm_watch", args{file, number}, decimal},
		{"inotify_init1", args{flags(inotifySet)}, opened},
		{"memfd_create", args{text, flags(memfdSet)}, opened},
	}
}

func memoryCalls() []format {
	return []format{
		{"mmap", args{address, size, flags64(protSet), mapFlags, file, bits}, hexadecimal},
		{"munmap", args{address, size}, decimal},
		{"mprotect", args{address, size, flags64(protSet)}, decimal},
		{"pkey_mprotect", args{address, size, flags64(protSet), number}, decimal},
		{"pkey_alloc", args{bits, bits}, decimal},
		{"mremap", args{address, size, size, flags64(mremapSet), movedTo}, hexadecimal},
		{"madvise", args{address, size, one(madviseSet)}, decimal},
		{"msync", args{address, size, flags(msyncSet)}, decimal},
		{"mlock", args{address, size}, decimal},
		{"mlock2", args{address, size, flags(mlockSet)}, decimal},
		{"munlock", args{address, size}, decimal},
		{"mseal", args{address, size, bits}, decimal},
		{"brk", args{address}, hexadecimal},
		{"membarrier", args{one(membarrier), bits32}, decimal},
	}
}

func processCalls() []format {
	return []format{
		{"execve", args{path, stringsVector, environment}, decimal},
		{"execveat", args{directory, path, stringsVector, environment, flags(atSet)}, decimal},
		{"clone", args{in(namedStack), in(namedFlags), in(namedParent), in(namedTLS), in(namedChild)}, decimal},
		{"clone3", args{cloneArgs, size}, decimal},
		{"fork", args{}, decimal},
		{"vfork", args{}, decimal},
		{"exit", args{number}, decimal},
		{"exit_group", args{number}, decimal},
		{"wait4", args{number, waitStatus, flags(waitSet), rusage}, decimal},
		{"waitid", args{one(waitidSet), number, out(childInfo), flags(waitSet), rusage}, decimal},
		{"getpid", args{}, decimal}, {"getppid", args{}, decimal}, {"gettid", args{}, decimal},
		{"getuid", args{}, decimal}, {"geteuid", args{}, decimal}, {"getgid", args{}, decimal}, {"getegid", args{}, decimal},
		{"setuid", args{id}, decimal}, {"setgid", args{id}, decimal},
		{"setresuid", args{id, id, id}, decimal}, {"setresgid", args{id, id, id}, decimal},
		{"getresuid", args{idOut, idOut, idOut}, decimal}, {"getresgid", args{idOut, idOut, idOut}, decimal},
		{"getpgrp", args{}, decimal}, {"getpgid", args{number}, decimal}, {"setpgid", args{number, number}, decimal},
		{"getsid", args{number}, decimal}, {"setsid", args{}, decimal},
		{"getgroups", args{number, out(groups)}, decimal},
		{"capget", args{out(capHeader), out(capData)}, decimal},
		{"kill", args{number, signal}, decimal},
		{"tkill", args{number, signal}, decimal},
		{"tgkill", args{number, number, signal}, decimal},
		{"rt_sigaction", args{signal, sigaction, sigactionOut, size}, decimal},
		{"rt_sigprocmask", args{maskHow, sigset, sigsetOut, size}, decimal},
		{"rt_sigpending", args{sigsetOut, size}, decimal},
		{"rt_sigsuspend", args{sigset, size}, decimal},
		{"rt_sigtimedwait", args{sigset, address, timespec, size}, decimal},
		{"rt_sigreturn", args{in(sigframe)}, decimal},
		{"sigaltstack", args{altstack, altstackOut}, decimal},
		{"pause", args{}, decimal},
		{"restart_syscall", args{in(func(v *view, _ int) { v.add("<... resuming interrupted system call ...>") })}, decimal},
		{"futex", args{address, in(futexOp), futexValue(2), futexValue(3), futexValue(4), futexValue(5)}, decimal},
		{"set_tid_address", args{address}, decimal},
		{"set_robust_list", args{address, size}, decimal},
		{"rseq", args{address, bits32, flags(rseqSet), bits32}, decimal},
		{"arch_prctl", args{one(archPrctlSet), address}, decimal},
		{"prctl", args{one(prctlSet), in(prctlValue)}, decimal},
		{"personality", args{bits32}, hexadecimal},
		{"prlimit64", args{number, one(rlimitSet), rlimit, rlimits}, decimal},
		{"getrlimit", args{one(rlimitSet), rlimits}, decimal},
		{"setrlimit", args{one(rlimitSet), rlimit}, decimal},
		{"getrusage", args{one(rusageSet), rusage}, decimal},
		{"sched_yield", args{}, decimal},
		{"sched_getaffinity", args{number, size, affinity}, decimal},
		{"sched_setaffinity", args{number, size, affinityIn}, decimal},
		{"sched_getscheduler", args{number}, schedResult},
		{"getpriority", args{one(prioSet), number}, decimal},
		{"setpriority", args{one(prioSet), number, number}, decimal},
		{"pidfd_open", args{number, flags(pidfdSet)}, opened},
		{"seccomp", args{one(seccompOps), bits32, address}, decimal},
	}
}

func socketCalls() []format {
	return []format{
		{"socket", args{one(familySet), socketType, protocol}, opened},
		{"socketpair", args{one(familySet), socketType, protocol, descriptors}, decimal},
		{"bind", args{file, peer, number}, decimal},
		{"connect", args{file, peer, number}, decimal},
		{"listen", args{file, number}, decimal},
		{"accept", args{file, peerOut, lengthOut}, opened},
		{"accept4", args{file, peerOut, lengthOut, flags(sockFlags)}, opened},
		{"getsockname", args{file, peerOut, lengthOut}, decimal},
		{"getpeername", args{file, peerOut, lengthOut}, decimal},
		{"getsockopt", args{file, one(levelSet), option, optionOut, lengthOut}, decimal},
		{"setsockopt", args{file, one(levelSet), option, optionValue, number}, decimal},
		{"sendto", args{file, input(2), size, flags(msgSet), peer, number}, decimal},
		{"recvfrom", args{file, output, size, flags(msgSet), peerOut, lengthOut}, decimal},
		{"sendmsg", args{file, message, flags(msgSet)}, decimal},
		{"recvmsg", args{file, messageOut, flags(msgSet)}, decimal},
		{"shutdown", args{file, one(shutSet)}, decimal},
	}
}

func otherCalls() []format {
	return []format{
		{"poll", args{pollfds, count, number}, polled},
		{"ppoll", args{pollfds, count, timespec, sigset, size}, polled},
		{"select", args{number, fdSetIn, fdSetIn, fdSetIn, timeval}, decimal},
		{"pselect6", args{number, fdSetIn, fdSetIn, fdSetIn, timespec, address}, decimal},
		{"epoll_create1", args{flags(epollCreate)}, opened},
		{"epoll_ctl", args{file, one(epollOps), file, epollEvent}, decimal},
		{"epoll_wait", args{file, epollOut, number, number}, decimal},
		{"epoll_pwait", args{file, epollOut, number, number, sigset, size}, decimal},
		{"eventfd2", args{number, flags(eventfdSet)}, opened},
		{"signalfd4", args{file, sigset, size, flags(signalfdSet)}, opened},
		{"timerfd_create", args{one(clockSet), flags(timerfdSet)}, opened},
		{"timerfd_settime", args{file, flags(timerfdSets), itimerspec, itimerspecs}, decimal},
		{"clock_gettime", args{one(clockSet), timespecOut}, decimal},
		{"clock_getres", args{one(clockSet), timespecOut}, decimal},
		{"clock_nanosleep", args{one(clockSet), flags(timerSet), timespec, remaining}, decimal},
		{"nanosleep", args{timespec, remaining}, decimal},
		{"gettimeofday", args{timevalOut, address}, decimal},
		{"alarm", args{count}, decimal},
		{"getitimer", args{one(itimerSet), itimervals}, decimal},
		{"setitimer", args{one(itimerSet), itimerval, itimervals}, decimal},
		{"getrandom", args{out(randomBytes), size, flags(grndSet)}, decimal},
		{"uname", args{utsname}, decimal},
		{"sysinfo", args{sysinfo}, decimal},
	}
}
