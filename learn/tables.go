package learn

// What is learned beyond what was seen, and where it stops. A reader of a
// learned policy finds these rules in its comments.

// constrained are arguments that decide what a call can do, and of which
// programs use few values. Always means that the values stay listed however
// many there are; others are given up when there are more than maxValues.
var constrained = map[string][]struct {
	arg    int
	always bool
}{
	"socket":      {{0, true}, {1, true}},
	"socketpair":  {{0, true}},
	"clone":       {{0, true}},
	"prctl":       {{0, true}},
	"ioctl":       {{1, true}},
	"fcntl":       {{1, true}},
	"arch_prctl":  {{0, true}},
	"personality": {{0, true}},
	"mmap":        {{2, false}},
	"mprotect":    {{2, false}},
	"setsockopt":  {{1, false}, {2, false}},
	"keyctl":      {{0, true}},
	"seccomp":     {{0, true}},
}

const maxValues = 16

// companions are calls that a program makes or not as time and chance have
// it: who makes one of the first may need the second.
var companions = []struct {
	seen []string
	also []string
}{
	{[]string{"read", "write", "wait4", "nanosleep", "clock_nanosleep", "poll", "futex"}, []string{"exit_group", "restart_syscall"}},
	{[]string{"rt_sigaction"}, []string{"rt_sigreturn"}},
	{[]string{"mmap"}, []string{"munmap", "mremap", "madvise"}},
	{[]string{"brk", "mmap"}, []string{"brk", "getrandom"}},
	{[]string{"futex", "clone", "clone3"}, []string{"futex", "sched_yield", "rt_sigprocmask", "set_robust_list", "rseq", "gettid", "getpid", "exit", "tgkill"}},
	{[]string{"vfork", "fork", "clone"}, []string{"wait4", "waitid"}},
	{[]string{"clock_gettime", "gettimeofday"}, []string{"clock_gettime", "gettimeofday"}},
	{[]string{"epoll_wait", "epoll_pwait"}, []string{"epoll_wait", "epoll_pwait", "epoll_ctl"}},
	{[]string{"sched_yield"}, []string{"nanosleep", "clock_nanosleep"}},
}

// libraries are directories that hold programs' parts and no secrets. Whatever
// is read in one opens it whole.
var libraries = []string{"/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/share", "/usr/include", "/usr/local/lib",
	"/usr/local/share", "/usr/local/include", "/lib", "/lib32", "/lib64", "/etc/alternatives", "/etc/ssl/certs",
	"/etc/fonts", "/sys/devices/system/cpu", "/sys/kernel/mm/transparent_hugepage"}

// passing are directories for files that do not stay. What is created in one
// has a name of chance, of which keptBytes are kept: /tmp/ccW3bqZR.s is learned
// as /tmp/cc*, and with all below it if it is a directory.
var passing = []string{"/tmp", "/var/tmp", "/dev/shm"}

const keptBytes = 2

// guarded directories are never opened whole because several of their files
// are used, nor are those below them that hide: each file has a line.
var guarded = []string{"/", "/etc", "/home", "/root", "/var", "/var/lib", "/var/log", "/run", "/proc", "/proc/self", "/dev", "/sys", "/usr",
	"/boot", "/srv", "/mnt", "/media", "/opt", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local", "/usr/local/bin"}

// manyFiles of one directory that are used alike stand for all of it, and
// manyBelow of a tree for the tree.
const (
	manyFiles = 4
	manyBelow = 12
)
