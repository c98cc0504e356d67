package supervise

import (
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// inotifyAddWatch is inotify_add_watch(2), made on a borrowed copy of the
// tracee's descriptor.
var inotifyAddWatch = maker{
	read: func(m *making) syscall.Errno {
		const (
			anyBit  = 0xf700efff // ALL_INOTIFY_BITS
			addOnly = 0x30000000 // IN_MASK_ADD, IN_MASK_CREATE
		)
		if mask := m.trap.Flags(2); mask&anyBit == 0 || mask&addOnly == addOnly {
			return syscall.EINVAL
		}
		return m.borrow(m.trap.Int(0), "anon_inode:inotify")
	},
	make: func(m *making) (uint64, syscall.Errno) {
		wd, errno := sys.WatchPinned(m.borrowed, m.pin(), m.trap.Flags(2)&^inDontFollow)
		return uint64(wd), errno
	}}

// fanotifyMark is fanotify_mark(2).
var fanotifyMark = maker{
	read: func(m *making) syscall.Errno { return m.borrow(m.trap.Int(0), "anon_inode:[fanotify]") },
	make: func(m *making) (uint64, syscall.Errno) {
		return 0, sys.MarkPinned(m.borrowed, m.pin(), uint(m.trap.Flags(1)&^fanDontFollow), m.trap.Uint64(2))
	}}

// borrow copies one of the tracee's descriptors, which must be of a kind that
// the kernel calls so. Where the kernel does not let Belljar have it, the
// tracee's call fails: it must not be made on a path that may have changed.
func (m *making) borrow(fd int32, kind string) (errno syscall.Errno) {
	if fd < 0 {
		return syscall.EBADF
	}
	switch m.borrowed, errno = sys.Borrow(m.trap.PID, m.trap.TID, int(fd)); errno {
	case 0:
	case syscall.EBADF, syscall.EMFILE, syscall.ENFILE:
		return errno
	default:
		return syscall.EPERM
	}
	m.lent = true
	if text, errno := fdPath(m.borrowed); errno != 0 || text != kind {
		return syscall.EINVAL
	}
	return 0
}
