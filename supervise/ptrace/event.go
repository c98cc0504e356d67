package ptrace

import (
	"os"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
)

// event handles one report of wait4. Errors of ptrace are not looked at: a
// tracee that was killed meanwhile gives ESRCH, and its end is another event.
func (t *Tracer) event(pid int, status syscall.WaitStatus, usage *syscall.Rusage) {
	if status.Exited() || status.Signaled() {
		t.ended(pid, status, usage)
		return
	}
	if !status.Stopped() {
		return
	}
	k := t.lookup(pid)
	if t.dying.Load() {
		// Also reaches a child that was created while the others were killed.
		killProcess(k.proc.pid)
	}
	switch uint32(status) >> 16 {
	case sys.EventSeccomp:
		k.forking.Store(false)
		switch {
		case t.dying.Load():
			sys.Cont(pid, 0) // the kernel makes no call of a killed task
		case t.cfg.Launching != nil && !t.outcome.Started:
			t.launching(pid)
		default:
			t.trapped(pid, k)
		}
	case sys.EventFork, sys.EventVfork, sys.EventClone:
		t.forked(pid, k, int(uint32(status)>>16))
		t.cont(pid, k)
	case sys.EventExec:
		t.execed(pid)
		t.verify(pid)
		t.cont(pid, t.tasks[pid])
	case sys.EventExit:
		t.exit(pid, k)
		sys.Cont(pid, 0)
	case sys.EventStop:
		t.stopped(pid, status.StopSignal())
	default:
		if status.StopSignal() == sys.ReturnStop {
			t.returned(pid, k)
			return
		}
		t.signalled(pid, k, status.StopSignal())
	}
}

// stopped handles PTRACE_EVENT_STOP: a group-stop, which lasts until SIGCONT,
// or the first stop of a new task.
func (t *Tracer) stopped(pid int, sig syscall.Signal) {
	switch sig {
	case syscall.SIGSTOP, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU:
		sys.Listen(pid)
	default:
		sys.Cont(pid, 0)
	}
}

// signalled handles a signal that is about to be delivered, and delivers it.
func (t *Tracer) signalled(pid int, k *task, sig syscall.Signal) {
	if k.nudged(pid) {
		sys.Cont(pid, 0)
		return
	}
	k.forking.Store(false)
	fromItself(pid, sig)
	t.watchSignal(pid, k, sig)
	t.restart(pid, k)
	switch sig {
	case syscall.SIGSYS:
		k.proc.sigsys = true
		var info sys.SignalInfo
		if sys.ReadSignalInfo(pid, &info) == nil && info.Code == sys.SiSyscall {
			// Linux before 5.16 shows the tracer a filter's kill. A program can
			// send itself the like, so the call must bear it out.
			t.filterKilled(pid, k)
		}
	case syscall.SIGXFSZ:
		// The kernel sends it with the code of kill(2), so what tells a limit
		// from a signal is the call that the thread is in.
		nr, _, err := sys.CurrentCall(pid)
		if (k.raised == sig || err == nil && t.grow[nr]) && t.outputLimited(pid) {
			t.end(OutputExceeded, nil)
		}
	}
	sys.Cont(pid, sig)
}

// outputLimited reports whether it is the output limit that keeps a task from
// making files larger. One whose limit cannot be read has the one it was given.
func (t *Tracer) outputLimited(pid int) bool {
	own, err := hostProc.FileSizeLimit(pid)
	return t.cfg.OutputLimit > 0 && (err != nil || own >= t.cfg.OutputLimit)
}

// fromItself lets a signal that Belljar sent, for a call that it made in the
// task's place, look like the kernel's own.
func fromItself(tid int, sig syscall.Signal) {
	if sig != syscall.SIGXFSZ && sig != syscall.SIGPIPE {
		return
	}
	var info sys.SignalInfo
	if sys.ReadSignalInfo(tid, &info) != nil || info.Code != sys.SiTkill {
		return
	}
	if sender, _, _ := info.Sender(); sender != 0 && int(sender) != os.Getpid() {
		return // 0 is who has no number in the task's PID namespace
	}
	if st, err := hostProc.Status(tid); err == nil && len(st.NStgid) > 0 {
		info.FromItself(st.NStgid[len(st.NStgid)-1], st.UID[0])
		// A tracee that was killed meanwhile needs none.
		_ = sys.WriteSignalInfo(tid, &info)
	}
}

// forked handles the creation of a task.
func (t *Tracer) forked(pid int, k *task, event int) {
	// After the child is counted, so that nobody sees one task too few.
	defer k.forking.Store(false)
	msg, err := sys.EventMessage(pid, event)
	if err != nil {
		return // it was killed; the new task reports itself
	}
	tid := int(msg)
	if t.cfg.Watcher != nil {
		defer func() { t.cfg.Watcher.Forked(k.proc.pid, pid, tid, t.tasks[tid] != nil && t.tasks[tid].proc == k.proc) }()
	}
	by, early := t.early[tid]
	if delete(t.early, tid); early && by == k.proc.pid {
		return // it has lived and died before its creator reported
	}
	if t.tasks[tid] == nil {
		group := tid
		if sys.IsThread(k.proc.pid, tid) {
			group = k.proc.pid
		}
		child := t.add(tid, group)
		if group == tid {
			// A child that reported before this may have executed a program,
			// whose memory has no page.
			child.proc.page.inherit(&k.proc.page)
		}
	}
	t.tasks[tid].creator = 0
	if child := t.tasks[tid].proc; child != k.proc {
		t.mu.Lock()
		k.proc.forked = true
		// Unless the child was quicker than its creator's report.
		child.borrowed = !child.executed && (event == sys.EventVfork || sharesMemory(t, pid))
		t.mu.Unlock()
	}
}

// sharesMemory reports whether the clone that pid is in was told CLONE_VM.
// clone3 has its flags in memory, which may have changed; it counts as not
// sharing, which at worst counts shared memory twice.
func sharesMemory(t *Tracer, pid int) bool {
	nr, args, err := sys.CurrentCall(pid)
	clone, _ := t.cfg.Table.Number("clone")
	return err == nil && nr == clone && args[0]&syscall.CLONE_VM != 0
}

// execed handles a new program. All other threads of the process are gone;
// if another thread than the leader called execve, it is the leader now and
// its own number will never report again.
func (t *Tracer) execed(pid int) {
	if pid == t.root && !t.outcome.Started {
		t.outcome.Started = true
		if t.cfg.Started != nil {
			t.cfg.Started()
		}
	}
	former, err := sys.EventMessage(pid, sys.EventExec)
	if err != nil {
		former = uint64(pid) // it was killed, and which thread it was is not known
	}
	if t.cfg.Watcher != nil {
		defer t.cfg.Watcher.Executed(pid, int(former))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var call entering
	if k := t.tasks[int(former)]; k != nil {
		call = k.call
	}
	p := t.procs[pid]
	for tid, k := range t.tasks {
		if k.proc == p && tid != pid {
			if !k.exiting {
				t.usage.Tasks--
			}
			delete(t.tasks, tid)
			t.forgetCall(k)
		}
	}
	if int(former) != pid && t.tasks[pid].exiting {
		t.usage.Tasks++
	}
	t.tasks[pid] = &task{proc: p, call: call, creator: t.tasks[pid].creator}
	p.threads = 1
	t.unborn(pid)
	p.borrowed, p.executed = false, true
	p.page.close() // it was in the former memory
}

// verify decides what a process has executed. No instruction of it has run, and
// SIGKILL comes before the first.
func (t *Tracer) verify(pid int) {
	if t.cfg.Verify == nil || t.dying.Load() {
		return
	}
	switch d := t.cfg.Verify(pid, pid); d.Kind {
	case supervise.Allow:
	case supervise.Fail:
		// What it is cannot be known: it was killed meanwhile, or Belljar is
		// short of something. It does not run.
		killProcess(pid)
	default:
		t.end(Violated, &Violation{Syscall: "execve", Path: d.Path, Rule: d.Rule, PID: pid, Access: policy.Exec})
		t.killAll()
	}
}

// exit handles PTRACE_EVENT_EXIT.
func (t *Tracer) exit(pid int, k *task) {
	msg, err := sys.EventMessage(pid, sys.EventExit)
	if err == nil && syscall.WaitStatus(msg).Signal() == syscall.SIGSYS {
		t.filterKilled(pid, k)
	}
	t.exiting(pid, k)
}

// filterKilled handles a death by SIGSYS. It is the filter's doing if the
// thread is in a call that the policy kills, or if nobody sent the process a
// SIGSYS. Other threads of the process die with the same status, so the one
// that made the call may not be the first to report.
func (t *Tracer) filterKilled(pid int, k *task) {
	v := &Violation{PID: k.proc.pid}
	v.Syscall, v.Rule = t.killedCall(pid)
	if v.Syscall == "" && k.proc.sigsys {
		return
	}
	t.mu.Lock()
	if have := t.outcome.Violation; t.outcome.Cause == Violated && have.PID == v.PID && have.Syscall == "" {
		have.Syscall, have.Rule = v.Syscall, v.Rule
	}
	t.mu.Unlock()
	t.locate(v, pid)
	t.end(Violated, v)
}

// ended handles the last report of a task.
func (t *Tracer) ended(pid int, status syscall.WaitStatus, usage *syscall.Rusage) {
	if t.cfg.Watcher != nil {
		process := pid
		if k := t.tasks[pid]; k != nil {
			process = k.proc.pid
		}
		t.cfg.Watcher.Ended(process, pid, status)
	}
	t.remove(pid, usage)
	if pid != t.root {
		return
	}
	t.outcome.Status, t.outcome.Ended = status, time.Now()
	t.killAll()
	if t.cfg.RootEnded != nil {
		t.cfg.RootEnded()
	}
}
