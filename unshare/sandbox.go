package unshare

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// Ready sleeps until the sandbox is made and its program's process exists, and
// reaps the helper. The program may still be waiting at a gate. On an error
// nothing is left to kill or reap.
func (s *Sandbox) Ready(l *launch.Launch) error {
	if s.Standby != nil {
		s.parked.stem.waits = false
		return nil
	}
	err := l.Wait(s.Process)
	status, werr := sys.WaitPID(s.Process.PID(), nil)
	switch {
	case err != nil:
	case werr != nil:
		err = fmt.Errorf("wait for the helper: %w", werr)
	case status != 0:
		err = fmt.Errorf("the helper was ended by signal %d", status.Signal())
	}
	// If one that the helper awaits fails the helper does too, but the other
	// knows why.
	if s.mapper != nil && err != nil {
		if merr := l.Wait(s.mapper.process); merr != nil && errors.Is(err, syscall.ECANCELED) {
			err = merr
		}
	}
	if s.parked != nil {
		if err != nil {
			s.reapProgram(l)
			s.Drop()
		}
		return err
	}
	if s.Init.PID() != 0 && err != nil {
		s.Kill()
		if ierr := l.Wait(s.Init); ierr != nil {
			err = ierr
		}
	}
	if err == nil {
		return nil
	}
	s.reapProgram(l)
	if pid := s.Init.PID(); pid != 0 {
		sys.WaitPID(pid, nil)
	}
	return err
}

// reapProgram waits for the program's process, if there is one, without a
// look at its status.
func (s *Sandbox) reapProgram(l *launch.Launch) error {
	if s.Program == nil || s.Program.PID() == 0 {
		return nil
	}
	pid := s.Program.PID()
	err := l.Wait(s.Program)
	if _, werr := sys.WaitPID(pid, nil); err == nil {
		err = werr
	}
	return err
}

// Started must be called when the program has been executed and has not made a step
// yet.
func (s *Sandbox) Started() {
	if s.Standby != nil {
		s.parked.stem.hasStarted(s.parked)
	}
}

// Drop gives up a parked sandbox whose run did not end as it should have. After
// End it does nothing, and neither for a sandbox that is not parked.
func (s *Sandbox) Drop() { s.giveBack(false) }

func (s *Sandbox) giveBack(ok bool) {
	if release := s.release; release != nil {
		s.release = nil
		release(ok)
	}
}

// Failed returns the error of a step that ended init, which never was one
// then. The sandbox must have ended, or init must have become one.
func (s *Sandbox) Failed(l *launch.Launch) error {
	if s.parked != nil {
		return nil
	}
	return l.Wait(s.Init)
}

// Kill ends every process in the sandbox. It must not be called after End. In
// a parked one it does nothing: who runs the program has to end its processes.
func (s *Sandbox) Kill() error {
	if s.parked != nil {
		return nil
	}
	return syscall.Kill(s.Init.PID(), syscall.SIGKILL)
}

// End kills what is left in the sandbox and waits until it is gone. The
// program, and every tracee, must have been reaped before: the kernel keeps
// init until the last process of its namespace is reaped. The usage is of the
// processes that init adopted and reaped.
func (s *Sandbox) End() (usage syscall.Rusage, err error) {
	if s.parked != nil {
		s.giveBack(true)
		return usage, nil
	}
	if err := s.Kill(); err != nil {
		return usage, fmt.Errorf("kill init: %w", err)
	}
	_, err = sys.WaitPID(s.Init.PID(), &usage)
	return usage, err
}
