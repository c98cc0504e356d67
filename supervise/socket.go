package supervise

import (
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// socket is a tracee's socket, borrowed: the same open file as the tracee's
// descriptor referred to at one moment, whatever that refers to later.
type socket struct {
	fd int
	socketType
}

func (s *socket) close() { sys.CloseFile(s.fd) }

// lender is a thread whose descriptors can be borrowed.
type lender struct{ pidfd int }

func lenderOf(th thread) (lender, syscall.Errno) {
	fd, errno := sys.PidfdOpenThread(th.pid, th.tid)
	return lender{fd}, errno
}

func (l lender) close() { sys.CloseFile(l.pidfd) }

// file borrows a descriptor. Errors of Belljar's own are told apart from those
// that the tracee's call would have: it is not made then.
func (l lender) file(fd int32) (int, syscall.Errno) {
	if fd < 0 {
		return -1, syscall.EBADF
	}
	own, errno := sys.PidfdGetFD(l.pidfd, int(fd))
	switch errno {
	case syscall.EMFILE, syscall.ENFILE:
		return -1, syscall.ENOBUFS
	}
	return own, errno
}

// borrow borrows the socket that the trap's first argument names.
func borrow(t *Trap) (socket, syscall.Errno) {
	l, errno := lenderOf(thread{t.PID, t.TID})
	if errno != 0 {
		return socket{}, gone(errno)
	}
	defer l.close()
	return l.socket(t.Int(0))
}

func (l lender) socket(fd int32) (socket, syscall.Errno) {
	s := socket{}
	var errno syscall.Errno
	if s.fd, errno = l.file(fd); errno != 0 {
		return s, errno
	}
	if s.domain, s.typ, s.protocol, errno = sys.SocketKind(s.fd); errno != 0 {
		s.close()
		return s, errno
	}
	return s, 0
}

// address copies a struct sockaddr whose length the kernel takes for an int,
// as move_addr_to_kernel does.
func (t *Trap) address(addr uint64, size int32) ([]byte, syscall.Errno) {
	if size < 0 || size > sockaddrMax {
		return nil, syscall.EINVAL
	}
	return t.bytes(addr, int(size))
}
