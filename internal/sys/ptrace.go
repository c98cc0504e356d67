package sys

import (
	"encoding/binary"
	"structs"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Events of a ptrace stop, as wait status >> 16.
const (
	EventFork    = unix.PTRACE_EVENT_FORK
	EventVfork   = unix.PTRACE_EVENT_VFORK
	EventClone   = unix.PTRACE_EVENT_CLONE
	EventExec    = unix.PTRACE_EVENT_EXEC
	EventExit    = unix.PTRACE_EVENT_EXIT
	EventSeccomp = unix.PTRACE_EVENT_SECCOMP
	EventStop    = unix.PTRACE_EVENT_STOP
)

// TraceOptions follows every descendant and kills all of them when the tracer
// dies.
const TraceOptions = unix.PTRACE_O_EXITKILL | unix.PTRACE_O_TRACESECCOMP | unix.PTRACE_O_TRACEFORK |
	unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACEEXIT |
	unix.PTRACE_O_TRACESYSGOOD

// ReturnStop is the signal of the stop after a call that ContToReturn let be
// made: bit 7 tells it from a SIGTRAP of the program's own.
const ReturnStop = syscall.SIGTRAP | 0x80

// SyscallInfo is struct ptrace_syscall_info at a seccomp stop (Linux 5.3).
type SyscallInfo struct {
	_       structs.HostLayout
	Op      uint8
	_       [3]uint8
	Arch    uint32
	IP, SP  uint64
	Nr      uint64
	Args    [6]uint64
	RetData uint32
	_       uint32
}

func ptrace(request, pid int, addr, data uintptr) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, uintptr(request), uintptr(pid), addr, data, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// ptraceMemory is ptrace with memory for data. It takes a pointer, not its number:
// a stack that grows is moved, and the number of what lay on it then means
// memory of somebody else's.
func ptraceMemory(request, pid int, addr uintptr, data unsafe.Pointer) error {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, uintptr(request), uintptr(pid), addr, uintptr(data), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// Seize attaches to pid without stopping it, with all options in one step.
func Seize(pid int, options uintptr) error { return ptrace(unix.PTRACE_SEIZE, pid, 0, options) }

// Cont lets a stopped tracee run and delivers sig unless it is 0.
func Cont(pid int, sig syscall.Signal) error {
	return ptrace(unix.PTRACE_CONT, pid, 0, uintptr(sig))
}

// ContToReturn lets a tracee make the system call at which it is stopped, and
// stops it again when that returns.
func ContToReturn(pid int) error { return ptrace(unix.PTRACE_SYSCALL, pid, 0, 0) }

// Listen leaves a tracee in its group-stop, so that SIGCONT can end it.
func Listen(pid int) error { return ptrace(unix.PTRACE_LISTEN, pid, 0, 0) }

// StopTracee makes a tracee stop soon, with PTRACE_EVENT_STOP, and look for
// signals: a call of its own that one interrupts is then made anew, or not. It
// fails only for a tracee that is gone.
func StopTracee(pid int) { ptrace(unix.PTRACE_INTERRUPT, pid, 0, 0) }

// EventMessage returns the number that belongs to the tracee's event. A tracee
// that is killed while it is stopped goes on to PTRACE_EVENT_EXIT at once, and
// then the message is that event's: the error is ESRCH if the tracee is not
// stopped for the event that was asked about any more.
func EventMessage(pid, event int) (uint64, error) {
	var msg uint64
	if err := ptraceMemory(unix.PTRACE_GETEVENTMSG, pid, 0, unsafe.Pointer(&msg)); err != nil {
		return 0, err
	}
	// After the message: no tracee goes back to a stop that it has left.
	var info SignalInfo
	if err := ReadSignalInfo(pid, &info); err != nil {
		return 0, err
	}
	if int(info.Code)>>8 != event {
		return 0, syscall.ESRCH
	}
	return msg, nil
}

// ReadSyscallInfo reads the call at which pid is stopped.
func ReadSyscallInfo(pid int, info *SyscallInfo) error {
	return ptraceMemory(unix.PTRACE_GET_SYSCALL_INFO, pid, unsafe.Sizeof(*info), unsafe.Pointer(info))
}

// ReadTrap reads the call at which a filter has stopped pid. To read the registers
// takes twice as long.
func ReadTrap(pid int) (nr int, args [6]uint64, err error) {
	var info SyscallInfo
	err = ReadSyscallInfo(pid, &info)
	if err == nil && info.Op != syscallInfoSeccomp {
		err = syscall.ESRCH // killed, it has left the stop
	}
	return int(int32(info.Nr)), info.Args, err
}

// ReadReturn reads what the call has returned at whose return pid is stopped; an
// error is a negative errno.
func ReadReturn(pid int) (uint64, error) {
	var info SyscallInfo // at such a stop the result is where the number is before the call
	err := ReadSyscallInfo(pid, &info)
	if err == nil && info.Op != syscallInfoExit {
		err = syscall.ESRCH
	}
	return info.Nr, err
}

// PTRACE_SYSCALL_INFO_EXIT and _SECCOMP.
const (
	syscallInfoExit    = 2
	syscallInfoSeccomp = 3
)

// SignalInfo is the head of siginfo_t.
type SignalInfo struct {
	Signo, Errno, Code int32
	rest               [116]byte
}

// Sender returns si_pid, si_uid and si_status, which signals from processes and
// SIGCHLD have.
func (s *SignalInfo) Sender() (pid, uid, status int32) {
	// The union begins at an address that a pointer in it can have.
	word := func(at int) int32 { return int32(binary.NativeEndian.Uint32(s.rest[at-12:])) }
	return word(16), word(20), word(24)
}

// FromItself makes the signal one that the kernel raises in a process for what
// that has done itself (SEND_SIG_NOINFO); pid and uid are what the process sees.
func (s *SignalInfo) FromItself(pid, uid int) {
	s.Code = 0 // SI_USER
	binary.NativeEndian.PutUint32(s.rest[4:], uint32(pid))
	binary.NativeEndian.PutUint32(s.rest[8:], uint32(uid))
}

// Addr returns si_addr, which signals of faults have.
func (s *SignalInfo) Addr() uint64 { return binary.NativeEndian.Uint64(s.rest[4:]) }

// ReadSignalInfo reads the signal at whose delivery pid is stopped.
func ReadSignalInfo(pid int, info *SignalInfo) error {
	return ptraceMemory(unix.PTRACE_GETSIGINFO, pid, 0, unsafe.Pointer(info))
}

// WriteSignalInfo changes what is delivered with it.
func WriteSignalInfo(pid int, info *SignalInfo) error {
	return ptraceMemory(unix.PTRACE_SETSIGINFO, pid, 0, unsafe.Pointer(info))
}

// SiTkill is the code of a signal that was sent with tgkill(2).
const SiTkill = -6

// SiNudge is the code of what Nudge sends, which nothing else has.
const SiNudge = -0x424a

// Nudge sends a thread a signal that is for its tracer alone: before the thread
// runs on, it stops there.
func Nudge(pid, tid int, sig syscall.Signal) syscall.Errno {
	info := SignalInfo{Signo: int32(sig), Code: SiNudge}
	_, _, errno := syscall.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, uintptr(pid), uintptr(tid), uintptr(sig), uintptr(unsafe.Pointer(&info)), 0, 0)
	return errno
}

// SiSyscall is the code of a SIGSYS that a seccomp filter sent.
const SiSyscall = 1

// WaitTracee waits for a stop or the end of any tracee of the calling thread
// and of no other process: __WCLONE hides children with exit signal SIGCHLD
// that are not traced, such as those that os/exec started from this thread.
func WaitTracee(status *syscall.WaitStatus, usage *syscall.Rusage) (int, error) {
	for {
		pid, err := syscall.Wait4(-1, status, unix.WCLONE|unix.WNOTHREAD, usage)
		if err != syscall.EINTR {
			return pid, err
		}
	}
}

// PollTracee is WaitTracee that does not wait: 0 says that there is nothing to
// report.
func PollTracee(status *syscall.WaitStatus, usage *syscall.Rusage) (int, error) {
	return syscall.Wait4(-1, status, unix.WCLONE|unix.WNOTHREAD|unix.WNOHANG, usage)
}

// WaitPID waits for the end of a child, whatever its exit signal.
func WaitPID(pid int, usage *syscall.Rusage) (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, unix.WALL, usage)
		if err != syscall.EINTR {
			return status, err
		}
	}
}

// WaitStop waits until a child has stopped itself, or reaps it if it ends
// before.
func WaitStop(pid int) (stopped bool, err error) {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, unix.WALL|unix.WUNTRACED, nil)
		if err != syscall.EINTR {
			return status.Stopped(), err
		}
	}
}

// ReadMemory reads another process's memory at addr, as far as it is readable.
// No bytes at all is EFAULT.
func ReadMemory(pid int, addr uint64, buf []byte) (int, error) {
	return moveMemory(unix.SYS_PROCESS_VM_READV, pid, addr, buf)
}

// WriteMemory is the counterpart of ReadMemory.
func WriteMemory(pid int, addr uint64, data []byte) (int, error) {
	return moveMemory(unix.SYS_PROCESS_VM_WRITEV, pid, addr, data)
}

func moveMemory(nr uintptr, pid int, addr uint64, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	local := syscall.Iovec{Base: unsafe.SliceData(b), Len: uint64(len(b))}
	// process_vm_readv transfers whole iovec elements: split at page borders,
	// so that the bytes before an unmapped page still arrive.
	const page = 4096
	var remote [3]struct{ base, len uint64 }
	n := 0
	for left := uint64(len(b)); left > 0; n++ {
		size := min(left, page-addr%page)
		if n == len(remote)-1 {
			size = left
		}
		remote[n].base, remote[n].len = addr, size
		addr, left = addr+size, left-size
	}
	// Not a raw call: a page of the tracee's may be slow to come.
	r, _, errno := syscall.Syscall6(nr, uintptr(pid), uintptr(unsafe.Pointer(&local)), 1,
		uintptr(unsafe.Pointer(&remote)), uintptr(n), 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// ProcessCPU returns the user and system time of pid's threads, dead ones
// included, but not its children's.
func ProcessCPU(pid int) (time.Duration, error) {
	return clock(pid, schedClock)
}

// ThreadCPU returns the user and system time of a thread of this process.
func ThreadCPU(tid int) (time.Duration, error) { return clock(tid, schedClock|threadClock) }

// The clocks of clock_getcpuclockid(3) and pthread_getcpuclockid(3).
const (
	schedClock  = 2 // CPUCLOCK_SCHED
	threadClock = 4 // CPUCLOCK_PERTHREAD_MASK
)

func clock(id int, kind uintptr) (time.Duration, error) {
	var ts syscall.Timespec
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, uintptr(^id)<<3|kind, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0, errno
	}
	return time.Duration(ts.Nano()), nil
}

// PidfdOpen returns a descriptor of the process pid.
func PidfdOpen(pid int) (int, error) { return unix.PidfdOpen(pid, 0) }

// PidfdKill sends SIGKILL to the process behind a pidfd.
func PidfdKill(fd int) error { return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) }

// PidfdAlive reports whether the process behind a pidfd has not ended.
func PidfdAlive(fd int) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n == 0
}

// IsThread reports whether tid is a thread of process pid.
func IsThread(pid, tid int) bool { return unix.Tgkill(pid, tid, 0) == nil }

// Dumpable returns this process's PR_GET_DUMPABLE.
func Dumpable() int {
	n, _ := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	return n
}

// SetDumpable sets it.
func SetDumpable(n int) error { return unix.Prctl(unix.PR_SET_DUMPABLE, uintptr(n), 0, 0, 0) }

// SetLimit sets both values of a resource limit of another process.
func SetLimit(pid, resource int, value uint64) error {
	return unix.Prlimit(pid, resource, &unix.Rlimit{Cur: value, Max: value}, nil)
}

// What two tasks may share, for Shares (kcmp(2)).
const (
	ShareMemory = 1 // KCMP_VM
	ShareFiles  = 2 // KCMP_FILES, the table of descriptors
	ShareFS     = 3 // KCMP_FS, the root and the working directory
)

// Shares reports whether two tasks have one and the same of a kind. An error is
// also that the kernel was built without kcmp.
func Shares(tid, other, what int) (bool, error) {
	r, _, errno := syscall.RawSyscall6(unix.SYS_KCMP, uintptr(tid), uintptr(other), uintptr(what), 0, 0, 0)
	if errno != 0 {
		return false, errno
	}
	return r == 0, nil
}
