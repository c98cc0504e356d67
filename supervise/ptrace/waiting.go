package ptrace

import (
	"slices"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/supervise"
)

// waiting is a task that stays stopped while a call is made on its behalf that
// takes its time.
type waiting struct {
	call   *supervise.Waiting
	task   *task
	nr     int
	looked time.Time // when its signals were looked at
}

// Intervals at which the tracer looks for the end of such calls, which no wait
// reports, and for signals, which a stopped task does not report either.
const (
	firstLook   = 20 * time.Microsecond
	lastLook    = time.Millisecond
	signalsLook = 5 * time.Millisecond
)

// await keeps tid stopped until its call has been made.
func (t *Tracer) await(tid int, k *task, call *supervise.Waiting) {
	if t.waiting == nil {
		t.waiting = make(map[int]*waiting)
	}
	t.waiting[tid] = &waiting{call: call, task: k, nr: t.trap.Nr, looked: time.Now()}
}

// report is what wait4 tells of one tracee.
type report struct {
	pid    int
	status syscall.WaitStatus
	usage  syscall.Rusage
}

// fair is how many events of whoever the kernel reports first are handled for each that
// is taken out of turn.
const fair = 16

// next waits for an event of any tracee, and answers calls that were made
// meanwhile.
//
// The kernel looks at the newest tracee first (Linux 6.18), so of several threads that trap
// all the time the oldest would never be heard. Now and then the reports of all are taken, and none
// of them goes on before the others were heard. To take one so costs a walk over the tracees, up to the
// last of them, while the kernel finds those that it prefers at the beginning: so the more were heard
// out of turn, the longer it takes until that is done again.
func (t *Tracer) next(status *syscall.WaitStatus, usage *syscall.Rusage) (int, error) {
	if t.heard < len(t.reports) {
		r := &t.reports[t.heard]
		t.heard++
		*status, *usage = r.status, r.usage
		t.drop(r.pid)
		return r.pid, nil
	}
	t.reports, t.heard = t.reports[:0], 0
	pid, err := t.wait(status, usage)
	if t.turns--; err == nil && len(t.tasks) > 1 && t.turns <= 0 {
		t.hearAll()
		t.turns = fair * (len(t.reports) + 1)
	}
	return pid, err
}

// hearAll takes the reports that there are.
func (t *Tracer) hearAll() {
	for {
		var r report
		var err error
		if r.pid, err = sys.PollTracee(&r.status, &r.usage); err != nil || r.pid == 0 {
			return // whoever waits next is told of the error
		}
		t.reports = append(t.reports, r)
	}
}

// wait waits for the first event.
func (t *Tracer) wait(status *syscall.WaitStatus, usage *syscall.Rusage) (int, error) {
	for pause := firstLook; len(t.waiting) > 0 || len(t.starved) > 0; pause = min(2*pause, lastLook) {
		t.feed()
		t.lookAround()
		pid, err := sys.PollTracee(status, usage)
		if err != nil || pid != 0 {
			t.drop(pid)
			return pid, err
		}
		if !t.settle() {
			time.Sleep(pause)
		}
	}
	return sys.WaitTracee(status, usage)
}

// drop gives up the call of a task that reports anything: it can only have
// been killed.
func (t *Tracer) drop(tid int) {
	if k := t.tasks[tid]; k != nil {
		k.starved = false
	}
	if w := t.waiting[tid]; w != nil {
		w.call.Cancel()
		delete(t.waiting, tid)
		t.dropped = append(slices.DeleteFunc(t.dropped, over), w.call)
	}
}

func over(call *supervise.Waiting) bool {
	select {
	case <-call.Done():
		return true
	default:
		return false
	}
}

// abandon gives up all calls and waits until nothing of the run goes on: their
// threads change what is the whole process's, such as whether it is dumpable.
func (t *Tracer) abandon() {
	for tid := range t.waiting {
		t.drop(tid)
	}
	for _, call := range t.dropped {
		<-call.Done()
	}
}

// settle answers what has been made or interrupted, and says whether any was.
func (t *Tracer) settle() (any bool) {
	for tid, w := range t.waiting {
		var d supervise.Decision
		select {
		case <-w.call.Done():
			d = w.call.Decision()
		default:
			if time.Since(w.looked) < signalsLook {
				continue
			}
			if w.looked = time.Now(); !interrupted(tid) {
				continue
			}
			d = w.call.Interrupted()
		}
		any = true
		delete(t.waiting, tid)
		t.decided(w.task, d)
		switch d.Kind {
		case supervise.Return:
			t.answer(tid, w.task, d.Value)
		case supervise.Fail:
			if d.Errno == supervise.Restart {
				t.interrupt(tid, w.task)
				continue
			}
			t.answer(tid, w.task, failure(d.Failure()))
		default:
			t.answer(tid, w.task, failure(syscall.EPERM))
			t.Violate(d, &supervise.Trap{Nr: w.nr, PID: w.task.proc.pid, TID: tid})
		}
		sys.Cont(tid, 0)
	}
	return any
}

// ignored are the signals that do nothing, or stop, if there is no handler:
// SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG and SIGWINCH.
const ignored = 1<<16 | 1<<17 | 1<<18 | 1<<19 | 1<<20 | 1<<21 | 1<<22 | 1<<27

// interrupted reports whether a stopped task has a signal to handle, or to die
// of, for which a call that waits would return EINTR.
func interrupted(tid int) bool {
	s, err := proc.FS("").Status(tid)
	if err != nil {
		return true
	}
	pending := (s.SigPnd | s.ShdPnd) &^ s.SigBlk &^ s.SigIgn
	return pending&(s.SigCgt|^uint64(ignored)) != 0
}
