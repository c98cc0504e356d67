package ptrace

import (
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/supervise"
)

// What follows is for a supervisor that answers calls on threads of its own
// while the tracer follows the processes' lives. Any goroutine may call it.

// Thread takes note that the thread tid has made a call that the other
// supervisor answers, and returns its process, or 0 if it is none of the run's.
// A thread is known before it makes its first call, and until it is reaped.
func (t *Tracer) Thread(tid int) (pid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.tasks[tid]
	if k == nil {
		return 0
	}
	k.forking.Store(false)
	k.interrupted.Store(false)
	return k.proc.pid
}

// Alone reports whether nothing can change the memory, the descriptors or the
// working directory of thread tid while its call waits.
func (t *Tracer) Alone(tid int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tasks[tid] != nil && t.alone()
}

// Admit says what becomes of a call that was decided to be d, where the tracer
// has to agree: it counts tasks, keeps signals and the like inside the run, and measures
// memory before another program replaces it.
func (t *Tracer) Admit(trap *supervise.Trap, d supervise.Decision) supervise.Decision {
	if d.Kind != supervise.Allow {
		t.unseen(&d)
		return d // whoever answers also closes what is in it
	}
	t.mu.Lock()
	k := t.tasks[trap.TID]
	t.mu.Unlock()
	if k == nil {
		return supervise.Decision{Kind: supervise.Fail, Errno: syscall.ESRCH}
	}
	return t.admit(trap, k, d)
}

// Follow tells of a call that the calling thread, whose number is thread, is about to
// decide: who makes many of them is kept on its CPU.
func (t *Tracer) Follow(trap *supervise.Trap, thread int) {
	if !t.cfg.Follow {
		return
	}
	if trap.TID == trap.PID {
		t.follow.Trap(trap.PID, thread)
	} else {
		t.follow.Other()
	}
	switch {
	case !t.masks[trap.Nr]:
	case trap.Name() == "sched_getaffinity":
		t.follow.Release()
	default:
		t.follow.Leave() // the program looks after that itself, or nobody sees what it opens
	}
}

// unseen lets the program see its own affinity: a process's status in procfs tells it whenever
// it is read.
func (t *Tracer) unseen(d *supervise.Decision) {
	if t.cfg.Follow && strings.HasPrefix(d.Path, "/proc/") && strings.HasSuffix(d.Path, "/status") {
		t.follow.Leave()
	}
}

func (t *Tracer) admit(trap *supervise.Trap, k *task, d supervise.Decision) supervise.Decision {
	t.unseen(&d)
	if d.Kind != supervise.Allow {
		return d
	}
	switch {
	case t.cfg.OwnTargets && t.targets[trap.Nr]:
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.ownTarget(trap) {
			return supervise.Decision{Kind: supervise.Deny, Errno: syscall.EPERM}
		}
	case t.spawn[trap.Nr]:
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.cfg.MaxTasks > 0 && t.usage.Tasks+t.forking() >= t.cfg.MaxTasks {
			return supervise.Decision{Kind: supervise.Deny, Errno: syscall.EAGAIN}
		}
		k.forking.Store(true)
	case t.exec[trap.Nr]:
		t.measure(trap.TID, k.proc)
	}
	return d
}

// forking counts the tasks that were allowed and have not reported yet. The
// tracer is locked.
func (t *Tracer) forking() int {
	n := 0
	for _, k := range t.tasks {
		if k.forking.Load() {
			n++
		}
	}
	return n
}

// Violate ends the run for a call that must not be made, or because of the
// decision's own error.
func (t *Tracer) Violate(d supervise.Decision, trap *supervise.Trap) {
	if d.Err != nil {
		t.mu.Lock()
		if t.outcome.Err == nil {
			t.outcome.Err = d.Err
		}
		t.mu.Unlock()
	}
	v := &Violation{Syscall: t.callName(trap.Nr), Path: d.Path, Rule: d.Rule, Count: d.Count, PID: trap.PID}
	if n := len(d.Uses); n > 0 {
		v.Access = d.Uses[n-1].Access // the last is the one that was refused
	}
	t.locate(v, trap.TID)
	t.end(Violated, v)
}

// locate finds out which code made the call, if it is the one that ends the run.
func (t *Tracer) locate(v *Violation, tid int) {
	t.mu.Lock()
	first := t.outcome.Cause == NoCause && !t.dying.Load()
	t.mu.Unlock()
	if first {
		v.Code = where(tid)
	}
}

// Dying reports whether the run was told to end. No call of it is to be made
// any more.
func (t *Tracer) Dying() bool { return t.dying.Load() }

// Tasks is how many threads of the run are alive.
func (t *Tracer) Tasks() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.usage.Tasks
}

// launching handles the stop at the execve that starts the program.
func (t *Tracer) launching(pid int) {
	t.mu.Lock()
	pidfd := t.pidfd
	t.mu.Unlock()
	if err := t.cfg.Launching(pidfd); err != nil {
		t.Kill()
	}
	sys.Cont(pid, 0)
}

// Interrupted takes note that the call of thread tid is answered with
// ERESTARTSYS: a signal interrupts it as it would without Belljar.
func (t *Tracer) Interrupted(tid int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k := t.tasks[tid]; k != nil {
		k.interrupted.Store(true)
	}
}

// Nudge makes thread tid look for signals as soon as its call is answered: one
// that its process has is not the thread's to handle unless the kernel has chosen
// it, which cannot be seen. Without a signal to handle it makes the call anew. The
// signal that is sent for this is one that the thread does not block, and that may
// be pending twice, so that none of the program's own is lost; the program never
// gets it. It reports whether that is certain.
func (t *Tracer) Nudge(tid int, sig syscall.Signal) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.tasks[tid]
	if k == nil {
		return false
	}
	k.nudges.Add(1)
	if sys.Nudge(k.proc.pid, tid, sig) != 0 {
		k.nudges.Add(-1)
		return false
	}
	return true
}

// nudged reports whether the signal at whose delivery a task is stopped was a
// nudge.
func (k *task) nudged(tid int) bool {
	if k.nudges.Load() == 0 {
		return false
	}
	var info sys.SignalInfo
	if sys.ReadSignalInfo(tid, &info) != nil || info.Code != sys.SiNudge {
		return false
	}
	k.nudges.Add(-1)
	return true
}

// restart lets a task that is about to handle a signal make its call anew
// afterwards, if the signal came before the other supervisor had received the
// call: such a call has not begun, and no program expects it to be interrupted.
func (t *Tracer) restart(tid int, k *task) {
	if k.interrupted.Swap(false) || len(t.again) == 0 {
		return
	}
	var r sys.Regs
	if sys.ReadRegs(tid, &r) != nil || !t.again[r.Nr()] || !r.Interrupted() {
		return
	}
	r = r.Restarted()
	// A tracee that was killed meanwhile makes no call.
	_ = sys.WriteRegs(tid, &r)
}
