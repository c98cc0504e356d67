// Package follow keeps a process that makes one trapped call after the other on
// one CPU with the thread that answers it: a stop takes half the time there, since
// no idle CPU has to be woken.
//
// Whom a running thread wakes the kernel puts on a CPU that is idle, so both need
// an affinity. The program never sees its own: the process has it back before a
// call that would tell, a task that it makes before that runs, and all when it stops trapping.
package follow

import (
	"bytes"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belljar/belljar/internal/sys"
)

// Calls are the calls that tell or set an affinity, and the one after which files are
// opened that nobody is told of. They must trap.
var Calls = []string{"sched_getaffinity", "sched_setaffinity", "io_uring_setup"}

// Opens are the calls that open a file which tells it, and that files which they have
// opened must be told of: status in procfs.
var Opens = []string{"open", "openat", "openat2"}

// Tells reports whether a file of this name may tell an affinity whenever it is read.
// Procfs may be mounted anywhere.
func Tells(name []byte) bool { return bytes.HasSuffix(name, []byte("/status")) }

// pace says when a process is held; tests change it.
var pace = struct {
	few   int           // so many traps in a row by one process are a burst,
	each  time.Duration // if each took no longer
	look  time.Duration // so often a hold is looked at
	busy  int           // of that time both must have run one part in so many
	worth int           // so many traps are worth a hold
}{few: 4, each: 5 * time.Millisecond, look: 10 * time.Millisecond, busy: 2, worth: 16}

// releases and joins are switched off by a test that shows what they are good for.
var releases, joins = true, true

const maxPatience = 1 << 12

// taken are the CPUs on which this process holds others. A second pair on one CPU
// would make both slow.
var taken [1024]atomic.Bool

// Follower follows the processes of one run, one at a time: of several tasks that trap by
// turns none is held. Its zero value follows nothing.
type Follower struct {
	mu       sync.Mutex // guards all
	on       bool
	pid      int       // of who trapped last
	run      int       // its traps in a row
	began    time.Time // the run
	patience int       // so many traps are a burst

	holding bool
	thread  int           // that answers
	cpu     int           // of the hold
	pidfd   int           // of pid, -1: none
	used    sys.CPUs      // of all holds
	own     sys.CPUs      // the thread's affinity
	program sys.CPUs      // the program's
	looked  time.Time     // at the hold,
	ran     time.Duration // what both had run then,
	seen    int           // and the traps of the run
	timer   *time.Timer
}

// Start begins to follow.
func (f *Follower) Start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on, f.pidfd, f.patience = true, -1, pace.few
}

// Trap counts a trap of process pid, whose main thread is stopped and answered by the
// calling thread, whose number is thread. It begins holds, and ends that of another process.
func (f *Follower) Trap(pid, thread int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.on {
		return
	}
	if pid != f.pid || f.holding && thread != f.thread {
		f.turn()
		f.pid = pid
	}
	if f.run++; f.holding {
		return
	}
	if f.run == 1 {
		f.began = time.Now()
	}
	if f.run >= f.patience {
		if time.Since(f.began) <= time.Duration(f.run)*pace.each {
			f.hold(thread)
		} else {
			f.run = 0
		}
	}
}

// Other notes a trap of a task that is never held.
func (f *Follower) Other() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.on {
		f.turn()
	}
}

// turn ends the turn of who trapped last. Where turns are short, holds are not worth it.
func (f *Follower) turn() {
	if f.holding && f.run < pace.worth {
		f.lessEager()
	}
	f.forget()
}

func (f *Follower) lessEager() { f.patience = min(2*f.patience, maxPatience) }

// hold keeps the process and the calling thread on the CPU that this is on.
func (f *Follower) hold(thread int) {
	cpu, errno := sys.CurrentCPU()
	if errno != 0 || cpu >= len(taken) {
		f.stop()
		return
	}
	if f.own, errno = sys.Affinity(thread); errno != 0 || f.own.Count() < 2 {
		f.stop()
		return
	}
	program, errno := sys.Affinity(f.pid)
	if errno != 0 || !program.Has(cpu) || program.Count() < 2 || !f.known() || !taken[cpu].CompareAndSwap(false, true) {
		f.run = 0
		f.lessEager()
		return
	}
	f.program, f.thread, f.cpu, f.holding = program, thread, cpu, true
	f.used.Add(cpu)
	one := sys.OneCPU(cpu)
	if sys.SetAffinity(f.pid, &one) != 0 || sys.SetAffinity(thread, &one) != 0 {
		f.stop()
		return
	}
	f.looked, f.ran, f.seen = time.Now(), f.cpuTime(), f.run
	if f.timer == nil {
		f.timer = time.AfterFunc(pace.look, f.look)
	} else {
		f.timer.Reset(pace.look)
	}
}

// known reports whether there is a descriptor of the process.
func (f *Follower) known() bool {
	if f.pidfd < 0 {
		var err error
		if f.pidfd, err = sys.PidfdOpen(f.pid); err != nil {
			f.pidfd = -1
		}
	}
	return f.pidfd >= 0
}

// cpuTime is what both have run.
func (f *Follower) cpuTime() time.Duration {
	program, _ := sys.ProcessCPU(f.pid)
	thread, _ := sys.ThreadCPU(f.thread) // who is gone does not run
	return program + thread
}

// look lets a process go that has not trapped since the last look, or that waits: for
// the CPU, which others want, or for something else, so that nothing is gained. Who answers
// cannot look: it waits for a trap.
func (f *Follower) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.holding {
		return
	}
	now, ran := time.Now(), f.cpuTime()
	switch {
	case f.run == f.seen:
		f.letGo()
		return
	case now.Sub(f.looked) > time.Duration(pace.busy)*(ran-f.ran):
		f.lessEager()
		f.letGo()
		return
	}
	f.patience = pace.few
	f.looked, f.ran, f.seen = now, ran, f.run
	f.timer.Reset(pace.look)
}

// Release gives the process that is held its affinity back, until its next burst.
func (f *Follower) Release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if releases {
		f.letGo()
	}
}

// Leave releases it for the rest of the run.
func (f *Follower) Leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !releases {
		return
	}
	f.stop()
	f.used = sys.CPUs{}
}

// stop follows nothing any more.
func (f *Follower) stop() {
	f.forget()
	f.on = false
}

// Ended forgets a process that is about to end, or has ended.
func (f *Follower) Ended(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pid == pid {
		f.forget()
	}
}

// Joined gives a new task, which has not run yet, the program's affinity: it has that of
// who made it at some time before, which may have been ours.
func (f *Follower) Joined(tid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !joins || f.used.Count() == 0 {
		return
	}
	if have, errno := sys.Affinity(tid); errno == 0 && have.Count() == 1 && have.In(&f.used) {
		_ = sys.SetAffinity(tid, &f.program) // or it was killed
	}
}

// forget ends a hold and closes what was kept of the process.
func (f *Follower) forget() {
	f.letGo()
	if f.on && f.pidfd >= 0 {
		sys.CloseFile(f.pidfd)
		f.pidfd = -1
	}
	f.pid, f.run = 0, 0
}

// letGo ends a hold. To set an affinity fails where the process is gone, or where
// its cpuset has changed so much that the kernel has given it another.
func (f *Follower) letGo() {
	f.run = 0
	if !f.holding {
		return
	}
	f.holding = false
	if sys.PidfdAlive(f.pidfd) { // else its number may be somebody else's
		_ = sys.SetAffinity(f.pid, &f.program)
	}
	_ = sys.SetAffinity(f.thread, &f.own)
	taken[f.cpu].Store(false)
}
