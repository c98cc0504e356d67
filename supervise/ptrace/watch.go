package ptrace

import (
	"maps"
	"strconv"
	"syscall"

	"github.com/belljar/belljar/internal/follow"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
)

// watch is what the tracer knows of its watcher.
type watch struct {
	calls map[int]bool           // that are shown
	alone map[int]bool           // of those: that the policy's rules on calls decide alone
	named map[int]*policy.Policy // those rules, by call; nil: they refuse none of its forms
	opens map[int]bool           // that nobody decides, so that what they open is looked at when they return
}

// entering is the call of its own that a task is in, while somebody watches it.
type entering struct {
	active   bool
	repeats  bool // the next call is the same one, made anew for the tracer's sake
	nr       int
	args     [6]uint64
	decision supervise.Decision
}

func (w *watch) prepare(cfg *Config) {
	w.named = make(map[int]*policy.Policy)
	if cfg.Watcher == nil {
		return
	}
	w.calls, w.alone = make(map[int]bool), make(map[int]bool)
	for nr, name := range cfg.Table.Calls() {
		if cfg.Watcher.Watches(name) {
			w.calls[nr] = true
			w.alone[nr] = !cfg.Handled[name]
		}
	}
	if cfg.Follow {
		w.opens = calls(cfg.Table, follow.Opens...)
		maps.DeleteFunc(w.opens, func(nr int, _ bool) bool { return !w.alone[nr] })
	}
}

// opened lets the program see its own affinity, once it has a file that tells it whenever
// it is read.
func (t *Tracer) opened(tid, nr int, result uint64) {
	if !t.watch.opens[nr] || int64(result) < 0 {
		return
	}
	var path [64]byte
	link := append(strconv.AppendInt(append(path[:0], "/proc/"...), int64(tid), 10), "/fd/"...)
	link = strconv.AppendUint(link, result, 10)
	var name [4096]byte
	n, errno := sys.ReadLink(sys.AT_FDCWD, string(link), name[:])
	if errno != 0 || follow.Tells(name[:n]) {
		t.follow.Leave()
	}
}

// rules returns the policy without the rules on other calls than this one, nil if
// what is left allows the call whatever its arguments.
func (w *watch) rules(p *policy.Policy, nr int, call string) *policy.Policy {
	own, known := w.named[nr]
	if known {
		return own
	}
	own = &policy.Policy{Default: p.Default}
	for _, r := range p.Rules {
		if r.Names(call) {
			r.Call = call
			own.Rules = append(own.Rules, r)
		}
	}
	if len(own.Rules) == 0 && p.Default.Kind == policy.Allow ||
		len(own.Rules) > 0 && len(own.Rules[0].When) == 0 && own.Rules[0].Do.Kind == policy.Allow {
		own = nil
	}
	w.named[nr] = own
	return own
}

// cont lets a task run on from a stop before or within its call, and stops it
// when a call that is watched returns.
func (t *Tracer) cont(tid int, k *task) {
	if k.call.active {
		sys.ContToReturn(tid)
		return
	}
	sys.Cont(tid, 0)
}

// entered tells the watcher of the call at which a task is stopped.
func (t *Tracer) entered(k *task) {
	repeats := k.call.repeats
	k.call.repeats = false
	if !t.watch.calls[t.trap.Nr] || repeats && k.call.active {
		return
	}
	k.call = entering{active: true, nr: t.trap.Nr, args: t.trap.Args}
	t.cfg.Watcher.Entered(&t.trap)
}

// decided takes note of what becomes of the call.
func (t *Tracer) decided(k *task, d supervise.Decision) {
	d.Opening = nil // it is closed before the call returns
	k.call.decision = d
	k.raised = d.Raised
}

// leave handles the stop after a call that the task has made itself.
func (t *Tracer) leave(tid int, k *task) {
	if !k.call.active {
		return
	}
	if result, err := sys.ReadReturn(tid); err == nil {
		t.left(tid, k, result)
	}
}

// left tells the watcher what the task's call returned.
func (t *Tracer) left(tid int, k *task, result uint64) {
	if !k.call.active {
		return
	}
	k.call.active = false
	t.opened(tid, k.call.nr, result)
	t.trap.Arch, t.trap.Nr, t.trap.Args = t.cfg.Table, k.call.nr, k.call.args
	t.trap.PID, t.trap.TID, t.trap.Tracee = k.proc.pid, tid, t.memory.of(tid)
	t.cfg.Watcher.Returned(&t.trap, k.call.decision, result)
}

// watchSignal tells the watcher of a signal that is about to be delivered.
func (t *Tracer) watchSignal(tid int, k *task, sig syscall.Signal) {
	if t.cfg.Watcher == nil {
		return
	}
	s := supervise.SignalInfo{Signal: sig}
	var info sys.SignalInfo
	if sys.ReadSignalInfo(tid, &info) == nil {
		s.Code, s.Addr = info.Code, info.Addr()
		s.PID, s.UID, s.Status = info.Sender()
	}
	t.cfg.Watcher.Signalled(k.proc.pid, tid, s)
}
