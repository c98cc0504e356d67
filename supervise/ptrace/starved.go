package ptrace

import (
	"slices"
	"time"
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

// feed lets the tasks that have waited longest have the slots that are free. When
// nothing else is to do it also looks for slots whose tasks need them no more,
// and for signals, which a stopped task does not report.
func (t *Tracer) feed(idle bool) {
	look := idle && len(t.starved) > 0 && time.Since(t.fed) >= signalsLook
	for len(t.starved) > 0 {
		take := t.slots.take
		if look {
			take = t.takeSlot
		}
		slot, ok := take()
		if !ok {
			break
		}
		s := t.starved[0]
		if t.starved = t.starved[1:]; t.tasks[s.tid] != s.task {
			t.slots.release(slot) // it is gone
			continue
		}
		t.openIn(slot, s.tid, s.task, s.dir, s.name, s.how)
	}
	if look {
		t.fed = time.Now()
		t.starved = slices.DeleteFunc(t.starved, t.goesAround)
	}
}

// goesAround lets a starved task that has a signal to handle do so, and make its
// own call anew.
func (t *Tracer) goesAround(s starved) bool {
	if t.tasks[s.tid] != s.task {
		return true
	}
	if !interrupted(s.tid) {
		return false
	}
	s.task.made.what = noRoom
	t.make(s.tid, s.task, t.number.openat2, [6]uint64{})
	return true
}
