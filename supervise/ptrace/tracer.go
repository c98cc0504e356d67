package ptrace

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/follow"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

// Config says what a tracer does besides following processes.
type Config struct {
	Table   *syscalls.Table
	Handler supervise.Handler // decides trapped calls; nil allows all
	// Policy explains a kill by the filter, which leaves only a dead process.
	Policy *policy.Policy
	// MaxTasks bounds processes and threads that are alive at once; the call
	// that would exceed it fails with EAGAIN. 0 is no bound.
	MaxTasks int
	// OwnTargets confines signals, priorities and the like to the run's own
	// processes, which a PID namespace does by itself.
	OwnTargets bool
	// OutputLimit is the RLIMIT_FSIZE that stands for the output limit, so that
	// reaching it ends the run; 0 is none. A program may lower it, but that is
	// a limit of its own.
	OutputLimit uint64
	// Verify decides what a process has executed, before its first
	// instruction; nil allows all. Whatever is not allowed is a violation.
	Verify func(pid, tid int) supervise.Decision
	// Outdated is told of a path that Handler let open, and in which there is a
	// link now. It may be nil.
	Outdated func(path string)
	// Quiet says that a program with one task has no memory in common with
	// anybody outside the run and none that the kernel fills behind its back,
	// as it does for asynchronous input.
	Quiet bool
	// Watcher, if not nil, is told what the run does. The filter must trap the
	// calls that it watches, whatever the policy says of them. Handled are then
	// the calls that Handler has a say in; the policy's rules decide all others.
	Watcher supervise.Watcher
	Handled map[string]bool
	// Guard says that the kernel cannot seal memory, and that GuardCalls trap.
	Guard bool
	// Follow says that a process may be held on one CPU with the thread that answers
	// its calls. The filter must trap follow.Calls, Watcher or Handler be told of follow.Opens,
	// and no code on that thread may start processes, which would stay there.
	Follow bool
	// Started is called on the tracer's thread when the root process has
	// executed its program, RootEnded when it has ended and all others were
	// sent SIGKILL. Both may be nil.
	Started, RootEnded func()
	// Launching is for another supervisor, whose filter stops the root process
	// at the execve that starts the program: it is called there, on the
	// tracer's thread, with a pidfd of the root process. An error ends the run
	// and the program is not executed. Nil where the filter allows that execve.
	Launching func(pidfd int) error
	// Restart holds calls that the other supervisor answers and that nothing
	// but a signal before it received them interrupts.
	Restart map[string]bool
}

// Cause is why a tracer ended a run before the program did.
type Cause uint8

const (
	NoCause Cause = iota // or Kill
	Violated
	OutputExceeded
)

// Violation is the evidence of a refused call.
type Violation struct {
	Syscall string
	Path    string
	Rule    string
	Count   bool // the rule is a count
	PID     int
	Access  policy.Access // to Path, 0 if it was not about one
	Code    string        // that made the call: FILE+OFFSET (FUNCTION+OFFSET)
}

// Outcome is what a tracer knows when every process has ended.
type Outcome struct {
	Status    syscall.WaitStatus // of the root process
	Ended     time.Time          // when it ended
	Cause     Cause
	Violation *Violation
	Started   bool // the root process has executed its program
	Usage     Usage
	Traps     int64
	Denied    int64
	Err       error // why the tracer or its handler could not go on
}

// Tracer traces one run. Any goroutine may call Kill, Usage, Resident and
// Peak, and what is in shared.go; all other methods belong to the thread that seized the root process,
// because ptrace requires it.
type Tracer struct {
	cfg    Config
	again  map[int]bool // numbers of Config.Restart
	root   int
	thread int // that the tracer is
	*numbers

	dying   atomic.Bool // the run is over: every tracee gets SIGKILL
	outcome Outcome     // its Cause and Violation are guarded by mu
	trap    supervise.Trap
	memory  memory
	watch   watch
	slots   slots
	starved []starved // wait for a slot
	look    time.Time // when to look for slots again
	waiting map[int]*waiting
	dropped []*supervise.Waiting // given up, maybe not over
	reports []report             // that were taken before their turn
	heard   int                  // of these
	turns   int                  // so many events until those of all are taken
	follow  follow.Follower
	early   map[int]int // tasks that ended before the process that made them told of them

	mu    sync.Mutex // guards what follows
	pidfd int        // of the root process, -1 once closed
	tasks map[int]*task
	procs map[int]*process
	usage Usage
}

// SpawnCalls are the calls that must be trapped for Config.MaxTasks.
var SpawnCalls = []string{"fork", "vfork", "clone", "clone3"}

// ExecCalls are the calls that must be trapped for a peak of memory that
// counts what a process used before it executed another program.
var ExecCalls = []string{"execve", "execveat"}

// Seize attaches to the process root, which need not be stopped. The calling
// goroutine must be locked to its thread until Run returns.
func Seize(root int, cfg Config) (*Tracer, error) {
	sys.QuietStops()
	pidfd, err := sys.PidfdOpen(root)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open: %w", err)
	}
	if err := sys.Seize(root, sys.TraceOptions); err != nil {
		syscall.Close(pidfd)
		return nil, fmt.Errorf("ptrace(PTRACE_SEIZE): %w", err)
	}
	t := &Tracer{
		cfg:     cfg,
		root:    root,
		thread:  sys.ThreadID(),
		pidfd:   pidfd,
		again:   calls(cfg.Table, slices.Collect(maps.Keys(cfg.Restart))...),
		numbers: numbersOf(cfg.Table),
		slots:   taken,
		early:   make(map[int]int),
		tasks:   make(map[int]*task),
		procs:   make(map[int]*process),
	}
	t.watch.prepare(&cfg)
	if cfg.Follow {
		t.follow.Start()
	}
	// Until it executes its program, the root process borrows the memory of
	// the process that launched it.
	t.add(root, root).proc.borrowed = true
	return t, nil
}

// Kill ends the run from any goroutine. The root process is signalled through
// a descriptor, so a recycled PID is never hit; the tracer kills the rest.
func (t *Tracer) Kill() {
	t.dying.Store(true)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pidfd >= 0 {
		sys.PidfdKill(t.pidfd) // fails only if the process is gone
	}
}

// close gives up the root's descriptor, whose number may then mean another
// process; whoever calls Kill later finds nothing to kill.
func (t *Tracer) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	syscall.Close(t.pidfd)
	t.pidfd = -1
}

// Run handles events until no tracee is left.
func (t *Tracer) Run() (*Outcome, error) {
	defer t.close()
	defer t.abandon()
	defer t.follow.Leave()
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		pid, err := t.next(&status, &usage)
		if errors.Is(err, syscall.ECHILD) {
			t.mu.Lock()
			t.outcome.Usage = t.usage
			t.mu.Unlock()
			return &t.outcome, nil
		}
		if err != nil {
			// Cannot happen with valid arguments; without events nothing
			// could be decided, so nothing may go on.
			t.Kill()
			return &t.outcome, fmt.Errorf("wait4: %w", err)
		}
		t.event(pid, status, &usage)
	}
}

// end ends the run for a cause; the first one counts.
func (t *Tracer) end(cause Cause, v *Violation) {
	t.mu.Lock()
	if t.outcome.Cause == NoCause && !t.dying.Load() {
		t.outcome.Cause, t.outcome.Violation = cause, v
	}
	t.mu.Unlock()
	t.Sample()
	t.Kill()
}

// killAll sends SIGKILL to every process. A tracee's PID cannot be recycled
// before the tracer has reaped it.
func (t *Tracer) killAll() {
	t.dying.Store(true)
	for pid := range t.procs {
		killProcess(pid)
	}
}

// killProcess sends SIGKILL to one process. Zero and negative numbers would mean
// many, Belljar's own group among them; there are none, but if there were it
// would be the worst of all mistakes.
func killProcess(pid int) {
	if pid > 1 {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}
