// Package kernel knows which features the running kernel has, and which
// version brought each.
package kernel

import (
	"fmt"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// Feature is something that a kernel has or lacks.
type Feature struct {
	Name  string
	Since string // the version that brought it
	Use   string // what Belljar does with it
	probe func() bool

	once sync.Once
	have bool
}

// Have reports whether the running kernel has the feature. The answer cannot
// change and is kept.
func (f *Feature) Have() bool {
	f.once.Do(func() { f.have = f.probe() })
	return f.have
}

// Lack makes Have say that there is no such feature until restore is called, so
// that tests see what Belljar does on an older kernel. No run may be under way.
func (f *Feature) Lack() (restore func()) {
	have := f.Have()
	f.have = false
	return func() { f.have = have }
}

// known asks a system call that must fail for its arguments; a kernel that
// lacks it says ENOSYS, and so does a container's filter.
func known(nr uintptr, args ...uintptr) func() bool {
	return func() bool {
		_, errno := sys.Probe(nr, args...)
		return errno != syscall.ENOSYS
	}
}

const bad = ^uintptr(0) // a descriptor or address that is never valid

// The features, oldest first.
var (
	Seccomp      = &Feature{Name: "seccomp filters", Since: "3.5", Use: "system calls decided in the kernel", probe: func() bool { return sys.ActionAvailable(0x80000000) }}
	Ptrace       = &Feature{Name: "ptrace", Since: "3.4", Use: "a tracer follows the programs that it starts", probe: canTrace}
	PidfdOpen    = &Feature{Name: "pidfd_open", Since: "5.3", Use: "signals that never hit a recycled PID", probe: known(sys.SysPidfdOpen, 0, bad)}
	CloneInto    = &Feature{Name: "clone3 into a cgroup", Since: "5.7", Use: "processes born into their cgroup; moving one there can take 10 ms", probe: known(sys.SysClone3, 0, 0)}
	CloseRange   = &Feature{Name: "close_range", Since: "5.9", Use: "no inherited descriptor", probe: known(sys.SysCloseRange, 1, 0, 0)}
	MountSetattr = &Feature{Name: "mount_setattr", Since: "5.12", Use: "read-only mounts with all below them in one call", probe: known(sys.SysMountSetattr, bad, 0, 0, 0, 0)}
	Landlock     = &Feature{Name: "landlock", Since: "5.13", Use: "file rules kept by the kernel, on the inode at use", probe: func() bool { return LandlockABI() > 0 }}
	Notify       = &Feature{Name: "notify", Since: "5.19", Use: "calls answered by a supervisor that signals do not interrupt", probe: canNotify}
	// ExecDeniesWrite was given up in 6.11 (2a010c412853) and came back in 6.13.
	ExecDeniesWrite = &Feature{Name: "ETXTBSY", Since: "1.0", Use: "a program's own file does not change while it is executed", probe: execDeniesWrite}
	Mseal           = &Feature{Name: "mseal", Since: "6.10", Use: "argument pages that a program cannot move", probe: known(sys.SysMseal, 1, 0, 0)}
)

// All lists the features.
var All = []*Feature{Seccomp, Ptrace, PidfdOpen, CloneInto, CloseRange, MountSetattr, Landlock, Notify, Mseal}

// execDeniesWrite asks whether this program's own file could be opened for writing. Where
// that is refused for another reason, the version has to tell.
func execDeniesWrite() bool {
	fd, errno := sys.OpenFile(sys.AT_FDCWD, "/proc/self/exe", syscall.O_WRONLY)
	switch errno {
	case 0:
		sys.CloseFile(fd)
		return false
	case syscall.ETXTBSY:
		return true
	}
	return !gaveUpDenying(sys.Release())
}

// gaveUpDenying reports whether a release may be one that lets files be written while they
// are executed.
func gaveUpDenying(release string) bool {
	var major, minor int
	_, err := fmt.Sscanf(release, "%d.%d", &major, &minor)
	return err != nil || major == 6 && (minor == 11 || minor == 12)
}

// canTrace asks to follow a process that cannot exist: who may trace is told
// that there is none.
func canTrace() bool { return sys.Seize(-1, 0) == syscall.ESRCH }

// canNotify asks for all that the notify supervisor needs: the youngest of it
// is SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV. pidfd_getfd is 5.6, and some containers
// refuse it.
func canNotify() bool {
	_, errno := sys.Probe(sys.SysPidfdGetfd, bad, bad, 0)
	return errno == syscall.EBADF && sys.ListenerFlagsKnown(sys.SeccompNewListener|sys.SeccompWaitKillableRecv) && sys.CheckNotification() == nil
}

// LandlockABI returns the version of Landlock that the kernel speaks, 0 if it
// has none or it was not switched on at boot.
func LandlockABI() int {
	v, errno := sys.Probe(sys.SysLandlockCreateRuleset, 0, 0, sys.LandlockCreateRulesetVersion)
	if errno != 0 {
		return 0
	}
	return int(v)
}
