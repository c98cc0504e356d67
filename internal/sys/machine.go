package sys

import (
	"runtime"
	"structs"
	"sync"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Op says what a Step does.
type Op uint8

const (
	// Call makes the system call Nr.
	Call Op = iota
	// Fork clones Proc with the flags of Args[0]; it runs the steps from
	// Proc.Start on, on a stack of its own. The call has Args[5] in the register of
	// its sixth argument, which the kernel does not read.
	Fork
	// Await sleeps until Gate is open. If the gate is aborted the step
	// fails with ECANCELED.
	Await
	// Turnstile is Await, and closes the gate again behind who passes.
	Turnstile
	// Back goes on Args[0] steps before this one.
	Back
	// Join sleeps until Proc, forked by an earlier step of the same process,
	// has executed its program. If it failed, so does the step: ECANCELED.
	Join
	// Lives fails with ECHILD if Proc, from which this process was forked, has ended.
	Lives
	// Exit ends the process without an error.
	Exit
	// Resume goes on with the steps of Machine.Rest, which may have come after
	// the process was started: a gate is in front.
	Resume
)

// States of a Gate.
const (
	Closed uint32 = iota
	Open
	Aborted
)

// A Step is one action of a launched process, in a form that can be executed
// where no Go code may run: it is read by a loop that neither allocates nor
// grows the stack.
type Step struct {
	Op     Op
	Expect bool    // the result must be Want, or the step fails with ECHILD
	Nr     uintptr // system call number
	Args   [6]uintptr
	From   [6]*uintptr // where not nil: the argument is what this points to
	Times  uintptr     // how often the call is made, 0 means once; each time
	Vary   uint8       // this argument is one more
	Want   uintptr
	OK     [6]uintptr // errors that count as success
	Into   *uintptr   // where the result goes, if anywhere; None for an error
	If     *uintptr   // where not nil: the step is skipped if this points to None
	Unless *uintptr   // where not nil: the step is skipped if this does not
	Gate   *Gate      // Await, Turnstile
	Proc   *Proc      // Fork, Join, Lives
}

// None is the result of a step that failed in a way that is OK, or was skipped.
const None = ^uintptr(0)

// Proc is one process of a launch.
type Proc struct {
	Start int // its first step
	// Cgroup is the descriptor of the cgroup (version 2) that it is born into;
	// 0 is that of the process that starts it.
	Cgroup int

	tid    int32 // written by the kernel before the process runs
	live   int32 // 1 until the process has executed a program or died
	failed int32 // index+1 of the step that failed; those of Machine.Rest follow Steps
	errno  uintptr
	stack  *stack
	args   cloneArgs
}

// cloneArgs is struct clone_args of clone3(2), as of Linux 5.7.
type cloneArgs struct {
	_ structs.HostLayout

	flags, pidfd, childTID, parentTID, exitSignal uint64
	stack, stackSize, tls                         uint64
	setTID, setTIDSize, cgroup                    uint64
}

// Failed returns the index of the step that failed and its error, or -1. It
// may be called after Wait.
func (p *Proc) Failed() (step int, errno syscall.Errno) {
	return int(p.failed) - 1, syscall.Errno(p.errno)
}

// PID returns the process's number in the launching process's namespace, or 0
// if it was never cloned.
func (p *Proc) PID() int { return int(atomic.LoadInt32(&p.tid)) }

// Machine executes steps in new processes that share this one's memory until
// they exec. Sharing makes the launch as cheap from a large process as from a
// small one; CLONE_VFORK is not used, because the thread that it suspends would
// keep its place in the Go scheduler while a tracer may need it.
type Machine struct {
	Steps []Step
	Rest  []Step // what follows a Resume
	Main  Proc   // the process that starts with the first step
}

// No exit signal: the program that hosts Belljar sees no SIGCHLD, and its own
// wait calls do not find our processes before they exec.
const (
	cloneFlags = syscall.CLONE_VM | syscall.CLONE_PARENT_SETTID | syscall.CLONE_CHILD_CLEARTID
	stackSize  = 16 << 10
)

//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

// rawClone clones the calling thread's process. The parent gets the PID or an
// error; the child continues on stack in runSteps(m, p). Sixth is what the
// register of a sixth argument holds, for a filter.
func rawClone(flags uintptr, stack unsafe.Pointer, ptid, ctid *int32, m *Machine, p *Proc, sixth uintptr) (pid, errno uintptr)

// rawClone3 is the same, without sixth, for what only clone3 can do.
func rawClone3(args *cloneArgs, size uintptr, m *Machine, p *Proc) (pid, errno uintptr)

// launched is where both let the child begin.
//
//lint:ignore U1000 the assembly of both jumps to it
func launched()

// clone starts p, whose memory was prepared.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (p *Proc) clone(flags uintptr, m *Machine, sixth uintptr) (pid, errno uintptr) {
	flags |= cloneFlags
	if p.Cgroup == 0 {
		return rawClone(flags, p.top(), &p.tid, &p.live, m, p, sixth)
	}
	// A process that is born into a cgroup costs no more than another. One that
	// is moved there waits for a grace period of RCU, 10 ms on an idle machine,
	// because a move must lock out every fork (Linux 6.18).
	p.args.flags = uint64(flags) | unix.CLONE_INTO_CGROUP
	return rawClone3(&p.args, unsafe.Sizeof(p.args), m, p)
}

// Start clones the first process. The caller must keep the calling thread (it
// is the parent that PR_SET_PDEATHSIG watches) and must Wait for every Proc
// before it drops the Machine.
func (m *Machine) Start() syscall.Errno {
	m.Main.Prepare()
	for i := range m.Steps {
		if p := m.Steps[i].Proc; p != nil && m.Steps[i].Op == Fork {
			p.Prepare()
		}
	}
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	// All signals stay blocked in the child until a step unblocks them: a
	// handler of the Go runtime must never run there.
	beforeFork()
	_, errno := m.Main.clone(0, m, 0)
	afterFork()
	if errno != 0 {
		m.Main.live = 0
	}
	return syscall.Errno(errno)
}

// Prepare makes p ready to be forked. If it was before, it must have executed its
// program, or be dead, and Machine.Wait have been called. Start prepares all of a
// machine.
func (p *Proc) Prepare() {
	p.tid, p.live, p.failed, p.errno = 0, 1, 0, 0
	p.stack = stacks.Get().(*stack)
	bottom := uintptr(unsafe.Pointer(p.stack))
	p.args = cloneArgs{
		childTID: uint64(uintptr(unsafe.Pointer(&p.live))), parentTID: uint64(uintptr(unsafe.Pointer(&p.tid))),
		stack: uint64(bottom), stackSize: uint64(uintptr(p.top()) - bottom), cgroup: uint64(p.Cgroup),
	}
}

// top is called where runSteps runs.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (p *Proc) top() unsafe.Pointer {
	top := uintptr(unsafe.Pointer(p.stack)) + stackSize
	return unsafe.Add(unsafe.Pointer(p.stack), stackSize-top%16)
}

// Alive reports whether p, which was cloned, still shares this process's memory.
func (p *Proc) Alive() bool { return atomic.LoadInt32(&p.live) != 0 }

// Wait sleeps until p no longer shares this process's memory: it has executed
// a program or is dead. It must be called only for a process that was cloned.
func (m *Machine) Wait(p *Proc) {
	for atomic.LoadInt32(&p.live) != 0 {
		// The kernel's wake-up at CLONE_CHILD_CLEARTID is of a shared futex.
		syscall.Syscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&p.live)), futexWait, 1, 0, 0, 0)
	}
	runtime.KeepAlive(m)
	if p.stack != nil {
		stacks.Put(p.stack)
		p.stack = nil
	}
}

// stacks holds those of processes that do not share this one's memory any more.
var stacks = sync.Pool{New: func() any { return new(stack) }}

type stack [stackSize]byte

const (
	futexWait = 0
	FutexWake = 1
)

// Gate is a word that a process awaits and another opens.
type Gate struct{ word uint32 }

// Set changes the gate's state and wakes who awaits it.
func (g *Gate) Set(state uint32) {
	atomic.StoreUint32(&g.word, state)
	syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&g.word)), FutexWake, 1<<30, 0, 0, 0)
}

// Wait sleeps until the gate is no longer Closed and returns its state.
func (g *Gate) Wait() uint32 {
	for {
		if s := atomic.LoadUint32(&g.word); s != Closed {
			return s
		}
		syscall.Syscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&g.word)), futexWait, uintptr(Closed), 0, 0, 0)
	}
}

// runSteps is the whole of a launched process until it execs. It runs with
// every signal blocked, on a small stack, beside a running Go runtime that does
// not know of it: it must not allocate, grow the stack, or write a pointer. Not
// even sync/atomic is allowed, which calls the race detector where that is on.
//
//go:nosplit
//go:noinline
//go:norace
//go:nocheckptr
func runSteps(m *Machine, p *Proc) {
	s := (*Step)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(m.Steps)), uintptr(p.Start)*unsafe.Sizeof(Step{})))
	for pc := int32(p.Start); ; pc++ {
		var r, errno uintptr
		switch {
		case s.Op == Resume:
			s, pc = unsafe.SliceData(m.Rest), int32(len(m.Steps))-1
			continue
		case s.Op == Back:
			n := s.Args[0]
			s, pc = (*Step)(unsafe.Add(unsafe.Pointer(s), -int(n*unsafe.Sizeof(Step{})))), pc-int32(n)-1
			continue
		case s.If != nil && *s.If == None || s.Unless != nil && *s.Unless != None:
			r = None
		default:
			r, errno = takeStep(m, s)
		}
		if errno != 0 && !s.tolerates(errno) {
			p.failed, p.errno = pc+1, errno
			exitProcess(127)
		}
		if errno != 0 {
			r = None
		}
		if s.Into != nil {
			*s.Into = r
		}
		s = (*Step)(unsafe.Add(unsafe.Pointer(s), unsafe.Sizeof(Step{})))
	}
}

//go:nosplit
//go:norace
//go:nocheckptr
func takeStep(m *Machine, s *Step) (r, errno uintptr) {
	switch s.Op {
	case Call:
		for k := uintptr(0); k == 0 || k < s.Times && (errno == 0 || s.tolerates(errno)); k++ {
			r, errno = callStep(s, k)
		}
		if s.Expect && errno == 0 && r != s.Want {
			errno = uintptr(syscall.ECHILD)
		}
	case Fork:
		r, errno = s.Proc.clone(s.Args[0], m, s.sixth())
	case Await:
		errno = s.Gate.await(s.sixth())
	case Turnstile:
		if errno = s.Gate.await(s.sixth()); errno == 0 {
			s.Gate.word = Closed
		}
	case Join:
		errno = s.Proc.join()
	case Lives:
		if loadAcquire(&s.Proc.live) == 0 {
			errno = uintptr(syscall.ECHILD)
		}
	case Exit:
		exitProcess(0)
	}
	return r, errno
}

// sixth is a step's last argument.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (s *Step) sixth() uintptr {
	if from := s.From[5]; from != nil {
		return *from
	}
	return s.Args[5]
}

//go:nosplit
//go:norace
func (s *Step) tolerates(errno uintptr) bool {
	for _, ok := range &s.OK {
		if ok == errno {
			return true
		}
	}
	return false
}

//go:nosplit
//go:norace
//go:nocheckptr
func callStep(s *Step, k uintptr) (r, errno uintptr) {
	a := s.Args
	for i := range a {
		if from := s.From[i]; from != nil {
			a[i] = *from
		}
	}
	if int(s.Vary) < len(a) {
		a[s.Vary] += k
	}
	r, _, e := syscall.RawSyscall6(s.Nr, a[0], a[1], a[2], a[3], a[4], a[5])
	return r, uintptr(e)
}

// await is Wait for a launched process. FUTEX_WAIT has no sixth argument, which a
// filter may want to see.
//
//go:nosplit
//go:noinline
//go:norace
//go:nocheckptr
func (g *Gate) await(sixth uintptr) uintptr {
	for {
		switch uint32(loadAcquire((*int32)(unsafe.Pointer(&g.word)))) {
		case Open:
			return 0
		case Aborted:
			return uintptr(syscall.ECANCELED)
		}
		syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&g.word)), futexWait, uintptr(Closed), 0, 0, sixth)
	}
}

// loadAcquire reads *p before whatever is read after it.
func loadAcquire(p *int32) int32

// join waits for a process that shares this memory. What p says of its failure
// was written before the kernel cleared live.
//
//go:nosplit
//go:noinline
//go:norace
//go:nocheckptr
func (p *Proc) join() uintptr {
	for loadAcquire(&p.live) != 0 {
		syscall.RawSyscall6(syscall.SYS_FUTEX, uintptr(unsafe.Pointer(&p.live)), futexWait, 1, 0, 0, 0)
	}
	if p.failed != 0 {
		return uintptr(syscall.ECANCELED)
	}
	return 0
}

//go:nosplit
//go:norace
func exitProcess(code uintptr) {
	for {
		syscall.RawSyscall(syscall.SYS_EXIT_GROUP, code, 0, 0)
	}
}
