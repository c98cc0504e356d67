package notify

import (
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/supervise"
)

// openLater opens a file on a thread that may wait for it. While it does, a
// signal ends the tracee's call as it would end its own.
func (w *worker) openLater(o *supervise.Opening) {
	s, id := w.Supervisor, w.call.ID
	waits := s.waits.add(id, w.trap.TID, o.Interrupt)
	s.thread(func() error {
		fd, errno := o.OpenPatiently()
		why := s.waits.remove(waits)
		defer o.Close()
		// From here on the thread must not be interrupted.
		if err := sys.BlockSignals(); err != nil {
			return err
		}
		if errno == syscall.EINTR {
			switch why {
			case gone:
				return nil
			case toRestart, toLook:
				errno = s.restart(waits, why)
			}
		}
		return s.hand(id, o, fd, errno)
	})
}

// answerLater answers a call when it has been made, or a signal interrupts it.
func (w *worker) answerLater(d supervise.Decision) {
	s, id, trap := w.Supervisor, w.call.ID, supervise.Trap{Nr: w.trap.Nr, PID: w.trap.PID, TID: w.trap.TID}
	interrupted := make(chan struct{})
	waits := s.waits.add(id, trap.TID, func() { close(interrupted) })
	s.threads.Go(func() {
		select {
		case <-d.Waiting.Done():
			s.waits.remove(waits)
			if err := s.answer(id, &trap, d.Waiting.Decision()); err != nil {
				s.fail(err)
			}
			return
		case <-interrupted:
		}
		why := s.waits.remove(waits)
		if why == gone {
			d.Waiting.Cancel()
			<-d.Waiting.Done()
			return
		}
		d := d.Waiting.Interrupted()
		if d.Errno == supervise.Restart {
			d.Errno = s.restart(waits, why)
		}
		if err := s.answer(id, &trap, d); err != nil {
			s.fail(err)
		}
	})
}
