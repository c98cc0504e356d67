package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls in this file are those that Belljar makes in a tracee's place. A
// file is named by a descriptor that pins it (fd, with AT_EMPTY_PATH where the
// kernel has that), by PinPath, or by a pinned directory and one name.

// empty is the path of a call on its descriptor alone.
var empty [1]byte

// Stat is struct stat as this machine's kernel writes it.
type Stat struct{ unix.Stat_t }

// Bytes are the memory of st.
func (st *Stat) Bytes() []byte { return bytesOf(&st.Stat_t) }

// Statx is struct statx.
type Statx struct{ unix.Statx_t }

// Bytes are the memory of st.
func (st *Statx) Bytes() []byte { return bytesOf(&st.Statx_t) }

// Statfs is struct statfs.
type Statfs struct{ unix.Statfs_t }

// Bytes are the memory of st.
func (st *Statfs) Bytes() []byte { return bytesOf(&st.Statfs_t) }

func bytesOf[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }

// StatPinned is fstatat(2) of fd.
func StatPinned(fd int, st *Stat) syscall.Errno {
	_, _, errno := syscall.Syscall6(sysFstatat, uintptr(fd), uintptr(unsafe.Pointer(&empty)),
		uintptr(unsafe.Pointer(&st.Stat_t)), unix.AT_EMPTY_PATH, 0, 0)
	return errno
}

// StatxPinned is statx(2) of fd.
func StatxPinned(fd int, flags, mask uint32, st *Statx) syscall.Errno {
	_, _, errno := syscall.Syscall6(unix.SYS_STATX, uintptr(fd), uintptr(unsafe.Pointer(&empty)),
		uintptr(flags|unix.AT_EMPTY_PATH), uintptr(mask), uintptr(unsafe.Pointer(&st.Statx_t)), 0)
	return errno
}

// StatfsPinned is fstatfs(2) of fd.
func StatfsPinned(fd int, st *Statfs) syscall.Errno { return errnoOf(unix.Fstatfs(fd, &st.Statfs_t)) }

// AccessPinned is faccessat2(2) of fd (Linux 5.8) with the file system IDs and
// the effective capabilities of the calling thread.
func AccessPinned(fd int, mode uint32) syscall.Errno {
	_, _, errno := syscall.Syscall6(unix.SYS_FACCESSAT2, uintptr(fd), uintptr(unsafe.Pointer(&empty)),
		uintptr(mode), unix.AT_EMPTY_PATH|unix.AT_EACCESS, 0, 0)
	return errno
}

// Unlink is unlinkat(2).
func Unlink(dir int, name string, flags int) syscall.Errno {
	return errnoOf(unix.Unlinkat(dir, name, flags))
}

// Mkdir is mkdirat(2).
func Mkdir(dir int, name string, mode uint32) syscall.Errno {
	return errnoOf(unix.Mkdirat(dir, name, mode))
}

// Mknod is mknodat(2).
func Mknod(dir int, name string, mode, dev uint32) syscall.Errno {
	return errnoOf(unix.Mknodat(dir, name, mode, int(dev)))
}

// Rename is renameat2(2).
func Rename(dir int, name string, newDir int, newName string, flags uint32) syscall.Errno {
	return errnoOf(unix.Renameat2(dir, name, newDir, newName, uint(flags)))
}

// Symlink is symlinkat(2).
func Symlink(target string, dir int, name string) syscall.Errno {
	return errnoOf(unix.Symlinkat(target, dir, name))
}

// StatNamed is fstatat(2) with AT_SYMLINK_NOFOLLOW. The path ends with a NUL byte.
func StatNamed(dir int, path []byte, st *Stat) syscall.Errno {
	_, _, errno := syscall.Syscall6(sysFstatat, uintptr(dir), uintptr(unsafe.Pointer(unsafe.SliceData(path))),
		uintptr(unsafe.Pointer(&st.Stat_t)), unix.AT_SYMLINK_NOFOLLOW, 0, 0)
	return errno
}

// ReadLinkNamed is readlinkat(2). The path ends with a NUL byte.
func ReadLinkNamed(dir int, path, buf []byte) (int, syscall.Errno) {
	n, _, errno := syscall.Syscall6(unix.SYS_READLINKAT, uintptr(dir), uintptr(unsafe.Pointer(unsafe.SliceData(path))),
		uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// LinkPinned gives the object behind fd another name.
func LinkPinned(fd, dir int, name string) syscall.Errno {
	return errnoOf(unix.Linkat(AT_FDCWD, PinPath(fd), dir, name, unix.AT_SYMLINK_FOLLOW))
}

// ChmodPinned is fchmodat(2).
func ChmodPinned(fd int, mode uint32) syscall.Errno {
	return errnoOf(unix.Fchmodat(AT_FDCWD, PinPath(fd), mode, 0))
}

// ChownPinned is fchownat(2).
func ChownPinned(fd int, uid, gid uint32) syscall.Errno {
	_, _, errno := syscall.Syscall6(unix.SYS_FCHOWNAT, uintptr(fd), uintptr(unsafe.Pointer(&empty)),
		uintptr(uid), uintptr(gid), unix.AT_EMPTY_PATH, 0)
	return errno
}

// TruncatePinned is truncate(2). A length above RLIMIT_FSIZE raises SIGXFSZ in
// the caller.
func TruncatePinned(fd int, length int64) syscall.Errno {
	return errnoOf(unix.Truncate(PinPath(fd), length))
}

// Times are the two of utimensat(2), access and modification.
type Times [2]struct{ Sec, Nsec int64 }

// Special values of Nsec.
const (
	UtimeNow  = 1<<30 - 1
	UtimeOmit = 1<<30 - 2
)

// SetTimesPinned is utimensat(2); nil is the present time.
func SetTimesPinned(fd int, times *Times) syscall.Errno {
	path, err := syscall.BytePtrFromString(PinPath(fd))
	if err != nil {
		return syscall.EINVAL
	}
	_, _, errno := syscall.Syscall6(unix.SYS_UTIMENSAT, AtFdcwd, uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(times)), 0, 0, 0)
	return errno
}

// SetXattrPinned is setxattr(2).
func SetXattrPinned(fd int, name string, value []byte, flags int) syscall.Errno {
	return errnoOf(unix.Setxattr(PinPath(fd), name, value, flags))
}

// XattrPinned is getxattr(2).
func XattrPinned(fd int, name string, buf []byte) (int, syscall.Errno) {
	n, err := unix.Getxattr(PinPath(fd), name, buf)
	return n, errnoOf(err)
}

// ListXattrPinned is listxattr(2).
func ListXattrPinned(fd int, buf []byte) (int, syscall.Errno) {
	n, err := unix.Listxattr(PinPath(fd), buf)
	return n, errnoOf(err)
}

// RemoveXattrPinned is removexattr(2).
func RemoveXattrPinned(fd int, name string) syscall.Errno {
	return errnoOf(unix.Removexattr(PinPath(fd), name))
}

// Numbers of calls of Linux 6.17 on all architectures; x/sys has them not yet.
const (
	sysFileGetattr = 468
	sysFileSetattr = 469
)

// FileAttrPinned is file_getattr(2).
func FileAttrPinned(fd int, buf []byte) syscall.Errno { return fileAttr(sysFileGetattr, fd, buf) }

// SetFileAttrPinned is file_setattr(2).
func SetFileAttrPinned(fd int, buf []byte) syscall.Errno { return fileAttr(sysFileSetattr, fd, buf) }

func fileAttr(nr uintptr, fd int, buf []byte) syscall.Errno {
	path, err := syscall.BytePtrFromString(PinPath(fd))
	if err != nil {
		return syscall.EINVAL
	}
	_, _, errno := syscall.Syscall6(nr, AtFdcwd, uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)), 0, 0)
	return errno
}

// WatchPinned is inotify_add_watch(2).
func WatchPinned(inotify, fd int, mask uint32) (int, syscall.Errno) {
	n, err := unix.InotifyAddWatch(inotify, PinPath(fd), mask)
	return n, errnoOf(err)
}

// MarkPinned is fanotify_mark(2).
func MarkPinned(fanotify, fd int, flags uint, mask uint64) syscall.Errno {
	return errnoOf(unix.FanotifyMark(fanotify, flags, mask, AT_FDCWD, PinPath(fd)))
}

// Borrow returns a copy of another thread's descriptor (pidfd_getfd(2), Linux
// 5.6). The kernel asks for the rights of a tracer. pid is the thread's group.
func Borrow(pid, tid, theirs int) (int, syscall.Errno) {
	flags := 0
	if tid != pid {
		// Since Linux 6.9. The descriptors of the group's leader may be others.
		flags = unix.O_EXCL // PIDFD_THREAD
	}
	pidfd, err := unix.PidfdOpen(tid, flags)
	if err != nil {
		return -1, errnoOf(err)
	}
	defer unix.Close(pidfd)
	fd, err := unix.PidfdGetfd(pidfd, theirs, 0)
	return fd, errnoOf(err)
}

// Limit is the caller's soft limit of a resource.
func Limit(resource int) (uint64, syscall.Errno) {
	var l unix.Rlimit
	err := unix.Getrlimit(resource, &l)
	return l.Cur, errnoOf(err)
}

// Signal sends a thread a signal.
func Signal(pid, tid int, sig syscall.Signal) syscall.Errno {
	return errnoOf(unix.Tgkill(pid, tid, sig))
}
