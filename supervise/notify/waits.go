package notify

import (
	"math/bits"
	"sync"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/supervise"
)

// waits are the calls that take as long as somebody else likes. The threads
// that made them do not notice signals, since a call that was received is
// interrupted by SIGKILL alone, so somebody has to look.
type waits struct {
	listener sys.Listener

	mu     sync.Mutex
	calls  map[*wait]struct{}
	over   bool
	looker *time.Timer // runs while there are calls
}

// wait is one such call.
type wait struct {
	id        uint64
	tid       int
	interrupt func() // makes it end soon; called once
	why       reason
	pending   bool           // a signal waited when it was looked at last
	nudge     syscall.Signal // one that the thread does not block, or 0
}

// reason is why a call was interrupted.
type reason uint8

const (
	notInterrupted reason = iota
	gone                  // nobody waits for it any more
	toRestart             // its thread has a signal to handle
	toLook                // its process has one, which may be the thread's
)

// look is how often signals are looked for.
const look = 5 * time.Millisecond

// add takes note of a call before it is made.
func (w *waits) add(id uint64, tid int, interrupt func()) *wait {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := &wait{id: id, tid: tid, interrupt: interrupt}
	if w.over {
		c.end(gone)
		return c
	}
	if w.calls == nil {
		w.calls = make(map[*wait]struct{})
	}
	w.calls[c] = struct{}{}
	if w.looker == nil {
		w.looker = time.AfterFunc(look, w.look)
	} else if len(w.calls) == 1 {
		w.looker.Reset(look)
	}
	return c
}

// remove forgets a call that has ended, and says what ended it.
func (w *waits) remove(c *wait) reason {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.calls, c)
	return c.why
}

// stop ends all calls, now and later.
func (w *waits) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for c := range w.calls {
		c.end(gone)
	}
	if w.looker != nil {
		w.looker.Stop()
	}
}

// end interrupts a call. The first reason counts.
func (c *wait) end(why reason) {
	if c.why == notInterrupted {
		c.why = why
		c.interrupt()
	}
}

// look interrupts the calls whose thread was killed or has a signal to handle.
func (w *waits) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || len(w.calls) == 0 {
		return
	}
	for c := range w.calls {
		if why := w.judge(c); why != notInterrupted {
			c.end(why)
		}
	}
	w.looker.Reset(look)
}

// judge says why a call should not go on.
func (w *waits) judge(c *wait) reason {
	st, err := proc.FS("").Status(c.tid)
	if !w.listener.Valid(c.id) {
		return gone
	}
	if err != nil {
		return notInterrupted // the next look tells
	}
	pending := c.pending
	c.pending = false
	switch {
	case handles(&st, st.SigPnd), handles(&st, st.ShdPnd) && st.Threads == 1:
		return toRestart
	case !handles(&st, st.ShdPnd):
	case pending:
		// No other thread of the process has taken it. Whether the kernel has
		// picked this one cannot be seen.
		c.nudge = nudge(st.SigBlk)
		return toLook
	default:
		c.pending = true
	}
	return notInterrupted
}

// nudge is a signal for Lives.Nudge, of the real-time signals, which may be
// pending twice: the C library's own are almost never blocked. 0 is none.
func nudge(blocked uint64) syscall.Signal {
	const firstRealTime = 32
	free := ^blocked &^ (1<<(firstRealTime-1) - 1)
	return syscall.Signal(bits.Len64(free))
}

// restart is the error of a call that a signal ended. It lets the thread look for
// signals, handle one, and make the call anew if that is what its handler wants.
func (s *Supervisor) restart(c *wait, why reason) syscall.Errno {
	if why == toLook && (c.nudge == 0 || !s.cfg.Lives.Nudge(c.tid, c.nudge)) {
		// A thread that is not about to look would see the kernel's own error.
		return syscall.EINTR
	}
	s.cfg.Lives.Interrupted(c.tid)
	return supervise.Restart
}

// ignored are the signals that do nothing if there is no handler: SIGCHLD,
// SIGCONT, SIGURG and SIGWINCH.
const ignored = 1<<16 | 1<<17 | 1<<22 | 1<<27

// handles reports whether one of the pending signals does something to a
// thread that does not block it.
func handles(s *proc.Status, pending uint64) bool {
	pending &^= s.SigBlk | s.SigIgn
	return pending&(s.SigCgt|^uint64(ignored)) != 0
}
