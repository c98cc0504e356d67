package unshare

import (
	"cmp"
	"errors"
	"slices"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// errKilled is why a standby does not wait that had no step fail.
var errKilled = errors.New("standby: killed before it could wait for a program")

// Former returns the standby that was here before, renewed, or nil if there was
// none. Its processes are ended.
func (p *Parked) Former() (*launch.Standby, error) {
	p.endStem()
	if p.former == nil {
		return nil, nil
	}
	return p.former, p.former.Renew()
}

// Begin starts the first half of the next program's launch, so that the program
// finds its mounts made. Stem makes next's stem from the steps by which it enters
// the sandbox; nil is for the former standby. The calling goroutine must be locked
// to the thread that called Park. After an error End is still due.
func (p *Parked) Begin(next *launch.Standby, stem func(enter []launch.Step) *launch.Process) error {
	l, err := p.half(next, stem)
	if err == nil {
		err = next.Start(l)
	}
	if err != nil {
		next.Close()
		return err
	}
	p.stem, p.next = next, next
	if !next.Arrive() {
		p.endStem()
		return cmp.Or(next.Failed(), errKilled)
	}
	return nil
}

// half returns the launch of the stem and of the first half, which the former one
// can be.
func (p *Parked) half(next *launch.Standby, stem func([]launch.Step) *launch.Process) (*launch.Launch, error) {
	if stem == nil {
		return next.Launch, nil
	}
	before, mounts, err := p.firstSteps()
	if err != nil {
		return nil, err
	}
	return launch.Prepare(stem(slices.Concat(before, p.enter(&p.spec), mounts)))
}

// Again begins the next launch as Begin does, in what the program before has left
// as it was. It reports whether that could be; if not, Begin makes all of it new.
// The program must not have been able to make IPC objects.
func (p *Parked) Again() bool {
	if p.stem == nil || !p.started || p.pristine == nil || !p.stem.Lives() {
		return false
	}
	now, err := p.look()
	if err != nil || !unchanged(now, p.pristine) {
		return false
	}
	p.pristine, p.started, p.next = now, false, p.stem
	p.stem.Again()
	return p.stem.Arrive()
}

// Standby returns what waits for the next program, or nil.
func (p *Parked) Standby() *launch.Standby {
	if p.next == nil || !p.next.Waits() {
		return nil
	}
	return p.next
}

// Suits reports whether a sandbox of s, which fits, can be what waits here. A stem
// has the mounts of its first program.
func (p *Parked) Suits(s *Spec) bool {
	return !p.adopts || slices.Equal(p.adopted, p.more(s)) && fresh(p.from)
}

// more are the mounts that a root has beside those of the parked one.
func (p *Parked) more(s *Spec) []Mount { return s.Root.Mounts[len(p.mounts):] }

// Resume is Sandbox for a program that the standby becomes.
func (p *Parked) Resume(s *Spec, program *launch.Program, release func(ok bool)) (*Sandbox, error) {
	before, mounts, err := p.adopt(p.more(s))
	if err != nil {
		return nil, err
	}
	if err := p.next.Resume(program, before, mounts); err != nil {
		return nil, err
	}
	return &Sandbox{Program: p.next.First(), Standby: p.next, parked: p, release: release}, nil
}

// adopt returns the steps that mount what the stem does not have yet.
func (p *Parked) adopt(more []Mount) (before, mounts []launch.Step, err error) {
	if p.adopts {
		return nil, nil, nil
	}
	if p.from, err = sources(more); err != nil {
		return nil, nil, err
	}
	p.adopts, p.adopted = true, more
	return p.moreSteps(more)
}

// hasStarted notes that a program is about to make its first step.
func (p *Parked) hasStarted() {
	p.started = true
	if p.pristine == nil {
		p.pristine, _ = p.look() // without it all is made new for the next program
	}
}

// endStem ends what forks programs, and what nobody has told how to go on.
func (p *Parked) endStem() {
	s := p.stem
	if s == nil {
		return
	}
	end := []*launch.Process{s.Root()} // first, so that it forks no more
	if p.next != nil {
		end = append(end, s.First())
	}
	for _, process := range end {
		if pid := process.PID(); pid != 0 {
			syscall.Kill(pid, syscall.SIGKILL)
			sys.WaitPID(pid, nil)
		}
	}
	s.Failed() // frees what they had
	s.Close()
	p.stem, p.next, p.former = nil, nil, s
	p.adopts, p.adopted, p.from, p.pristine, p.started = false, nil, nil, nil, false
}
