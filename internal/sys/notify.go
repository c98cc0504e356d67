package sys

import (
	"fmt"
	"structs"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flags of seccomp(2) for a filter with a listener. NewListener is Linux 5.0,
// WaitKillableRecv 5.19.
const (
	SeccompNewListener      = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	SeccompWaitKillableRecv = unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
)

// SysPidfdGetfd is pidfd_getfd(2), Linux 5.6.
const SysPidfdGetfd = unix.SYS_PIDFD_GETFD

// Notification is struct seccomp_notif with its struct seccomp_data: a call
// that waits for an answer.
type Notification struct {
	_     structs.HostLayout
	ID    uint64
	TID   uint32 // in the receiver's PID namespace
	Flags uint32
	Nr    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

// Response is struct seccomp_notif_resp.
type Response struct {
	_     structs.HostLayout
	ID    uint64
	Value int64
	Error int32 // negative
	Flags uint32
}

// addFD is struct seccomp_notif_addfd.
type addFD struct {
	_        structs.HostLayout
	ID       uint64
	Flags    uint32
	Source   uint32
	New      uint32
	NewFlags uint32
}

// Listener is the descriptor at which calls that a filter sends to user space
// are received and answered. All methods but SendFile return at once, so they
// are made without telling the Go scheduler.
type Listener int

// CheckNotification reports whether the kernel's structs are those of this
// package. They may grow, and then what the kernel writes would not fit.
func CheckNotification() error {
	var sizes struct{ notif, resp, data uint16 }
	_, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_NOTIF_SIZES, 0, uintptr(unsafe.Pointer(&sizes)))
	if errno != 0 {
		return fmt.Errorf("seccomp(SECCOMP_GET_NOTIF_SIZES): %w", errno)
	}
	if uintptr(sizes.notif) != unsafe.Sizeof(Notification{}) || uintptr(sizes.resp) != unsafe.Sizeof(Response{}) {
		return fmt.Errorf("notifications of %d bytes and responses of %d are not known", sizes.notif, sizes.resp)
	}
	return nil
}

// ListenerFlagsKnown reports whether the kernel knows some flags of
// SECCOMP_SET_MODE_FILTER. Flags are looked at before the filter, and there is
// no filter at address 0.
func ListenerFlagsKnown(flags uintptr) bool {
	_, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, 0)
	return errno == syscall.EFAULT
}

// PidfdGetfd is a descriptor, with O_CLOEXEC, for the open file that is fd in
// the process behind a pidfd.
func PidfdGetfd(pidfd, fd int) (int, error) {
	r, _, errno := syscall.RawSyscall(unix.SYS_PIDFD_GETFD, uintptr(pidfd), uintptr(fd), 0)
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

func (l Listener) ioctl(request uintptr, arg unsafe.Pointer) syscall.Errno {
	for {
		_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(l), request, uintptr(arg))
		if errno != syscall.EINTR {
			return errno
		}
	}
}

// Receive takes one call that waits. ENOENT says that it is gone. It does not
// block where a Waiter has just said that a call waits and nobody else receives.
func (l Listener) Receive(n *Notification) syscall.Errno {
	*n = Notification{} // the kernel refuses anything else
	return l.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(n))
}

// Send answers a call. ENOENT says that it is gone.
func (l Listener) Send(r *Response) syscall.Errno {
	return l.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(r))
}

// Continue is the flag of a Response that lets the kernel make the call.
const Continue = 1 // SECCOMP_USER_NOTIF_FLAG_CONTINUE, Linux 5.5

// SendFile answers a call with a new descriptor of the caller's for the open
// file of fd, as one step (Linux 5.14). The errors are those of the caller's table
// of descriptors, after which the call still waits, and ENOENT. An O_PATH
// descriptor cannot be sent: EBADF.
//
// It returns when the caller has taken the descriptor. A signal to this thread
// meanwhile would make the call return 0 without one (Linux 6.18, where the
// answer is already given and the descriptor taken back), so signals must be
// blocked; see BlockSignals. EINPROGRESS says that it has happened nevertheless.
func (l Listener) SendFile(id uint64, fd int, cloexec bool) syscall.Errno {
	_, errno := l.addFile(id, fd, cloexec, unix.SECCOMP_ADDFD_FLAG_SEND)
	return errno
}

// AddFile is SendFile without the answer, for which the call goes on waiting. It
// returns the number of the caller's new descriptor.
func (l Listener) AddFile(id uint64, fd int, cloexec bool) (int, syscall.Errno) {
	return l.addFile(id, fd, cloexec, 0)
}

func (l Listener) addFile(id uint64, fd int, cloexec bool, flags uint32) (int, syscall.Errno) {
	a := addFD{ID: id, Flags: flags, Source: uint32(fd)}
	if cloexec {
		a.NewFlags = unix.O_CLOEXEC
	}
	n, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(l), unix.SECCOMP_IOCTL_NOTIF_ADDFD, uintptr(unsafe.Pointer(&a)))
	return int(n), errno
}

// Valid reports whether a call still waits for its answer, so that the
// thread's number has not become another's.
func (l Listener) Valid(id uint64) bool {
	return l.ioctl(unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&id)) == 0
}

// BlockSignals blocks all signals for the calling thread, which must be locked
// to its goroutine and never be unlocked, except those that a fault of its own
// code causes and that Go turns into panics.
func BlockSignals() error {
	set := ^uint64(0)
	for _, sig := range []syscall.Signal{syscall.SIGILL, syscall.SIGTRAP, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV} {
		set &^= 1 << (sig - 1)
	}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, SigSetmask, uintptr(unsafe.Pointer(&set)), 0, unsafe.Sizeof(set), 0, 0)
	if errno != 0 {
		return fmt.Errorf("rt_sigprocmask: %w", errno)
	}
	return nil
}

// Waiter lets several threads wait for the calls of one listener. Of those that
// wait the last one comes first, and one call wakes one thread.
type Waiter struct {
	epoll, stop int
	listener    Listener
}

// What a wait ends with.
type Wait uint8

const (
	Waiting Wait = iota // a call waits; Rearm before another thread may receive
	Unused              // no process is left that could make one
	Stopped
)

// NewWaiter returns a waiter for l.
func NewWaiter(l Listener) (*Waiter, error) {
	w := &Waiter{epoll: -1, stop: -1, listener: l}
	var err error
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	if w.stop, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		w.Close()
		return nil, fmt.Errorf("eventfd2: %w", err)
	}
	// One-shot: whoever is woken receives alone until it arms the listener
	// again, so that a call is never received twice over nor waited for in vain.
	err = w.control(unix.EPOLL_CTL_ADD, int(l), unix.EPOLLIN|unix.EPOLLONESHOT)
	if err == nil {
		err = w.control(unix.EPOLL_CTL_ADD, w.stop, unix.EPOLLIN)
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Waiter) control(op, fd int, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	_, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(w.epoll), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("epoll_ctl: %w", errno)
	}
	return nil
}

// Wait sleeps until a call waits or the waiter is stopped.
func (w *Waiter) Wait() (Wait, error) {
	var ev unix.EpollEvent
	for {
		n, _, errno := syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(w.epoll), uintptr(unsafe.Pointer(&ev)), 1, ^uintptr(0), 0, 0)
		switch {
		case errno == syscall.EINTR || errno == 0 && n == 0:
			continue
		case errno != 0:
			return Stopped, fmt.Errorf("epoll_pwait: %w", errno)
		case int(ev.Fd) == w.stop:
			return Stopped, nil
		case ev.Events&unix.EPOLLIN != 0:
			return Waiting, nil
		}
		return Unused, nil // EPOLLHUP, Linux 5.10
	}
}

// Rearm lets the next call wake a thread, at once if one waits already.
func (w *Waiter) Rearm() error {
	return w.control(unix.EPOLL_CTL_MOD, int(w.listener), unix.EPOLLIN|unix.EPOLLONESHOT)
}

// Stop ends every Wait, now and later.
func (w *Waiter) Stop() error {
	one := uint64(1)
	_, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(w.stop), uintptr(unsafe.Pointer(&one)), 8)
	if errno != 0 {
		return fmt.Errorf("write to an eventfd: %w", errno)
	}
	return nil
}

// Close frees the waiter, in which nobody may wait any more. The listener
// stays open.
func (w *Waiter) Close() {
	for _, fd := range []int{w.epoll, w.stop} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}
