package ptrace

import (
	"slices"
	"time"

	"github.com/belljar/belljar/internal/sys"
)

// starved is a task that is about to open a judged path and finds no slot for
// it, since as many others are in a call. It stays stopped: were it to try again
// and again, its stops would be reported before the ends of those calls.
type starved struct {
	tid  int
	task *task
	dir  int
	name string
	how  openHow
}

// looking is how many times the CPU time of a look for what no stop tells, while tasks are starved,
// passes before the next.
const looking = 16

// starve lets a task wait for a slot, behind those that wait already.
func (t *Tracer) starve(s starved) {
	s.task.starved = true
	t.starved = append(t.starved, s)
}

// isStarved is false for a task that has reported anything meanwhile: it can only have been
// killed.
func (t *Tracer) isStarved(s *starved) bool { return s.task.starved && t.tasks[s.tid] == s.task }

// feed lets the tasks that have waited longest have the slots that are free.
func (t *Tracer) feed() {
	for len(t.starved) > 0 {
		slot, ok := t.slots.take()
		if !ok {
			return
		}
		s := t.starved[0]
		if t.starved = t.starved[1:]; !t.isStarved(&s) {
			t.slots.release(slot) // it is gone
			continue
		}
		s.task.starved = false
		t.openIn(slot, s.tid, s.task, s.dir, s.name, s.how)
	}
}

// lookAround looks for slots whose tasks need them no more, and for signals, which a
// stopped task does not report. Others may trap all the time meanwhile. It costs the more the
// more tasks there are, and so is done the less often.
func (t *Tracer) lookAround() {
	if len(t.starved) == 0 || time.Now().Before(t.look) {
		return
	}
	began, _ := sys.ThreadCPU(t.thread) // its own
	t.freeSlots()
	t.feed()
	t.starved = slices.DeleteFunc(t.starved, t.goesAround)
	ended, _ := sys.ThreadCPU(t.thread)
	t.look = time.Now().Add(max(signalsLook, looking*(ended-began)))
}

// goesAround lets a starved task that has a signal to handle do so, and make its
// own call anew.
func (t *Tracer) goesAround(s starved) bool {
	if !t.isStarved(&s) {
		return true
	}
	if !interrupted(s.tid) {
		return false
	}
	s.task.starved = false
	s.task.made.what = noRoom
	t.make(s.tid, s.task, t.number.openat2, [6]uint64{})
	return true
}
