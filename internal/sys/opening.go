package sys

import (
	"sync/atomic"
	"syscall"
	"time"
)

// Hold keeps this process from starting others while a file is open for writing
// that somebody else is to have: a new process would have a copy of the
// descriptor until it executes its program, and nobody could execute the file
// (ETXTBSY). It holds syscall.ForkLock, which os/exec takes, too, and may be used
// again and again by one thread, one hold after the other.
//
// It does not hold for long: a disk or another program can make an opening take
// as long as they like, and must not keep everybody else's programs from starting,
// nor other openings, which wait behind those who want to start one.
type Hold struct {
	held  atomic.Bool
	timer *time.Timer
}

// longestHold is thousands of times what an opening takes, but whoever holds may
// wait for a CPU: ten milliseconds were not enough on a busy machine. A test has its
// own.
var longestHold = 100 * time.Millisecond

// Begin waits until no process is just being started, and keeps others from it
// until End.
func (h *Hold) Begin() {
	syscall.ForkLock.RLock()
	h.held.Store(true)
	if h.timer == nil {
		h.timer = time.AfterFunc(longestHold, h.let)
	} else {
		h.timer.Reset(longestHold)
	}
}

// End lets processes start.
func (h *Hold) End() {
	if h.timer != nil {
		h.timer.Stop()
	}
	h.let()
}

// let may come from the timer of a Hold that has just ended, to one that has just
// begun, which is then shorter than it should be.
func (h *Hold) let() {
	if h.held.CompareAndSwap(true, false) {
		syscall.ForkLock.RUnlock()
	}
}
