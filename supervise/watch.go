package supervise

import (
	"syscall"
	"time"
)

// Watcher is told what the processes of a run do: each call that it asks to
// see, signals, and the lives of threads. It decides nothing. Its methods are
// called on the supervisor's thread while the thread that they are about is
// stopped, one at a time; what they are given is valid only until they return,
// and the run goes no further until then. They start no processes: these would have the
// thread's affinity, which may be that of one CPU.
type Watcher interface {
	// Watches reports whether calls of this name are to be shown. It is asked
	// before the run.
	Watches(call string) bool
	// Entered tells of a call that a thread is about to make.
	Entered(t *Trap)
	// Returned tells what was decided about the call that the thread has
	// entered and what it returned, as in its register: an error is a negative
	// errno. The trap has the arguments with which the call was entered. A
	// thread that ends in a call does not return.
	Returned(t *Trap, d Decision, result uint64)
	// Signalled tells of a signal that is about to be delivered.
	Signalled(pid, tid int, s SignalInfo)
	// Forked tells that the thread has created another, of its own process or
	// as the first one of a new process. The child may have been told of
	// before.
	Forked(pid, tid, child int, thread bool)
	// Executed tells that the process has another program now. The thread that
	// called execve was former and is pid from now on; all others are gone. The
	// program that begins the run is told of as well.
	Executed(pid, former int)
	// Ended tells that a thread has ended.
	Ended(pid, tid int, status syscall.WaitStatus)
}

// Gauge is a Watcher that is also told, several times a second, what the run
// has used so far. Used is called on a goroutine of its own, also while another
// method of the watcher runs, and must not wait: limits are looked at between
// two calls.
type Gauge interface {
	Used(Usage)
}

// Resolver is a Watcher that may want to know which objects a call reaches for by
// path (Decision.Uses).
type Resolver interface {
	// Resolves reports whether path calls are decided, and their paths resolved, also where
	// the policy would allow any path. It is asked before the run.
	Resolves() bool
}

// Usage is what a run has used so far.
type Usage struct {
	CPU    time.Duration // user and system time of all processes
	Memory int64         // bytes resident now; pages that processes share count for each
	Output int64         // bytes written to standard output and error
	Tasks  int           // threads alive
}

// SignalInfo is what is known of a signal: of siginfo_t, the members that its
// kind has.
type SignalInfo struct {
	Signal   syscall.Signal
	Code     int32  // si_code
	PID, UID int32  // of the sender or the child
	Status   int32  // of the child
	Addr     uint64 // of the fault
}
