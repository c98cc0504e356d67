package notify

import (
	"syscall"

	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/supervise"
)

// worker is a thread that receives calls and answers them. What it needs for a
// call it keeps, so that none is allocated.
type worker struct {
	*Supervisor
	thread int
	call   sys.Notification
	trap   supervise.Trap
	tracee tracee
	hold   sys.Hold
}

// tracee is the thread that made the call.
type tracee struct {
	listener sys.Listener
	id       uint64
	tid      int
}

func (t *tracee) ReadMemory(addr uint64, buf []byte) (int, error) {
	return sys.ReadMemory(t.tid, addr, buf)
}

func (t *tracee) WriteMemory(addr uint64, data []byte) (int, error) {
	return sys.WriteMemory(t.tid, addr, data)
}

// Valid reports whether the call still waits. Only a thread that was killed
// stops waiting, since others are not interrupted after the call was received.
func (t *tracee) Valid() bool { return t.listener.Valid(t.id) }

func (s *Supervisor) addWorker() {
	s.workers.Add(1)
	s.idle.Add(1)
	s.thread(func() error {
		defer s.workers.Add(-1)
		if err := sys.BlockSignals(); err != nil {
			return err
		}
		w := &worker{Supervisor: s, thread: sys.ThreadID()}
		for {
			more, err := w.next()
			if err != nil || !more {
				return err
			}
		}
	})
}

// next waits for a call and answers it. It returns false when the run is over.
func (w *worker) next() (more bool, err error) {
	event, err := w.waiter.Wait()
	if err != nil || event == sys.Stopped {
		return false, err
	}
	if event == sys.Unused {
		return true, nil // whoever asks for the next event is stopped
	}
	errno := w.listener.Receive(&w.call)
	alone := errno == 0 && w.alone(int(w.call.TID))
	if !alone {
		if err := w.handOver(); err != nil {
			return false, err
		}
	}
	switch errno {
	case 0:
		w.trap.Again = false
		err = w.handle()
	case syscall.ENOENT: // it was killed, or a signal took it back
	default:
		err = errno
	}
	switch {
	case err != nil:
	case alone:
		if err = w.waiter.Rearm(); err == nil {
			more = w.stepAside()
			return more, nil
		}
	default:
		w.idle.Add(1)
	}
	return true, err
}

// alone reports whether nobody else need be woken before the call of a thread is answered: it
// is the only one alive, or has made the calls before as well.
func (w *worker) alone(tid int) bool {
	if w.caller.Swap(int32(tid)) != int32(tid) {
		w.row.Store(0)
	} else if w.row.Add(1) >= enoughInRow {
		return true
	}
	return w.cfg.Lives.Tasks() <= 1
}

// enoughInRow is after how many calls in a row by one thread the next is expected of it, too.
const enoughInRow = 4

// stepAside lets one thread serve calls that come from one: of several that wait, the kernel
// wakes another each time. It waits until there is more to do, and returns false when the
// run is over.
func (w *worker) stepAside() bool {
	if w.idle.Add(-1) == 0 {
		w.idle.Add(1) // nobody else waits
		return true
	}
	select {
	case <-w.wanted:
		w.idle.Add(1)
		return true
	case <-w.stopped:
		return false
	}
}

// handOver lets other workers receive while this one is busy.
func (w *worker) handOver() error {
	if w.idle.Add(-1) == 0 {
		select {
		case w.wanted <- struct{}{}:
		default:
			if w.workers.Load() < maxWorkers {
				w.addWorker()
			}
		}
	}
	return w.waiter.Rearm()
}

// handle decides the call and answers it.
func (w *worker) handle() error {
	if w.over.Load() || w.cfg.Lives.Dying() {
		return nil // it is killed while it waits
	}
	tid := int(w.call.TID)
	pid, ok := w.process(tid)
	if !ok {
		return nil
	}
	if !w.trap.Again {
		w.traps.Add(1)
	}
	w.tracee = tracee{w.listener, w.call.ID, tid}
	w.trap.Arch, w.trap.Nr, w.trap.Args = w.cfg.Table, int(w.call.Nr), w.call.Args
	w.trap.PID, w.trap.TID, w.trap.Tracee = pid, tid, &w.tracee
	w.trap.Alone = w.cfg.Lives.Alone(tid)
	w.cfg.Lives.Follow(&w.trap, w.thread)
	d := w.cfg.Handler.Handle(&w.trap)
	d = w.cfg.Lives.Admit(&w.trap, d)
	switch {
	case d.Kind == supervise.Open && d.Opening.Blocks():
		w.openLater(d.Opening)
		return nil
	case d.Kind == supervise.Wait:
		w.answerLater(d)
		return nil
	case d.Kind == supervise.Open:
		return w.open(d.Opening)
	}
	return w.answer(w.call.ID, &w.trap, d)
}

// open opens a file and gives it to the tracee.
func (w *worker) open(o *supervise.Opening) error {
	if o.Writes() {
		w.hold.Begin()
		defer w.hold.End()
	}
	fd, errno := o.Open()
	switch {
	case o.Outdated(errno):
		o.Close()
		w.hold.End() // what comes of the new decision may hold as well
		w.trap.Again = true
		return w.handle()
	case o.MustWait():
		w.openLater(o)
		return nil
	}
	defer o.Close()
	return w.hand(w.call.ID, o, fd, errno)
}

// process finds the thread group of a thread. One that the tracer does not know
// is asked for in procfs; without a process there is nothing to decide about.
func (w *worker) process(tid int) (pid int, ok bool) {
	if pid = w.cfg.Lives.Thread(tid); pid > 0 {
		return pid, true
	}
	st, err := proc.FS("").Status(tid)
	if err != nil || !w.listener.Valid(w.call.ID) {
		return 0, false
	}
	return st.Tgid, true
}
