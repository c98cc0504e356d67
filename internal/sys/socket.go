package sys

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Numbers of sockets, the same on every architecture of Belljar's.
const (
	AF_UNSPEC = unix.AF_UNSPEC
	AF_UNIX   = unix.AF_UNIX
	AF_INET   = unix.AF_INET
	AF_INET6  = unix.AF_INET6

	MSG_DONTWAIT = unix.MSG_DONTWAIT
	MSG_NOSIGNAL = unix.MSG_NOSIGNAL
	MSG_FASTOPEN = unix.MSG_FASTOPEN
	MSG_ZEROCOPY = unix.MSG_ZEROCOPY
)

// Sockaddr is a socket's address as the kernel takes it, of which Len bytes
// count.
type Sockaddr struct {
	Bytes [128]byte // sizeof(struct sockaddr_storage)
	Len   int
}

// MakeSockaddr copies b, which fits.
func MakeSockaddr(b []byte) *Sockaddr {
	a := new(Sockaddr)
	a.Len = copy(a.Bytes[:], b)
	return a
}

// pidfdThread is PIDFD_THREAD (Linux 6.9): the pidfd is of a thread.
const pidfdThread = unix.O_EXCL

// kcmpFiles is KCMP_FILES: whether two threads share descriptors.
const kcmpFiles = 2

// PidfdOpenThread returns a pidfd whose descriptors are those of the thread
// tid of process pid. Before Linux 6.9 that is the process's, which serves if
// the thread shares them, and is ENOSYS if it does not.
func PidfdOpenThread(pid, tid int) (int, syscall.Errno) {
	if pid != tid {
		fd, err := unix.PidfdOpen(tid, pidfdThread)
		if err != unix.EINVAL {
			return fd, errnoOf(err)
		}
		r, _, errno := syscall.RawSyscall6(unix.SYS_KCMP, uintptr(pid), uintptr(tid), kcmpFiles, 0, 0, 0)
		if errno != 0 || r != 0 {
			return -1, syscall.ENOSYS
		}
	}
	fd, err := unix.PidfdOpen(pid, 0)
	return fd, errnoOf(err)
}

// PidfdGetFD is a copy, with O_CLOEXEC, of descriptor fd of the process or
// thread behind a pidfd (Linux 5.6). It takes the rights of a tracer.
func PidfdGetFD(pidfd, fd int) (int, syscall.Errno) {
	own, err := unix.PidfdGetfd(pidfd, fd, 0)
	return own, errnoOf(err)
}

// SocketKind returns what a socket was made with: ENOTSOCK if it is none.
func SocketKind(fd int) (domain, typ, protocol int, errno syscall.Errno) {
	var err error
	for _, o := range []struct {
		option int
		into   *int
	}{{unix.SO_DOMAIN, &domain}, {unix.SO_TYPE, &typ}, {unix.SO_PROTOCOL, &protocol}} {
		if *o.into, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, o.option); err != nil {
			return 0, 0, 0, errnoOf(err)
		}
	}
	return domain, typ, protocol, 0
}

// SendTimeout returns SO_SNDTIMEO, 0 for none.
func SendTimeout(fd int) time.Duration {
	tv, err := unix.GetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO)
	if err != nil {
		return 0
	}
	return time.Duration(tv.Nano())
}

// SocketName is getsockname(2).
func SocketName(fd int) ([]byte, syscall.Errno) {
	var a Sockaddr
	size := uint32(len(a.Bytes))
	_, _, errno := syscall.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&a.Bytes)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return nil, errno
	}
	return a.Bytes[:min(int(size), len(a.Bytes))], 0
}

// Blocking reports whether calls on fd may wait: O_NONBLOCK is not set.
func Blocking(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_NONBLOCK == 0
}

// Connect is connect(2). When a signal restarts the call, Linux looks its
// descriptor up again.
func Connect(fd int, a *Sockaddr) syscall.Errno {
	_, _, errno := syscall.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&a.Bytes)), uintptr(a.Len))
	return errno
}

// Bind is bind(2).
func Bind(fd int, a *Sockaddr) syscall.Errno {
	_, _, errno := syscall.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&a.Bytes)), uintptr(a.Len))
	return errno
}

// ListenSocket is listen(2).
func ListenSocket(fd, backlog int) syscall.Errno { return errnoOf(unix.Listen(fd, backlog)) }

// Shutdown is shutdown(2) in both directions.
func Shutdown(fd int) { unix.Shutdown(fd, unix.SHUT_RDWR) }

// SendMessage is sendmsg(2) of one buffer; a may be nil.
func SendMessage(fd int, a *Sockaddr, data, control []byte, flags int) (int, syscall.Errno) {
	iov := unix.Iovec{Base: unsafe.SliceData(data)}
	iov.SetLen(len(data))
	var msg unix.Msghdr
	if a != nil {
		msg.Name, msg.Namelen = &a.Bytes[0], uint32(a.Len)
	}
	msg.Iov = &iov
	msg.SetIovlen(1)
	if len(control) > 0 {
		msg.Control = unsafe.SliceData(control)
		msg.SetControllen(len(control))
	}
	n, _, errno := syscall.Syscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&msg)), uintptr(flags))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// WaitWritable waits until fd takes data, has failed, or the time is over.
func WaitWritable(fd int, timeout time.Duration) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	ts := unix.NsecToTimespec(int64(timeout))
	unix.Ppoll(fds, &ts, nil)
}

// ChangeDir is fchdir(2) of the calling thread, which needs a working
// directory of its own; see UnshareFS.
func ChangeDir(fd int) syscall.Errno {
	_, _, errno := syscall.RawSyscall(unix.SYS_FCHDIR, uintptr(fd), 0, 0)
	return errno
}

// unchanged leaves an ID as it is in setresuid(2).
const unchanged = ^uintptr(0)

// SetThreadIDs makes uid and gid the calling thread's effective IDs, and with
// them those for the file system; with real, its real ones as well. The saved
// IDs stay.
func SetThreadIDs(uid, gid uint32, real bool) syscall.Errno {
	ruid, rgid := unchanged, unchanged
	if real {
		ruid, rgid = uintptr(uid), uintptr(gid)
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESGID, rgid, uintptr(gid), unchanged); errno != 0 {
		return errno
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, ruid, uintptr(uid), unchanged)
	return errno
}

// ThreadID is gettid(2).
func ThreadID() int { return unix.Gettid() }

// ReplaceFile makes fd refer to what other refers to, with O_CLOEXEC.
func ReplaceFile(other, fd int) syscall.Errno { return errnoOf(unix.Dup3(other, fd, unix.O_CLOEXEC)) }

// Interrupt restarts the call that a thread of this process waits in.
func Interrupt(tid int) {
	// SIGURG is what the Go runtime itself interrupts threads with; its
	// handlers have SA_RESTART.
	unix.Tgkill(unix.Getpid(), tid, unix.SIGURG)
}

// CollectSockets lets the kernel look for unix sockets that nobody has any more but
// they themselves: it does when one is closed, soon afterwards.
func CollectSockets() {
	if fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0); err == nil {
		syscall.Close(fd)
	}
}
