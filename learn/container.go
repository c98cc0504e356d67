package learn

import (
	"slices"
	"syscall"

	"github.com/belljar/belljar/policy"
)

// runtimeCalls are what a container's runtime itself makes under the profile
// that it has loaded, before it executes the program: runc as found in
// https://github.com/opencontainers/runc/issues/2097, crun fewer.
var runtimeCalls = []string{"brk", "capget", "capset", "chdir", "clock_gettime", "close", "close_range", "epoll_ctl", "epoll_pwait", "execve", "exit_group",
	"faccessat2", "fchown", "fcntl", "fstat", "fstatfs", "futex", "getcwd", "getdents64", "getpid", "getppid", "gettid", "lseek", "madvise", "mmap", "munmap", "nanosleep",
	"newfstatat", "openat", "prctl", "read", "readlinkat", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_yield", "setgid", "setgroups",
	"setresgid", "setresuid", "setuid", "sigaltstack", "statx", "tgkill", "umask", "write"}

// InContainer returns a learned policy's rules on calls as a container needs
// them: what its runtime calls is allowed, whatever the arguments, and other
// calls fail with EPERM, as under the profiles that container engines come with.
// Files and peers are not part of it.
func InContainer(p *policy.Policy) *policy.Policy {
	out := &policy.Policy{Name: p.Name, Default: policy.Action{Kind: policy.Deny, Errno: uint16(syscall.EPERM)}}
	for _, r := range p.Rules {
		if !slices.Contains(runtimeCalls, r.Call) && r.Do != out.Default {
			out.Rules = append(out.Rules, r)
		}
	}
	for _, call := range runtimeCalls {
		out.Rules = append(out.Rules, policy.Rule{Call: call, Do: policy.Action{Kind: policy.Allow}})
	}
	return out
}
