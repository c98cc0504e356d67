package launch

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// StepError is the failure of one step of a launch.
type StepError struct {
	Process string // the process that took the step
	Step    string
	Text    string // the step with its arguments
	Errno   syscall.Errno
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %v", e.Text, e.Errno) }

func (e *StepError) Unwrap() error { return e.Errno }

// Launch is a launch under way.
type Launch struct {
	machine sys.Machine
	root    *Process
	flat    []flatStep
}

type flatStep struct {
	process *Process
	step    *Step
}

var errEnd = errors.New("launch: a process neither executes a program nor exits")

// Prepare turns the steps of p, and of the processes that it starts, into a
// form that can be executed. Nothing runs yet.
func Prepare(p *Process) (*Launch, error) {
	l := &Launch{root: p}
	p.proc = &l.machine.Main
	n := p.count()
	l.flat = make([]flatStep, 0, n)
	l.machine.Steps = make([]sys.Step, 0, n)
	if err := l.flatten(p); err != nil {
		return nil, err
	}
	return l, nil
}

func (p *Process) count() int {
	n := len(p.Steps)
	for i := range p.Steps {
		if f := p.Steps[i].Fork; f != nil {
			n += f.count()
		}
	}
	return n
}

func (l *Launch) flatten(p *Process) error {
	if len(p.Steps) == 0 {
		return errEnd
	}
	if last := p.Steps[len(p.Steps)-1]; !last.ends() {
		return errEnd
	}
	p.proc.Start, p.proc.Cgroup = len(l.flat), p.Cgroup
	var forks []*Process
	for i := range p.Steps {
		s := &p.Steps[i]
		if s.Fork != nil {
			s.Fork.proc = new(sys.Proc)
			forks = append(forks, s.Fork)
		}
		l.flat = append(l.flat, flatStep{p, s})
		l.machine.Steps = append(l.machine.Steps, s.raw())
	}
	for _, f := range forks {
		if err := l.flatten(f); err != nil {
			return err
		}
	}
	return nil
}

// ends reports whether no step of the process can follow.
func (s *Step) ends() bool {
	return s.Exit || s.Resume || s.Back > 0 || s.Nr == syscall.SYS_EXECVE || s.Nr == sys.SysExecveat
}

func (s *Step) raw() sys.Step {
	r := sys.Step{Nr: s.Nr, Times: uintptr(s.Times), Vary: uint8(s.Vary)}
	switch {
	case s.Fork != nil:
		r.Op, r.Proc = sys.Fork, s.Fork.proc
		r.Args[0] = s.Flags
	case s.Await != nil:
		if r.Op, r.Gate = sys.Await, s.Await; s.Closes {
			r.Op = sys.Turnstile
		}
	case s.Join != nil:
		r.Op, r.Proc = sys.Join, s.Join.proc
	case s.Lives != nil:
		r.Op, r.Proc = sys.Lives, s.Lives.proc
	case s.Exit:
		r.Op = sys.Exit
	case s.Resume:
		r.Op = sys.Resume
	case s.Back > 0:
		r.Op, r.Args[0] = sys.Back, uintptr(s.Back)
	}
	for i, a := range s.Args {
		r.Args[i] = a.value()
		if a.slot != nil {
			r.From[i] = &a.slot.word
		}
	}
	for i, e := range s.OK {
		r.OK[i] = uintptr(e)
	}
	if s.Must != nil {
		r.Expect, r.Want = true, *s.Must
	}
	if s.Into != nil {
		r.Into = &s.Into.word
	}
	if s.If != nil {
		r.If = &s.If.word
	}
	if s.Unless != nil {
		r.Unless = &s.Unless.word
	}
	return r
}

// Start clones the first process. The calling goroutine must be locked to its
// thread until every process of the launch has ended: the processes die with
// the thread that started them.
func (l *Launch) Start() error {
	if errno := l.machine.Start(); errno != 0 {
		return &StepError{Process: l.root.Name, Step: "clone", Text: "clone", Errno: errno}
	}
	return nil
}

// Wait sleeps until p has executed its program or is dead, and returns a
// *StepError if one of its steps failed. A process that was never started
// counts as well: its starter's error says why.
func (l *Launch) Wait(p *Process) error {
	if p.PID() == 0 {
		return nil
	}
	l.machine.Wait(p.proc)
	i, errno := p.proc.Failed()
	if i < 0 {
		return nil
	}
	f := l.flat[i]
	return &StepError{Process: f.process.Name, Step: f.step.Name, Text: f.step.Text(), Errno: errno}
}

// PID returns p's number in Belljar's own namespace, 0 until it is started.
// A process that another one starts is known when that one has been waited for.
func (p *Process) PID() int {
	if p.proc == nil {
		return 0
	}
	return p.proc.PID()
}
