package unshare

import (
	"fmt"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// Former returns the standby that was here before, renewed, or nil if there was
// none.
func (p *Parked) Former() (*launch.Standby, error) {
	if p.former == nil {
		return nil, nil
	}
	return p.former, p.former.Renew()
}

// Begin starts the first half of the next program's launch, so that the program
// finds its mounts made; first is nil for the former standby. The calling
// goroutine must be locked to the thread that called Park. After an error End is
// still due.
func (p *Parked) Begin(next *launch.Standby, first *launch.Process, parent *launch.Lifeline) error {
	l, err := p.half(next, first, parent)
	if err == nil {
		err = next.Start(l)
	}
	if err != nil {
		next.Close()
		return err
	}
	p.next, p.former = next, next
	box := Sandbox{Process: p.helps, Program: next.First(), parked: p}
	if err := box.Ready(l); err != nil {
		p.next = nil // it has been reaped, if it ever was
		next.Close()
		return err
	}
	if err := next.Arrive(); err != nil {
		return fmt.Errorf("standby: %w", err)
	}
	return nil
}

// half returns the launch of the first half, which the former one can be.
func (p *Parked) half(next *launch.Standby, first *launch.Process, parent *launch.Lifeline) (*launch.Launch, error) {
	if first == nil {
		return next.Launch, nil
	}
	before, mounts, err := p.firstSteps()
	if err != nil {
		return nil, err
	}
	first.Steps = append(mounts, first.Steps...)
	p.helps = p.helper(&p.spec, before, first, parent)
	return launch.Prepare(p.helps)
}

// Standby returns what waits for the next program, or nil.
func (p *Parked) Standby() *launch.Standby {
	if p.next == nil || !p.next.Waits() {
		return nil
	}
	return p.next
}

// Resume is Sandbox for a program that the standby becomes.
func (p *Parked) Resume(s *Spec, program *launch.Program, release func(ok bool)) (*Sandbox, error) {
	before, mounts, err := p.moreSteps(s.Root.Mounts[len(p.mounts):])
	if err != nil {
		return nil, err
	}
	if err := p.next.Resume(program, before, mounts); err != nil {
		return nil, err
	}
	return &Sandbox{Program: p.next.First(), Standby: p.next, parked: p, release: release}, nil
}

// endStandby ends what nobody has told how to go on.
func (p *Parked) endStandby() {
	if p.next == nil {
		return
	}
	pid := p.next.First().PID()
	syscall.Kill(pid, syscall.SIGKILL)
	sys.WaitPID(pid, nil)
	p.next.Failed() // frees what it had
	p.next.Close()
	p.next = nil
}
