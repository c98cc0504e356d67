package supervise

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/sys"
)

// Waiting is a call that is made on behalf of a tracee and may take as long as
// somebody else likes. It runs on a thread of its own; the tracee stays stopped
// until Done. A supervisor ends it with Decision, Interrupted or Cancel.
type Waiting struct {
	done     chan struct{}
	decision Decision
	count    bool // of sendmmsg: the result counts messages, not bytes
	restarts bool // see Interrupted

	cancelled atomic.Bool
	mu        sync.Mutex // guards what follows
	tid       int        // of the thread, 0 when it is in no call
	fd        int        // the socket that it may wait for in connect(2), or -1
}

// Done is closed when the call has been made.
func (w *Waiting) Done() <-chan struct{} { return w.done }

// Decision is what became of the call. It waits until Done.
func (w *Waiting) Decision() Decision {
	<-w.done
	d := w.decision
	if d.Kind == Return && w.count {
		d.Value = 1
	}
	return d
}

// Restart is ERESTARTSYS: where a signal is about to be delivered, the kernel
// makes EINTR of it, or the call anew, as the signal's handler wants.
const Restart = syscall.Errno(512)

// Interrupted is the answer for a tracee that a signal keeps from waiting any
// longer: Restart, unless the call was made, or made in part, meanwhile. A call
// with a time of its own to wait (SO_SNDTIMEO) is never made anew, but EINTR. A
// connection that TCP has begun to make is made in the background, as after
// any interrupted connect(2).
func (w *Waiting) Interrupted() Decision {
	w.Cancel()
	d := w.Decision()
	if d.Kind == Fail && (d.Errno == syscall.EBADF || d.Errno == syscall.EAGAIN) {
		if d.Errno = syscall.EINTR; w.restarts {
			d.Errno = Restart
		}
	}
	return d
}

// Cancel gives the call up, when nobody is left to want its result.
func (w *Waiting) Cancel() {
	w.cancelled.Store(true)
	for {
		w.mu.Lock()
		if w.tid == 0 || w.fd < 0 {
			w.mu.Unlock()
			return // it looks at cancelled, or is over
		}
		// A signal restarts connect(2), which then finds that its descriptor is
		// no socket any more (EBADF) and leaves the socket as it is.
		other, errno := sys.OpenFile(sys.AT_FDCWD, "/", sys.O_PATH)
		if errno == 0 {
			errno = sys.ReplaceFile(other, w.fd)
			sys.CloseFile(other)
		}
		if errno == 0 {
			sys.Interrupt(w.tid)
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		time.Sleep(patience) // Belljar is out of descriptors
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
	fd    int // of connect, else -1
	real  bool
	block bool
	limit time.Duration // SO_SNDTIMEO: how long the call itself may wait, 0 for ever
	close func()        // what the errand holds
}

func (e *Engine) run(r errand, d Decision) Decision {
	w := &Waiting{done: make(chan struct{}), decision: d, fd: r.fd, restarts: r.limit == 0}
	go func() {
		// Never unlocked: the thread keeps the program's user and ends here.
		runtime.LockOSThread()
		defer close(w.done)
		defer r.close()
		if err := e.identity.become(r.real); err != nil {
			w.decision = Decision{Kind: Kill, Path: d.Path, Err: err}
			return
		}
		value, errno := uint64(0), syscall.EBADF
		if w.enter(sys.ThreadID()); !w.cancelled.Load() {
			value, errno = r.do(w)
		}
		w.enter(0) // before close gives up the descriptor
		w.decision = d.made(value, errno)
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

func (w *Waiting) enter(tid int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tid = tid
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
