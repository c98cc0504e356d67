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

// SkipCall makes the system call at which pid is stopped return value without
// being made.
func SkipCall(pid int, value uint64) error {
	if err := ptrace(unix.PTRACE_POKEUSR, pid, offsetOrigRAX, ^uintptr(0)); err != nil {
		return err
	}
	return ptrace(unix.PTRACE_POKEUSR, pid, offsetRAX, uintptr(value))
}

// CurrentCall returns the number and arguments of the call that pid entered
// last, at any stop; Nr is -1 outside a call.
func CurrentCall(pid int) (nr int, args [6]uint64, err error) {
	var r unix.PtraceRegs
	if err := syscall.PtraceGetRegs(pid, (*syscall.PtraceRegs)(&r)); err != nil {
		return -1, args, err
	}
	return int(int64(r.Orig_rax)), [6]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9}, nil
}
