package belljar

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/belljar/belljar/cgroup"
	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/landlock"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/supervise/notify"
	"github.com/belljar/belljar/supervise/ptrace"
	"github.com/belljar/belljar/unshare"
)

// session is one run under way.
type session struct {
	*plan
	files   *files
	token   *launch.Token
	program *launch.Process
	sandbox *unshare.Sandbox // nil without namespaces
	launch  *launch.Launch
	gate    *sys.Gate

	group  *cgroup.Group // nil without
	usage  cgroup.Usage  // of the group, at the end
	events cgroup.Events

	outside  []launch.Rlimit    // set when there is a listener
	clean    bool               // every process has ended, and the thread is as it was
	listener launch.Slot        // the number of the filter's listener
	notify   *notify.Supervisor // once the program is about to be executed

	started time.Time

	mu     sync.Mutex
	tracer *ptrace.Tracer // once attached
	limit  string         // which limit ended the run
	ended  bool           // the run was told to end, maybe before there was a tracer
	over   bool           // the program has ended: nothing can end it any more
	broken error          // why Belljar cannot go on with the run
}

// prepare builds all that the launch needs. close undoes it.
func (p *plan) prepare() (*session, error) {
	s := &session{plan: p}
	if err := s.build(); err != nil {
		s.close()
		return nil, errors.Join(err, s.closeGroup())
	}
	return s, nil
}

func (s *session) build() (err error) {
	p := s.plan
	var who *owner
	if p.setIDs() {
		who = &owner{p.uid, p.gid}
	}
	if s.files, err = openFiles(&p.cmd, who, p.opts.Limits.Output, func() { s.end("output") }); err != nil {
		return err
	}
	life, err := launch.Self()
	if err != nil {
		return &SetupError{Step: "pidfd_open", Err: err}
	}
	umask := 0o022
	if p.opts.Umask != nil {
		umask = *p.opts.Umask
	}
	program := launch.Program{
		Dir: p.dir, Files: s.files.fds, Umask: umask, Limits: p.rlimits(s.files.largest()),
		SetIDs: p.setIDs(), UID: p.uid, GID: p.gid, Privileged: sys.Capable(sys.CapSetpcap) || p.userNS,
		Parent: life,
	}
	if p.supervisor == Notify {
		program.Listener = &s.listener
		s.outside = program.Outside()
	}
	if err := s.makeGroup(); err != nil {
		return err
	}
	if p.root == nil {
		process, err := s.process(&program)
		if err != nil {
			return err
		}
		s.launch, err = launch.Prepare(process)
		return err
	}
	spec := unshare.Spec{Root: p.root, HostNetwork: p.opts.HostNetwork, Sockets: p.runner.leavesSockets, HostCgroup: s.group != nil, User: p.userNS, UID: p.uid, GID: p.gid}
	if s.sandbox, err = s.makeSandbox(&spec, &program); err != nil {
		return err
	}
	if next := s.sandbox.Standby; next != nil {
		s.program, s.launch, s.gate = s.sandbox.Program, next.Launch, &next.Gate
		return nil
	}
	s.launch, err = launch.Prepare(s.sandbox.Process)
	return err
}

// process makes a program the whole of a launch.
func (s *session) process(program *launch.Program) (*launch.Process, error) {
	token, err := launch.NewToken(s.path, s.cmd.Args, s.cmd.Env)
	if err != nil {
		return nil, err
	}
	s.token, program.Token = token, token
	filters, err := s.filters(token)
	if err != nil {
		return nil, err
	}
	s.gate = new(sys.Gate)
	program.Filters, program.Gate = filters, s.gate
	program.Restrict = s.landlock.With(s.path, landlock.Held(s.files.fds)).Steps()
	s.program = program.Process()
	s.enterGroup(s.program)
	return s.program, nil
}

func (s *session) close() {
	if s.sandbox != nil {
		s.sandbox.Drop()
	}
	if s.files != nil {
		s.files.close()
	}
	if s.token != nil {
		s.token.Close()
	}
	if s.engine != nil {
		s.engine.Close()
	}
}

// end ends the run because of a limit, or of the caller if limit is "". The
// first cause counts.
func (s *session) end(limit string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over && limit != "output" {
		return // output may still be on its way, all else came too late
	}
	if !s.ended {
		s.ended, s.limit = true, limit
	}
	if s.tracer != nil {
		s.tracer.Sample()
		s.tracer.Kill()
	}
}

// fail ends the run because a limit cannot be kept.
func (s *session) fail(err error) {
	s.mu.Lock()
	if s.broken == nil && !s.over {
		s.broken = err
	}
	s.mu.Unlock()
	s.end("")
}

// run launches and traces the program on the calling goroutine's thread, which
// is the parent and the tracer of everything it starts.
func (s *session) run(ctx context.Context) (*ptrace.Outcome, error) {
	runtime.LockOSThread()
	defer s.keepThread()()
	defer keepDumpable()()
	if err := s.start(); err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.end("") })
	defer stop()
	s.markStart() // the program's time; again when it has executed
	s.gate.Set(sys.Open)
	s.files.started()
	defer s.watch()()

	if s.engine != nil {
		if err := supervise.Begin(); err != nil {
			s.fail(&SetupError{Step: "trace", Err: err})
		}
	}
	outcome, err := s.tracer.Run()
	if s.runner.leavesSockets {
		// Sockets on their way through each other have gone only when the kernel
		// looks for such, and so have the locks of files that are on their way, too.
		sys.CollectSockets()
	}
	s.clean = err == nil && s.engine == nil && s.opts.Handler == nil
	err = errors.Join(err, s.stopNotify(outcome))
	failure := s.failure()
	groupErr := s.endGroup()
	if err = errors.Join(err, s.endSandbox()); failure != nil {
		return nil, setupError(failure)
	}
	if groupErr != nil {
		return nil, &SetupError{Step: "cgroup", Err: groupErr}
	}
	if err = errors.Join(err, outcome.Err); err != nil {
		return nil, &SetupError{Step: "trace", Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return nil, s.broken
	}
	if !outcome.Started && outcome.Status.Signal() == syscall.SIGKILL && !s.ended && !s.events.MemoryLimit() {
		// Killed by somebody else before it was the program.
		return nil, &SetupError{Step: "execve", Err: errors.New("the process was killed before it could start the program")}
	}
	return outcome, nil
}

// failure returns the error of a step that ended a process of the launch, the
// cause before what followed from it. All of them are at their end.
func (s *session) failure() error {
	if s.sandbox != nil {
		if err := s.sandbox.Failed(s.launch); err != nil {
			return err
		}
	}
	return s.launch.Wait(s.program)
}

// start launches the processes up to the gate and attaches the tracer.
func (s *session) start() error {
	if s.sandbox == nil || s.sandbox.Standby == nil {
		if err := s.launch.Start(); err != nil {
			return setupError(err)
		}
	}
	if s.sandbox != nil {
		if err := s.sandbox.Ready(s.launch); err != nil {
			return setupError(err)
		}
	}
	tracer, err := ptrace.Seize(s.program.PID(), s.tracerConfig())
	if err != nil {
		// The program may have failed before it reached the gate.
		if failure := s.abandon(); failure != nil {
			return setupError(failure)
		}
		return untraceable(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracer = tracer
	if s.ended {
		tracer.Kill()
	}
	return nil
}

func (s *session) tracerConfig() ptrace.Config {
	cfg := ptrace.Config{
		Table: s.table, Policy: s.policy, MaxTasks: s.opts.Limits.Processes,
		OwnTargets:  s.root == nil,
		Quiet:       s.engine != nil && s.quiet(),
		Follow:      s.follows(),
		Guard:       s.opensFiles() && !kernel.Mseal.Have(),
		OutputLimit: s.fileSize(s.files.largest()),
		Started:     s.executed,
		RootEnded:   s.rootEnded,
	}
	if s.engine != nil {
		cfg.Handler, cfg.Verify, cfg.Outdated = s.engine, s.engine.VerifyExec, s.engine.Outdated
	}
	if s.opts.Watch != nil {
		cfg.Watcher, cfg.Handled = s.opts.Watch, s.engine.TrapCalls()
	}
	if s.supervisor == Notify {
		cfg.Launching, cfg.Restart = s.launching, supervise.Uninterruptible(s.trapCalls())
	}
	return cfg
}

// launching gives the filter's listener to the notify supervisor. The program
// is about to be executed, and nothing of it runs before calls are answered.
func (s *session) launching(pidfd int) error {
	err := s.startNotify(pidfd)
	if err != nil {
		s.fail(err)
	}
	return err
}

func (s *session) startNotify(pidfd int) error {
	for _, limit := range s.outside {
		if err := limit.Set(s.program.PID()); err != nil {
			return &SetupError{Step: "prlimit64", Err: err, Hint: "no descriptor is left for the filter's listener, so the limit is set from outside"}
		}
	}
	listener, err := sys.PidfdGetfd(pidfd, s.listener.Value())
	if err != nil {
		return &SetupError{Step: "pidfd_getfd", Err: err}
	}
	s.notify, err = notify.Start(listener, notify.Config{Table: s.table, Handler: s.engine, Lives: s.tracer,
		Fail: func(err error) { s.fail(&SetupError{Step: "supervise", Err: err}) }})
	if err != nil {
		return &SetupError{Step: "supervise", Err: err}
	}
	return nil
}

// stopNotify ends the notify supervisor and adds what it counted to the
// tracer's. No process is left that could make a call.
func (s *session) stopNotify(o *ptrace.Outcome) error {
	if s.notify == nil {
		return nil
	}
	traps, denied, err := s.notify.Stop()
	o.Traps += traps
	o.Denied += denied
	return err
}

// executed notes that the program is there. It has not made a step yet.
func (s *session) executed() {
	s.markStart()
	if s.sandbox != nil {
		s.sandbox.Started()
	}
}

func (s *session) markStart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = time.Now()
}

// abandon ends the processes of a launch that could not be traced and returns
// the error of the program's own steps, if it had one.
func (s *session) abandon() error {
	s.gate.Set(sys.Aborted)
	err := s.failure()
	sys.WaitPID(s.program.PID(), nil)
	s.endSandbox()
	var step *launch.StepError
	if errors.As(err, &step) && step.Errno != syscall.ECANCELED {
		return err
	}
	return nil
}

// rootEnded notes the program's end and ends what is left in its namespace.
func (s *session) rootEnded() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	if s.sandbox != nil {
		s.sandbox.Kill()
	}
}

// endSandbox waits until the namespaces are gone. All tracees have been reaped.
func (s *session) endSandbox() error {
	if s.sandbox == nil {
		return nil
	}
	if s.sandbox.Failed(s.launch) != nil {
		return nil // it never became init, and the tracer has reaped it
	}
	_, err := s.sandbox.End()
	return err
}

// setupError names the step that failed, with a hint where there is one.
func setupError(err error) error {
	var step *launch.StepError
	if !errors.As(err, &step) {
		return &SetupError{Step: "launch", Err: err}
	}
	e := &SetupError{Step: step.Step, Err: step.Errno, Text: step.Text}
	if step.Process != "program" {
		e.Text = fmt.Sprintf("%s: %s", step.Process, step.Text)
	}
	return e
}
