package notify

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

// Lives is what the supervisor asks the tracer of the run's processes. Its
// methods are called by several threads at once.
type Lives interface {
	// Thread takes note of a call by thread tid and returns its process, or 0.
	Thread(tid int) (pid int)
	// Alone reports whether nothing but thread tid could change what a call of
	// its has in memory.
	Alone(tid int) bool
	// Tasks is how many threads are alive.
	Tasks() int
	// Follow is told of a call before it is decided, by the thread that will decide it.
	Follow(trap *supervise.Trap, thread int)
	// Admit agrees to a decision or makes another of it.
	Admit(*supervise.Trap, supervise.Decision) supervise.Decision
	// Violate ends the run for a call that must not be made.
	Violate(supervise.Decision, *supervise.Trap)
	// Interrupted takes note that a call of thread tid is answered with
	// ERESTARTSYS.
	Interrupted(tid int)
	// Nudge makes thread tid look for signals when its call is answered, by a
	// signal that it does not block, and reports whether it will.
	Nudge(tid int, sig syscall.Signal) bool
	// Dying reports whether the run is over: no call is to be made any more.
	Dying() bool
}

// Config says how calls are answered.
type Config struct {
	Table   *syscalls.Table
	Handler supervise.Handler // decides; it is called by several threads at once
	Lives   Lives
	// Fail ends the run because calls can no longer be answered. Calls that
	// wait are not made. It may be called more than once.
	Fail func(error)
}

// Supervisor answers the calls of one run.
type Supervisor struct {
	cfg      Config
	listener sys.Listener
	waiter   *sys.Waiter

	threads sync.WaitGroup
	workers atomic.Int32  // threads that receive
	idle    atomic.Int32  // of these, those that wait for a call or serve one thread
	caller  atomic.Int32  // the thread that made the last call,
	row     atomic.Int32  // and how many before it
	wanted  chan struct{} // takes one that has stepped aside
	stopped chan struct{} // closed by Stop
	over    atomic.Bool
	waits   waits

	traps, denied atomic.Int64
}

// maxWorkers bounds the threads that receive. One serves a thread that makes one call after
// the other; more serve threads that make calls at the same time.
var maxWorkers = int32(max(2, runtime.NumCPU()))

// Start answers the calls that arrive at listener, which it owns from now on.
// Stop must be called when no process of the run is left.
func Start(listener int, cfg Config) (*Supervisor, error) {
	s := &Supervisor{cfg: cfg, listener: sys.Listener(listener), waits: waits{listener: sys.Listener(listener)},
		wanted: make(chan struct{}), stopped: make(chan struct{})}
	var err error
	if s.waiter, err = sys.NewWaiter(s.listener); err != nil {
		sys.CloseFile(listener)
		return nil, err
	}
	s.addWorker()
	return s, nil
}

// Stop ends all threads and closes the listener: a call that still waits
// fails with ENOSYS. It returns how many calls were decided, and how many of them
// were refused softly.
func (s *Supervisor) Stop() (traps, denied int64, err error) {
	s.over.Store(true)
	close(s.stopped)
	err = s.waiter.Stop()
	s.waits.stop()
	s.threads.Wait()
	s.waiter.Close()
	sys.CloseFile(int(s.listener))
	return s.traps.Load(), s.denied.Load(), err
}

var errHandlerGone = errors.New("the handler ended its goroutine")

// thread runs f on a thread of its own, which ends with it. f reports whether
// it came to its end; whatever else ends it ends the run.
func (s *Supervisor) thread(f func() error) {
	s.threads.Go(func() {
		err := errHandlerGone
		defer func() {
			if err != nil {
				s.fail(err)
			}
		}()
		// Never unlocked: the thread has lost what it shared with others.
		runtime.LockOSThread()
		if err = supervise.Begin(); err != nil {
			err = fmt.Errorf("begin: %w", err)
			return
		}
		err = errHandlerGone
		err = f()
	})
}

// fail ends the run: there may be nobody left to answer.
func (s *Supervisor) fail(err error) {
	if !s.over.Load() {
		s.cfg.Fail(fmt.Errorf("notify: %w", err))
	}
}
