package ptrace

import (
	"maps"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/sys"
)

// task is one thread.
type task struct {
	proc    *process
	exiting bool // has passed PTRACE_EVENT_EXIT
	creator int  // the process that made it and has not told of it, or 0

	starved bool // is in the tracer's list of those

	// forking: it was allowed to create a task and has not reported it. It is
	// set under the tracer's lock.
	forking atomic.Bool
	// interrupted: its call was answered with ERESTARTSYS.
	interrupted atomic.Bool
	// nudges were sent to it and have not arrived.
	nudges atomic.Int32

	call   entering
	raised syscall.Signal // by the call that was made in its place last
	made   made           // the call that it is in for the tracer
	anew   int            // one more than the number of the call that it makes anew
	again  int            // how often its own call was decided anew
}

// process is one thread group.
type process struct {
	pid      int
	threads  int  // that have not passed PTRACE_EVENT_EXIT
	borrowed bool // shares its creator's memory, as after vfork
	executed bool // a program, since it was created
	forked   bool // has created other processes
	sigsys   bool // was delivered a SIGSYS that some process sent
	page     page
	cpu      time.Duration
	hwm      int64
}

// Usage is what a run has used so far.
type Usage struct {
	CPU       time.Duration // of processes that have ended; see Tracer.Usage
	User      time.Duration // the kernel's split of CPU, as far as known
	System    time.Duration
	Peak      int64 // highest VmHWM of any process, bytes
	Tasks     int   // alive
	TasksPeak int
}

func (t *Tracer) add(tid, pid int) *task {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.procs[pid]
	if p == nil {
		p = &process{pid: pid, page: page{mem: -1}}
		t.procs[pid] = p
	}
	p.threads++
	k := &task{proc: p}
	t.tasks[tid] = k
	t.usage.Tasks++
	t.usage.TasksPeak = max(t.usage.TasksPeak, t.usage.Tasks)
	t.follow.Joined(tid)
	return k
}

// lookup returns the task tid. A child may report before its parent's event
// has told of it.
func (t *Tracer) lookup(tid int) *task {
	if k := t.tasks[tid]; k != nil {
		return k
	}
	// Whatever had the number before is gone.
	delete(t.early, tid)
	group := t.groupOf(tid)
	k := t.add(tid, group)
	k.creator = group
	if group == tid {
		// Where that fails it was killed, and so maybe was who made it.
		st, _ := hostProc.Stat(tid)
		k.creator = st.PPid
	}
	return k
}

// unborn forgets the tasks that have lived and died, and that a process will not
// tell of any more: the threads that made them are gone.
func (t *Tracer) unborn(creator int) {
	maps.DeleteFunc(t.early, func(_, by int) bool { return by == creator })
}

// groupOf finds the thread group of a new task: it is a process of its own, or a
// thread of one that is known.
func (t *Tracer) groupOf(tid int) int {
	if sys.IsThread(tid, tid) {
		return tid // its leader, however many others there are
	}
	for pid := range t.procs {
		if sys.IsThread(pid, tid) {
			return pid
		}
	}
	return tid
}

// exiting is called at PTRACE_EVENT_EXIT, the last moment at which the
// task's memory and clock can be read.
func (t *Tracer) exiting(tid int, k *task) {
	if k.exiting {
		return
	}
	p := k.proc
	t.follow.Ended(tid)
	if p.threads == 1 {
		t.measure(tid, p)
	}
	cpu, err := sys.ProcessCPU(p.pid)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		p.cpu = max(p.cpu, cpu)
	}
	k.exiting = true
	p.threads--
	t.usage.Tasks--
}

// measure reads the peak of p's memory, which must not be borrowed: then it
// would be that of the creator.
func (t *Tracer) measure(tid int, p *process) {
	t.mu.Lock()
	borrowed := p.borrowed
	t.mu.Unlock()
	if borrowed {
		return
	}
	if hwm, err := peakMemory(tid); err == nil {
		t.mu.Lock()
		p.hwm = max(p.hwm, hwm)
		t.usage.Peak = max(t.usage.Peak, p.hwm)
		t.mu.Unlock()
	}
}

// remove forgets a task that has ended; ru is its process's usage if the
// task was the thread group's leader.
func (t *Tracer) remove(tid int, ru *syscall.Rusage) {
	k := t.tasks[tid]
	if k == nil {
		return
	}
	p := k.proc
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.tasks, tid)
	t.forgetCall(k)
	if t.procs[k.creator] != nil {
		t.early[tid] = k.creator
	}
	if !k.exiting {
		p.threads--
		t.usage.Tasks--
	}
	if tid != p.pid {
		return
	}
	delete(t.procs, tid)
	t.unborn(tid)
	p.page.close()
	t.account(p, ru)
}

// account adds an ended process to the usage of the dead.
func (t *Tracer) account(p *process, ru *syscall.Rusage) {
	user, system := time.Duration(ru.Utime.Nano()), time.Duration(ru.Stime.Nano())
	cpu := p.cpu
	if !p.forked || cpu == 0 {
		// Without children the kernel's own sum is the process's alone, and
		// unlike the clock at PTRACE_EVENT_EXIT it has the time that freeing
		// the memory took.
		cpu = max(cpu, user+system)
	}
	if total := user + system; total > 0 {
		user = time.Duration(float64(cpu) * float64(user) / float64(total))
	} else {
		user = cpu
	}
	t.usage.CPU += cpu
	t.usage.User += user
	t.usage.System += cpu - user
	if p.pid != t.root {
		// ru_maxrss survives exec, so the root's has this process's memory in
		// it; the others descend from the root.
		t.usage.Peak = max(t.usage.Peak, ru.Maxrss<<10)
	}
}
