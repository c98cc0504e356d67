package sys

import (
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// PinPath is a path that leads to the object behind one of this process's own
// descriptors, whatever its name is now. It is a magic link, which a call must
// follow; where the object is a symlink, that is not followed any further.
func PinPath(fd int) string { return "/proc/thread-self/fd/" + strconv.Itoa(fd) }

// OpenPinned opens the object behind fd, an O_PATH descriptor, with O_CLOEXEC
// added. Linux checks permissions as for any open. It does not restart after a
// signal, so that a thread which waits here can be interrupted.
func OpenPinned(fd int, flags uint64, mode uint32) (int, syscall.Errno) {
	new, err := unix.Openat(AT_FDCWD, PinPath(fd), int(flags)|unix.O_CLOEXEC, mode)
	return new, errnoOf(err)
}

// CreateFile is openat2(2) with a mode and O_CLOEXEC added.
func CreateFile(dir int, path string, flags uint64, mode uint32, resolve uint64) (int, syscall.Errno) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Mode: uint64(mode), Resolve: resolve}
	fd, err := unix.Openat2(dir, path, &how)
	return fd, errnoOf(err)
}
