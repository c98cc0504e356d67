package sys

import (
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PinnedOpen is an OpenPinned that another thread can interrupt. Its zero
// value serves for one call of Open.
type PinnedOpen struct {
	path        atomic.Pointer[[]byte] // that the kernel reads
	tid         atomic.Int32           // of the thread in Open
	interrupted atomic.Bool
}

// Open opens what an O_PATH descriptor refers to, as OpenPinned does. After
// Interrupt the error is EINTR. The calling goroutine must be locked to its
// thread, for which SIGURG must not be blocked.
func (p *PinnedOpen) Open(fd int, flags uint64) (int, syscall.Errno) {
	path := append([]byte(PinPath(fd)), 0)
	p.tid.Store(int32(unix.Gettid()))
	p.path.Store(&path)
	if p.interrupted.Load() {
		return -1, syscall.EINTR
	}
	dir := AT_FDCWD
	r, _, errno := syscall.Syscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&path[0])), uintptr(flags)|unix.O_CLOEXEC, 0, 0, 0)
	runtime.KeepAlive(&path)
	switch {
	case errno == syscall.ENOENT && p.interrupted.Load():
		return -1, syscall.EINTR
	case errno != 0:
		return -1, errno
	}
	return int(r), 0
}

// Interrupt makes Open end soon, now or when it is called. The Go runtime's
// handlers have SA_RESTART, so the kernel makes an interrupted call anew, and
// then it reads the path again, which is no path any more.
func (p *PinnedOpen) Interrupt() {
	p.interrupted.Store(true)
	if path := p.path.Load(); path != nil {
		(*path)[0] = 0
		Interrupt(int(p.tid.Load()))
	}
}
