package unshare

import (
	"fmt"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// Begin starts the first half of the next program's launch, so that the program
// finds its mounts made. The calling goroutine must be locked to the thread that
// called Park. After an error End is still due.
func (p *Parked) Begin(next *launch.Standby, first *launch.Process, parent *launch.Lifeline) error {
	before, mounts, err := p.ownSteps(nil)
	if err != nil {
		return err
	}
	first.Steps = append(mounts, first.Steps...)
	helper := p.helper(&p.spec, before, first, parent)
	l, err := launch.Prepare(helper)
	if err != nil {
		return err
	}
	if err := l.Start(); err != nil {
		return err
	}
	p.next, next.Launch = next, l
	box := Sandbox{Process: helper, Program: first, parked: p}
	if err := box.Ready(l); err != nil {
		p.next = nil // it has been reaped, if it ever was
		next.Close()
		return err
	}
	return p.arrive()
}

// arrive sleeps until the first half is over.
func (p *Parked) arrive() error {
	for !p.next.Arrived() {
		if !p.next.Waits() {
			return fmt.Errorf("standby: %w", p.next.Failed())
		}
		time.Sleep(50 * time.Microsecond)
	}
	p.next.Started()
	return nil
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
