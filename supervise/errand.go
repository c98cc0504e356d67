package supervise

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/sys"
)

// Waiting is a call that is made on behalf of a tracee and may take as long as
// somebody else likes. It runs on a thread of its own; the tracee stays stopped
// until Done. A supervisor ends it with either Decision or Cancel.
type Waiting struct {
	done      chan struct{}
	decision  Decision
	addr      *sys.Sockaddr // what the thread may wait with in connect(2)
	tid       atomic.Int32  // of the thread, 0 before it runs
	cancelled atomic.Bool
	count     bool // of sendmmsg: the result counts messages, not bytes
}

// Done is closed when the call has been made.
func (w *Waiting) Done() <-chan struct{} { return w.done }

// Decision is what became of the call. It waits until Done.
func (w *Waiting) Decision() Decision {
	<-w.done
	if d := w.decision; d.Kind != Return || !w.count {
		return d
	}
	w.decision.Value = 1
	return w.decision
}

// Interrupted is the answer for a tracee that a signal keeps from waiting any
// longer. As after any interrupted connect(2), the attempt itself goes on.
func (w *Waiting) Interrupted() Decision {
	return Decision{Kind: Fail, Errno: syscall.EINTR, Rule: w.decision.Rule, Path: w.decision.Path}
}

// Cancel gives the call up, when nobody is left to want its result.
func (w *Waiting) Cancel() {
	w.cancelled.Store(true)
	if w.addr == nil {
		return // it looks at cancelled from time to time
	}
	// A signal restarts connect(2), which then reads an address that
	// dissociates a TCP socket and that no unix socket accepts.
	w.addr.Bytes[0], w.addr.Bytes[1] = 0, 0
	if tid := w.tid.Load(); tid != 0 {
		sys.Interrupt(int(tid))
	}
}

// patience is how long a supervisor's thread waits for what may block: what is
// on this machine mostly answers sooner than another thread could be told.
const patience = time.Millisecond

// errand makes a call on a thread that has the program's user, real says with
// the real IDs too, and that ends with it. The effective IDs are those that
// other programs see in SO_PEERCRED, the real ones those in SCM_CREDENTIALS. If
// the call may block, the answer may be Wait.
type errand struct {
	do    func(w *Waiting) (uint64, syscall.Errno)
	addr  *sys.Sockaddr // of connect
	real  bool
	block bool
	close func() // what the errand holds
}

func (e *Engine) run(r errand, d Decision) Decision {
	w := &Waiting{done: make(chan struct{}), decision: d, addr: r.addr}
	go func() {
		// Never unlocked: the thread keeps the program's user and ends here.
		runtime.LockOSThread()
		defer close(w.done)
		defer r.close()
		w.tid.Store(int32(sys.ThreadID()))
		if err := e.identity.become(r.real); err != nil {
			w.decision = Decision{Kind: Kill, Path: d.Path, Err: err}
			return
		}
		w.decision = d.made(r.do(w))
	}()
	if !r.block {
		return w.Decision()
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.done:
		return w.decision
	case <-timer.C:
		return Decision{Kind: Wait, Waiting: w, Rule: d.Rule, Path: d.Path}
	}
}

// made is the answer to an allowed call that was made.
func (d Decision) made(value uint64, errno syscall.Errno) Decision {
	if errno != 0 {
		d.Kind, d.Errno = Fail, errno
		return d
	}
	d.Kind, d.Value = Return, value
	return d
}

// become makes the calling thread the program's for good. Its saved IDs stay
// Belljar's, so that it is no more the program's to signal or trace than
// Belljar is.
func (id *identity) become(real bool) error {
	if err := Begin(); err != nil {
		return err
	}
	if !id.switches {
		return nil
	}
	if id.uid != id.ownUID || id.gid != id.ownGID {
		if errno := sys.SetThreadIDs(id.uid, id.gid, real); errno != 0 {
			return fmt.Errorf("setresuid %d, setresgid %d: %w", id.uid, id.gid, errno)
		}
	}
	none := id.own
	none.Effective = 0
	if errno := sys.SetCapabilities(none); errno != 0 {
		return fmt.Errorf("capset: %w", errno)
	}
	return nil
}
