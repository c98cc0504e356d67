package unshare

import (
	"fmt"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// Ready sleeps until the sandbox is made and its program's process exists, and
// reaps the helper. The program may still be waiting at a gate. On an error
// nothing is left to kill or reap.
func (s *Sandbox) Ready(l *launch.Launch) error {
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
		if merr := l.Wait(s.mapper.process); merr != nil {
			err = merr
		}
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
	pid := s.Program.PID()
	if pid == 0 {
		return nil
	}
	err := l.Wait(s.Program)
	if _, werr := sys.WaitPID(pid, nil); err == nil {
		err = werr
	}
	return err
}

// Kill ends every process in the sandbox. It must not be called after End.
func (s *Sandbox) Kill() error { return syscall.Kill(s.Init.PID(), syscall.SIGKILL) }

// End kills what is left in the sandbox and waits until it is gone. The
// program, and every tracee, must have been reaped before: the kernel keeps
// init until the last process of its namespace is reaped. The usage is of the
// processes that init adopted and reaped.
func (s *Sandbox) End() (usage syscall.Rusage, err error) {
	if err := s.Kill(); err != nil {
		return usage, fmt.Errorf("kill init: %w", err)
	}
	_, err = sys.WaitPID(s.Init.PID(), &usage)
	return usage, err
}
