package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	ntPRStatus      = 1     // NT_PRSTATUS
	ntARMSystemCall = 0x404 // NT_ARM_SYSTEM_CALL
)

// syscallLength is that of the svc instruction.
const syscallLength = 4

type iovec struct {
	base unsafe.Pointer
	len  uintptr
}

func regset(request, pid int, set uintptr, p unsafe.Pointer, size uintptr) error {
	v := iovec{p, size}
	return ptraceMemory(request, pid, set, unsafe.Pointer(&v))
}

// Regs are the registers of a stopped tracee that a system call has to do with.
type Regs struct {
	raw unix.PtraceRegs
	nr  int32 // the call, which the kernel keeps apart from x8
}

// ReadRegs reads the registers of pid.
func ReadRegs(pid int, r *Regs) error {
	if err := regset(unix.PTRACE_GETREGSET, pid, ntARMSystemCall, unsafe.Pointer(&r.nr), 4); err != nil {
		return err
	}
	return regset(unix.PTRACE_GETREGSET, pid, ntPRStatus, unsafe.Pointer(&r.raw), unsafe.Sizeof(r.raw))
}

// WriteRegs replaces them.
func WriteRegs(pid int, r *Regs) error {
	if err := regset(unix.PTRACE_SETREGSET, pid, ntARMSystemCall, unsafe.Pointer(&r.nr), 4); err != nil {
		return err
	}
	return regset(unix.PTRACE_SETREGSET, pid, ntPRStatus, unsafe.Pointer(&r.raw), unsafe.Sizeof(r.raw))
}

// Call is, at the stop before a system call, another call in its place.
func (r Regs) Call(nr int, args [6]uint64) Regs {
	r.nr = int32(nr)
	copy(r.raw.Regs[:6], args[:])
	return r
}

// Nr is the number of the call that the tracee is in, -1 outside one.
func (r *Regs) Nr() int { return int(r.nr) }

// Args are its arguments.
func (r *Regs) Args() (args [6]uint64) {
	copy(args[:], r.raw.Regs[:6])
	return args
}

// Result is what the call returned, at the stop after it.
func (r *Regs) Result() uint64 { return r.raw.Regs[0] }

// Done is how the tracee goes on after a call that it was stopped before with r
// and that returned result. Where a signal makes the kernel restart the call,
// it takes the first argument from where it saved it at the call's entry.
func (r Regs) Done(result uint64) Regs {
	r.raw.Regs[0] = result
	return r
}

// Interrupted is always false: before the stop the kernel has already prepared
// the call to be made anew, and what becomes of it if the handler does not want
// that is decided without looking at the registers again (do_signal).
func (r *Regs) Interrupted() bool { return false }

// Restarted is never needed.
func (r Regs) Restarted() Regs { return r }

// Again is how the tracee makes, from the start, the call that it was stopped
// before with r.
func (r Regs) Again() Regs {
	r.raw.Pc -= syscallLength
	r.nr = -1 // no call: the kernel must not restart one
	return r
}

// SkipCall makes the system call at which pid is stopped return value without
// being made.
func SkipCall(pid int, value uint64) error {
	var r Regs
	if err := ReadRegs(pid, &r); err != nil {
		return err
	}
	r.nr, r.raw.Regs[0] = -1, value
	return WriteRegs(pid, &r)
}

// CurrentCall returns the number and arguments of the call that pid entered
// last, at any stop; nr is -1 outside a call.
func CurrentCall(pid int) (nr int, args [6]uint64, err error) {
	var r Regs
	if err := ReadRegs(pid, &r); err != nil {
		return -1, args, err
	}
	return r.Nr(), r.Args(), nil
}
