package ptrace

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/supervise"
)

// follower keeps the tracer and a program with one task on one CPU while the
// task makes one trapped call after the other: a stop takes half the time there,
// since no idle CPU has to be woken. Whom a running thread wakes the kernel puts on
// a CPU that is idle, so both need an affinity. The program never sees its own: it
// has it back before a call that would tell, before a second task of it runs, and
// when it stops trapping.
//
// The one task is the root process's, for that outlives all others.
type follower struct {
	root  int
	pidfd int // of root
	traps atomic.Int64

	// What follows belongs to the tracer's thread.
	follows  bool
	began    time.Time     // of the round
	loose    time.Duration // that the last round took without a hold
	rounds   int           // of a burst so far
	patience int           // a burst is followed after so many

	mu      sync.Mutex // guards what follows
	holding bool
	held    bool     // holding, or a task may have been made while it was
	cpu     int      // of the last hold
	tracer  int      // its thread
	own     sys.CPUs // the tracer's affinity
	program sys.CPUs // the program's
	timer   *time.Timer
	seen    int64 // traps when the timer looked last
}

const (
	round       = 64 // so many traps are measured together
	maxPatience = 1 << 12
)

// pace says when a program is followed; tests change it.
var pace = struct {
	burst time.Duration // a round that takes no longer is worth it
	slack time.Duration // more than before may a round take then
	pause time.Duration // without a trap ends it
}{burst: round * 50 * time.Microsecond, pause: 2 * time.Millisecond}

// FollowCalls are the calls that must be trapped for Config.Follow.
var FollowCalls = []string{"sched_getaffinity", "sched_setaffinity"}

// followed are the CPUs on which tracers of this process hold programs. A second
// pair on one CPU would make both slow.
var followed [1024]atomic.Bool

func (f *follower) prepare(t *Tracer) {
	f.root, f.pidfd, f.follows, f.patience = t.root, t.pidfd, t.cfg.Follow, 1
}

// followTrap sees a call that has trapped.
func (t *Tracer) followTrap() {
	f := &t.follow
	if !f.follows {
		return
	}
	if len(t.tasks) == 1 {
		f.trapped()
	}
	switch {
	case !t.masks[t.trap.Nr]:
	case t.trap.Name() == "sched_setaffinity":
		f.leave() // the program looks after that itself
	default:
		f.release()
	}
}

// followDecided sees what becomes of the call. A process's status in procfs tells
// its affinity whenever it is read.
func (t *Tracer) followDecided(d supervise.Decision) {
	f := &t.follow
	if f.follows && strings.HasPrefix(d.Path, "/proc/") && strings.HasSuffix(d.Path, "/status") {
		f.leave()
	}
}

// trapped counts a trap of a program with one task, which is stopped. At the
// end of a round it holds a program that traps in a burst, and lets it go if that has
// not made it faster.
func (f *follower) trapped() {
	if f.traps.Add(1)%round != 0 {
		return
	}
	now := time.Now()
	took := now.Sub(f.began)
	f.began = now
	switch {
	case f.holds():
		if took > f.loose+pace.slack {
			f.release()
			f.rounds, f.patience = 0, min(2*f.patience, maxPatience)
		}
	case took > pace.burst:
		f.rounds = 0
	default:
		f.loose = took
		if f.rounds++; f.rounds >= f.patience {
			f.follows = f.hold()
		}
	}
}

func (f *follower) holds() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.holding
}

// hold keeps the program and the tracer on the CPU that the tracer is on. It
// reports whether there is any use in doing so again.
func (f *follower) hold() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	cpu, errno := sys.CurrentCPU()
	if errno != 0 || cpu >= len(followed) {
		return false
	}
	if f.own, errno = sys.Affinity(0); errno != 0 || f.own.Count() < 2 {
		return false
	}
	if f.program, errno = sys.Affinity(f.root); errno != 0 || f.program.Count() < 2 {
		return false
	}
	if !f.program.Has(cpu) || !followed[cpu].CompareAndSwap(false, true) {
		f.rounds = 0
		return true
	}
	f.holding, f.held, f.cpu, f.tracer = true, true, cpu, sys.ThreadID()
	one := sys.OneCPU(cpu)
	if sys.SetAffinity(f.root, &one) != 0 || sys.SetAffinity(f.tracer, &one) != 0 {
		f.letGo()
		return false
	}
	f.seen = f.traps.Load()
	if f.timer == nil {
		f.timer = time.AfterFunc(pace.pause, f.look)
	} else {
		f.timer.Reset(pace.pause)
	}
	return true
}

// look lets a program go that has not trapped for a while. The tracer cannot,
// since it waits for a trap.
func (f *follower) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := f.traps.Load(); n != f.seen && f.holding {
		f.seen = n
		f.timer.Reset(pace.pause)
		return
	}
	f.letGo()
}

// release gives the program and the tracer their affinities back.
func (f *follower) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.letGo()
}

// leave releases the program for the rest of the run.
func (f *follower) leave() {
	f.release()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.follows, f.held = false, false
}

// letGo is release while f is locked. To set an affinity fails where the
// program is gone, or where its cpuset has changed so much that the kernel has
// given it another.
func (f *follower) letGo() {
	if !f.holding {
		return
	}
	f.holding = false
	if sys.PidfdAlive(f.pidfd) { // else its number may be somebody else's
		_ = sys.SetAffinity(f.root, &f.program)
	}
	_ = sys.SetAffinity(f.tracer, &f.own)
	followed[f.cpu].Store(false)
}

// joined lets the program go because of a task that has not run yet. It has the
// affinity of who made it at some time before, which may have been ours.
func (f *follower) joined(tid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.letGo()
	if !f.held {
		return
	}
	if have, errno := sys.Affinity(tid); errno == 0 && have == sys.OneCPU(f.cpu) {
		_ = sys.SetAffinity(tid, &f.program) // or it was killed
	}
}
