package notify

import (
	"fmt"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/supervise"
)

// answer does what was decided about a call other than to open something. An
// error means that this thread cannot go on.
func (s *Supervisor) answer(id uint64, trap *supervise.Trap, d supervise.Decision) error {
	r := sys.Response{ID: id}
	switch d.Kind {
	case supervise.Allow:
		r.Flags = sys.Continue
	case supervise.Deny:
		s.denied.Add(1)
		r.Error = -int32(d.Failure())
	case supervise.Fail:
		r.Error = -int32(d.Failure())
	case supervise.Return:
		r.Value = int64(d.Value)
	default:
		if d.Err != nil {
			return d.Err
		}
		// Without an answer the thread makes no further step until it is
		// killed, which Violate has begun.
		s.cfg.Lives.Violate(d, trap)
		return nil
	}
	return s.send(&r)
}

// send gives an answer. A thread that was killed needs none.
func (s *Supervisor) send(r *sys.Response) error {
	switch errno := s.listener.Send(r); errno {
	case 0, syscall.ENOENT:
		return nil
	default:
		return fmt.Errorf("ioctl(SECCOMP_IOCTL_NOTIF_SEND): %w", errno)
	}
}

// hand gives an opened file to the tracee, or the error of opening it. Where the
// file is open for writing the tracee runs on only when Belljar has closed it:
// nobody can execute a file that somebody may write (ETXTBSY).
func (s *Supervisor) hand(id uint64, o *supervise.Opening, fd int, errno syscall.Errno) error {
	if errno != 0 {
		return s.send(&sys.Response{ID: id, Error: -int32(errno)})
	}
	cloexec := o.Flags()&syscall.O_CLOEXEC != 0
	var theirs int
	if o.Writes() {
		theirs, errno = s.listener.AddFile(id, fd, cloexec)
	} else {
		errno = s.listener.SendFile(id, fd, cloexec)
	}
	sys.CloseFile(fd)
	switch errno {
	case 0:
		if o.Writes() {
			return s.send(&sys.Response{ID: id, Value: int64(theirs)})
		}
		return nil
	case syscall.ENOENT, syscall.ESRCH:
		return nil
	case syscall.EINPROGRESS:
		return fmt.Errorf("ioctl(SECCOMP_IOCTL_NOTIF_ADDFD) was interrupted: %w", errno)
	}
	return s.send(&sys.Response{ID: id, Error: -int32(errno)})
}
