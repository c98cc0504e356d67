package sys

import (
	"structs"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls in this file are about the calling thread alone, as the kernel
// sees it; package syscall's namesakes change every thread of the process. They
// mean something only on a thread that its goroutine is locked to.

// Capabilities are a thread's, as capget(2) gives them.
type Capabilities struct{ Effective, Permitted, Inheritable uint64 }

type capHeader struct {
	_       structs.HostLayout
	version uint32
	pid     int32
}

type capData struct {
	_                                 structs.HostLayout
	effective, permitted, inheritable uint32
}

// ReadCapabilities returns the calling thread's capabilities.
func ReadCapabilities() (Capabilities, syscall.Errno) {
	h := capHeader{version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]capData
	_, _, errno := syscall.RawSyscall(unix.SYS_CAPGET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(&d)), 0)
	return Capabilities{
		Effective:   uint64(d[0].effective) | uint64(d[1].effective)<<32,
		Permitted:   uint64(d[0].permitted) | uint64(d[1].permitted)<<32,
		Inheritable: uint64(d[0].inheritable) | uint64(d[1].inheritable)<<32,
	}, errno
}

// Capable reports whether the calling thread may use all of some capabilities.
func Capable(all uint64) bool {
	own, errno := ReadCapabilities()
	return errno == 0 && own.Effective&all == all
}

// SetCapabilities sets the calling thread's capabilities.
func SetCapabilities(c Capabilities) syscall.Errno {
	h := capHeader{version: unix.LINUX_CAPABILITY_VERSION_3}
	d := [2]capData{
		{effective: uint32(c.Effective), permitted: uint32(c.Permitted), inheritable: uint32(c.Inheritable)},
		{effective: uint32(c.Effective >> 32), permitted: uint32(c.Permitted >> 32), inheritable: uint32(c.Inheritable >> 32)},
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(&d)), 0)
	return errno
}

// CapabilityNumbers returns how many capabilities the kernel knows, which refuses
// all numbers beyond them, or 64, more than there can be, where that cannot be
// told.
func CapabilityNumbers() int {
	for n := range 64 {
		switch _, _, errno := syscall.RawSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, uintptr(n), 0); {
		case errno == syscall.EINVAL && n > 0:
			return n
		case errno != 0:
			return 64
		}
	}
	return 64
}

// EffectiveIDs returns the calling thread's effective user and group.
func EffectiveIDs() (uid, gid uint32) {
	u, _, _ := syscall.RawSyscall(unix.SYS_GETEUID, 0, 0, 0)
	g, _, _ := syscall.RawSyscall(unix.SYS_GETEGID, 0, 0, 0)
	return uint32(u), uint32(g)
}

// SetEffectiveIDs sets them, and with them the file system IDs. Leaving user 0
// takes away the effective capabilities, and becoming it gives all permitted
// ones (capabilities(7)). Real and saved IDs stay, so there is a way back.
func SetEffectiveIDs(uid, gid uint32) syscall.Errno {
	const same = ^uintptr(0)
	// The group first: from any user but root that would need a capability.
	if e, _ := EffectiveIDs(); e != 0 {
		if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, same, uintptr(uid), same); errno != 0 {
			return errno
		}
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESGID, same, uintptr(gid), same); errno != 0 {
		return errno
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, same, uintptr(uid), same)
	return errno
}

// DropGroups empties the calling thread's list of supplementary groups.
func DropGroups() syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0)
	return errno
}

// UnshareFS gives the calling thread a root, working directory and umask of
// its own.
func UnshareFS() syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_UNSHARE, unix.CLONE_FS, 0, 0)
	return errno
}

// Umask sets the umask of the calling thread and of those that share its
// fs_struct, and returns the former one.
func Umask(mask uint32) uint32 {
	old, _, _ := syscall.RawSyscall(unix.SYS_UMASK, uintptr(mask), 0, 0)
	return uint32(old)
}

// Capabilities by number, as masks; see capabilities(7).
const (
	CapSetgid    = 1 << unix.CAP_SETGID
	CapSetuid    = 1 << unix.CAP_SETUID
	CapSetpcap   = 1 << unix.CAP_SETPCAP
	CapSysPtrace = 1 << unix.CAP_SYS_PTRACE
)
