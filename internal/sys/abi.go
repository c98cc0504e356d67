package sys

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Numbers of system calls that package syscall lacks.
const (
	SysCapset       = unix.SYS_CAPSET
	SysCloseRange   = unix.SYS_CLOSE_RANGE
	SysExecveat     = unix.SYS_EXECVEAT
	SysKeyctl       = unix.SYS_KEYCTL
	SysMountSetattr = unix.SYS_MOUNT_SETATTR
	SysPidfdOpen    = unix.SYS_PIDFD_OPEN
	SysPrlimit64    = unix.SYS_PRLIMIT64
	SysSeccomp      = unix.SYS_SECCOMP
	SysSetresgid    = unix.SYS_SETRESGID
	SysSetresuid    = unix.SYS_SETRESUID
	SysPpoll        = unix.SYS_PPOLL
)

// Arguments of those calls.
const (
	AtEmptyPath          = unix.AT_EMPTY_PATH
	FDupfdCloexec        = unix.F_DUPFD_CLOEXEC
	KeyctlJoinSession    = unix.KEYCTL_JOIN_SESSION_KEYRING
	PrSetPdeathsig       = unix.PR_SET_PDEATHSIG
	PrSetNoNewPrivs      = unix.PR_SET_NO_NEW_PRIVS
	PrSetDumpable        = unix.PR_SET_DUMPABLE
	PrGetDumpable        = unix.PR_GET_DUMPABLE
	PrCapbsetDrop        = unix.PR_CAPBSET_DROP
	PrCapAmbient         = unix.PR_CAP_AMBIENT
	PrCapAmbientClearAll = unix.PR_CAP_AMBIENT_CLEAR_ALL
	SeccompSetModeFilter = unix.SECCOMP_SET_MODE_FILTER
	SigSetmask           = unix.SIG_SETMASK
	RlimitCPU            = unix.RLIMIT_CPU
	RlimitFsize          = unix.RLIMIT_FSIZE
	RlimitStack          = unix.RLIMIT_STACK
	RlimitCore           = unix.RLIMIT_CORE
	RlimitNofile         = unix.RLIMIT_NOFILE
	RlimInfinity         = unix.RLIM_INFINITY
	PollIn               = unix.POLLIN
	CapLast              = unix.CAP_LAST_CAP
)

// Address returns the address of b's first byte. It means something only as
// long as the caller keeps b, which must be on the heap.
func Address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// WordAddress is Address of a word.
func WordAddress(w *uintptr) uintptr { return uintptr(unsafe.Pointer(w)) }

// LoadWord reads a word that a launched process may be writing.
func LoadWord(w *uintptr) uintptr { return atomic.LoadUintptr(w) }

// AwaitWord sleeps while the word is None, until it is woken by FUTEX_WAKE, or for
// some milliseconds.
func AwaitWord(w *uintptr) {
	limit := syscall.NsecToTimespec(10e6)
	syscall.Syscall6(syscall.SYS_FUTEX, WordAddress(w), futexWait, uintptr(^uint32(0)), uintptr(unsafe.Pointer(&limit)), 0, 0)
}

// Words returns the bytes of w, as the kernel reads them.
func Words(w []uintptr) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(w))), len(w)*int(unsafe.Sizeof(uintptr(0))))
}

// Probe makes a system call that cannot have an effect and returns its error.
func Probe(nr uintptr, args ...uintptr) (uintptr, syscall.Errno) {
	var a [6]uintptr
	copy(a[:], args)
	r, _, errno := syscall.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, errno
}

// ActionAvailable reports whether the kernel knows a seccomp action.
func ActionAvailable(action uint32) bool {
	_, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	return errno == 0
}

// Numbers that only probes use.
const (
	SysLandlockCreateRuleset     = unix.SYS_LANDLOCK_CREATE_RULESET
	LandlockCreateRulesetVersion = unix.LANDLOCK_CREATE_RULESET_VERSION
	SysMseal                     = unix.SYS_MSEAL
	SysClone3                    = unix.SYS_CLONE3
)
