package sys

import (
	"fmt"
	"structs"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filterProgram is struct sock_fprog.
type filterProgram struct {
	_    structs.HostLayout
	len  uint16
	_    [6]byte
	code *byte
}

// sockFilterSize is sizeof(struct sock_filter).
const sockFilterSize = 8

// ConfineAllThreads gives every thread of this process no_new_privs and
// filters, arrays of struct sock_filter. The caller must be locked to its thread.
func ConfineAllThreads(filters ...[]byte) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl(PR_SET_NO_NEW_PRIVS): %w", err)
	}
	for _, code := range filters {
		if err := filterAllThreads(code); err != nil {
			return err
		}
	}
	return nil
}

// filterAllThreads gives every thread a filter, or none of them
// (SECCOMP_FILTER_FLAG_TSYNC, Linux 3.17).
func filterAllThreads(code []byte) error {
	prog := filterProgram{len: uint16(len(code) / sockFilterSize), code: unsafe.SliceData(code)}
	tid, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("seccomp(SECCOMP_SET_MODE_FILTER): %w", errno)
	}
	if tid != 0 {
		return fmt.Errorf("seccomp(SECCOMP_SET_MODE_FILTER): thread %d has filters of its own", tid)
	}
	return nil
}

// ReadFilter returns a filter of a stopped tracee as an array of struct
// sock_filter, the youngest at index 0. It needs CAP_SYS_ADMIN in the first user
// namespace, no filter on the caller, and a kernel with CONFIG_CHECKPOINT_RESTORE.
// ENOENT says that there is none at this index.
func ReadFilter(tid, index int) ([]byte, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(tid), uintptr(index), 0, 0, 0)
	if errno != 0 {
		return nil, errno
	}
	code := make([]byte, n*sockFilterSize)
	_, _, errno = syscall.RawSyscall6(syscall.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(tid), uintptr(index),
		uintptr(unsafe.Pointer(unsafe.SliceData(code))), 0, 0)
	if errno != 0 {
		return nil, errno
	}
	return code, nil
}

// InterruptTracee stops a tracee that was seized.
func InterruptTracee(tid int) error { return ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0) }

// Detach lets a stopped tracee go.
func Detach(tid int) error { return ptrace(unix.PTRACE_DETACH, tid, 0, 0) }
