package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	ntPRStatus      = 1     // NT_PRSTATUS
	ntARMSystemCall = 0x404 // NT_ARM_SYSTEM_CALL
)

type iovec struct {
	base unsafe.Pointer
	len  uintptr
}

func regset(request, pid int, set uintptr, p unsafe.Pointer, size uintptr) error {
	v := iovec{p, size}
	return ptrace(request, pid, set, uintptr(unsafe.Pointer(&v)))
}

// SkipCall makes the system call at which pid is stopped return value without
// being made.
func SkipCall(pid int, value uint64) error {
	none := int32(-1)
	if err := regset(unix.PTRACE_SETREGSET, pid, ntARMSystemCall, unsafe.Pointer(&none), 4); err != nil {
		return err
	}
	var r unix.PtraceRegs
	if err := regset(unix.PTRACE_GETREGSET, pid, ntPRStatus, unsafe.Pointer(&r), unsafe.Sizeof(r)); err != nil {
		return err
	}
	r.Regs[0] = value
	return regset(unix.PTRACE_SETREGSET, pid, ntPRStatus, unsafe.Pointer(&r), unsafe.Sizeof(r))
}

// CurrentCall returns the number and arguments of the call that pid entered
// last, at any stop; Nr is -1 outside a call.
func CurrentCall(pid int) (nr int, args [6]uint64, err error) {
	var n int32
	if err := regset(unix.PTRACE_GETREGSET, pid, ntARMSystemCall, unsafe.Pointer(&n), 4); err != nil {
		return -1, args, err
	}
	var r unix.PtraceRegs
	if err := regset(unix.PTRACE_GETREGSET, pid, ntPRStatus, unsafe.Pointer(&r), unsafe.Sizeof(r)); err != nil {
		return -1, args, err
	}
	copy(args[:], r.Regs[:6])
	return int(n), args, nil
}
