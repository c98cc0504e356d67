package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Offsets into struct user_regs_struct.
const (
	offsetRAX     = 80
	offsetOrigRAX = 120
)

// syscallLength is that of the instruction, also of int 0x80.
const syscallLength = 2

// Regs are the registers of a stopped tracee that a system call has to do with.
type Regs struct{ raw syscall.PtraceRegs }

// ReadRegs reads the registers of pid.
func ReadRegs(pid int, r *Regs) error { return syscall.PtraceGetRegs(pid, &r.raw) }

// WriteRegs replaces them.
func WriteRegs(pid int, r *Regs) error { return syscall.PtraceSetRegs(pid, &r.raw) }

// Call is, at the stop before a system call, another call in its place.
func (r Regs) Call(nr int, args [6]uint64) Regs {
	r.raw.Orig_rax = uint64(nr)
	r.raw.Rdi, r.raw.Rsi, r.raw.Rdx, r.raw.R10, r.raw.R8, r.raw.R9 = args[0], args[1], args[2], args[3], args[4], args[5]
	return r
}

// Nr is the number of the call that the tracee is in, -1 outside one.
func (r *Regs) Nr() int { return int(int32(r.raw.Orig_rax)) }

// Args are its arguments.
func (r *Regs) Args() [6]uint64 {
	return [6]uint64{r.raw.Rdi, r.raw.Rsi, r.raw.Rdx, r.raw.R10, r.raw.R8, r.raw.R9}
}

// Result is what the call returned, at the stop after it.
func (r *Regs) Result() uint64 { return r.raw.Rax }

// Done is how the tracee goes on after a call that it was stopped before with r
// and that returned result.
func (r Regs) Done(result uint64) Regs {
	r.raw.Rax = result
	return r
}

// Interrupted reports, at the stop before a signal is delivered, whether the
// signal interrupts a call that is made anew or not as its handler wants.
func (r *Regs) Interrupted() bool {
	const restartSys = 512 // ERESTARTSYS
	return r.Nr() >= 0 && int64(r.raw.Rax) == -restartSys
}

// Restarted is how the tracee handles the signal and then makes the call anew
// whatever the handler wants.
func (r Regs) Restarted() Regs {
	const restartNoIntr = 513 // ERESTARTNOINTR
	r.raw.Rax = ^uint64(restartNoIntr - 1)
	return r
}

// Again is how the tracee makes, from the start, the call that it was stopped
// before with r.
func (r Regs) Again() Regs {
	r.raw.Rip -= syscallLength
	r.raw.Rax = r.raw.Orig_rax
	r.raw.Orig_rax = ^uint64(0) // no call: the kernel must not restart one
	return r
}

// SkipCall makes the system call at which pid is stopped return value without
// being made.
func SkipCall(pid int, value uint64) error {
	if err := ptrace(unix.PTRACE_POKEUSR, pid, offsetOrigRAX, ^uintptr(0)); err != nil {
		return err
	}
	return ptrace(unix.PTRACE_POKEUSR, pid, offsetRAX, uintptr(value))
}

// CurrentCall returns the number and arguments of the call that pid entered
// last, at any stop; nr is -1 outside a call.
func CurrentCall(pid int) (nr int, args [6]uint64, err error) {
	var r Regs
	if err := ReadRegs(pid, &r); err != nil {
		return -1, args, err
	}
	return int(int64(r.raw.Orig_rax)), r.Args(), nil
}
