package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// Installed is a filter that a process gave itself.
type Installed struct {
	PID    int // the thread that did
	Filter bpf.Program
}

// Watch starts a command, follows it and all its descendants to their ends, and
// returns the filters that they installed, in that order. It needs no privilege:
// filters are read from the arguments of seccomp(2) and prctl(2). The command
// runs as this user and in no sandbox. Stops by job control do not stop it.
//
// Another thread of the program could change a filter between the moment in
// which it is read and the one in which the kernel reads it: Watch is for
// programs that want to be understood.
func Watch(cmd *exec.Cmd) ([]Installed, error) {
	w := watcher{pending: map[int]*bpf.Program{}}
	done := make(chan error)
	go func() {
		// A tracee belongs to the thread that started it. The thread ends with
		// this goroutine, so nothing that was left is ours.
		runtime.LockOSThread()
		done <- w.run(cmd)
	}()
	err := <-done
	return w.installed, err
}

type watcher struct {
	installed []Installed
	pending   map[int]*bpf.Program // by thread, from a call's entry to its return
}

const watchOptions = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACEFORK | syscall.PTRACE_O_TRACEVFORK |
	syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEEXEC | ptraceExitKill

const (
	ptraceExitKill = 1 << 20    // PTRACE_O_EXITKILL, Linux 3.8
	wNoThread      = 0x20000000 // __WNOTHREAD: children of this thread only
)

func (w *watcher) run(cmd *exec.Cmd) error {
	attributes := syscall.SysProcAttr{}
	if cmd.SysProcAttr != nil {
		attributes = *cmd.SysProcAttr
	}
	attributes.Ptrace = true
	cmd.SysProcAttr = &attributes
	if err := cmd.Start(); err != nil {
		return err
	}
	main := cmd.Process.Pid
	var status syscall.WaitStatus
	if _, err := wait(main, &status); err != nil {
		return fmt.Errorf("wait for %d: %w", main, err)
	}
	if err := syscall.PtraceSetOptions(main, watchOptions); err != nil {
		return fmt.Errorf("trace %d: %w", main, err)
	}
	if err := syscall.PtraceSyscall(main, 0); err != nil {
		return fmt.Errorf("trace %d: %w", main, err)
	}
	known := map[int]bool{main: true}
	for {
		tid, err := wait(-1, &status)
		if errors.Is(err, syscall.ECHILD) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		if !status.Stopped() {
			delete(known, tid)
			continue
		}
		sig := w.stopped(tid, status, known)
		// ESRCH: it was killed meanwhile, and the next wait says so.
		if err := syscall.PtraceSyscall(tid, int(sig)); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("continue %d: %w", tid, err)
		}
	}
}

func wait(pid int, status *syscall.WaitStatus) (int, error) {
	for {
		tid, err := syscall.Wait4(pid, status, syscall.WALL|wNoThread, nil)
		if !errors.Is(err, syscall.EINTR) {
			return tid, err
		}
	}
}

// stopped looks at a stop and returns the signal to go on with.
func (w *watcher) stopped(tid int, status syscall.WaitStatus, known map[int]bool) syscall.Signal {
	sig := status.StopSignal()
	switch {
	case sig == sys.ReturnStop:
		w.call(tid)
		return 0
	case int(status)>>16 != 0: // an event of ptrace
		return 0
	case !known[tid] && sig == syscall.SIGSTOP: // a new task's first stop
		known[tid] = true
		return 0
	}
	return sig
}

// Kinds of struct ptrace_syscall_info.
const (
	callEntry  = 1
	callReturn = 2
)

// call sees a call enter or return.
func (w *watcher) call(tid int) {
	var info sys.SyscallInfo
	if sys.ReadSyscallInfo(tid, &info) != nil {
		return // it was killed
	}
	switch info.Op {
	case callEntry:
		delete(w.pending, tid)
		if at, ok := filterArgument(&info); ok {
			if p, err := readFilter(tid, at, info.Arch); err == nil {
				w.pending[tid] = &p
			}
		}
	case callReturn:
		// The return value is where the number is at the entry.
		if p := w.pending[tid]; p != nil && int64(info.Nr) >= 0 {
			w.installed = append(w.installed, Installed{tid, *p})
		}
		delete(w.pending, tid)
	}
}

// filterArgument returns the address of the struct sock_fprog of a call that
// installs a filter.
func filterArgument(info *sys.SyscallInfo) (uint64, bool) {
	const setModeFilter, prSetSeccomp, modeFilter = 1, 22, 2
	for _, t := range syscalls.Tables() {
		if t.Audit != info.Arch {
			continue
		}
		switch t.Name(int(info.Nr)) {
		case "seccomp":
			return info.Args[2], uint32(info.Args[0]) == setModeFilter
		case "prctl":
			return info.Args[2], uint32(info.Args[0]) == prSetSeccomp && info.Args[1] == modeFilter
		}
	}
	return 0, false
}

// readFilter reads what a struct sock_fprog points to; the pointer is as wide
// as the architecture's.
func readFilter(tid int, at uint64, audit uint32) (bpf.Program, error) {
	const wide = 0x80000000 // __AUDIT_ARCH_64BIT
	var head [16]byte
	if n, err := sys.ReadMemory(tid, at, head[:]); err != nil || n < 8 {
		return nil, fmt.Errorf("read struct sock_fprog: %w", err)
	}
	code := uint64(binary.NativeEndian.Uint32(head[4:]))
	if audit&wide != 0 {
		code = binary.NativeEndian.Uint64(head[8:])
	}
	raw := make([]byte, 8*int(binary.NativeEndian.Uint16(head[:])))
	if n, err := sys.ReadMemory(tid, code, raw); err != nil || n < len(raw) {
		return nil, fmt.Errorf("read filter: %w", err)
	}
	return bpf.ReadRaw(raw)
}
