package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Flags of open(2), openat2(2) and the *at calls, as this machine's kernel
// numbers them.
const (
	AT_FDCWD      = unix.AT_FDCWD
	AT_EMPTY_PATH = unix.AT_EMPTY_PATH

	O_PATH      = unix.O_PATH
	O_NOFOLLOW  = unix.O_NOFOLLOW
	O_DIRECTORY = unix.O_DIRECTORY
	O_NONBLOCK  = unix.O_NONBLOCK
	O_NOCTTY    = unix.O_NOCTTY
	O_RDONLY    = unix.O_RDONLY
	O_RDWR      = unix.O_RDWR

	RESOLVE_NO_XDEV       = unix.RESOLVE_NO_XDEV
	RESOLVE_NO_MAGICLINKS = unix.RESOLVE_NO_MAGICLINKS
	RESOLVE_NO_SYMLINKS   = unix.RESOLVE_NO_SYMLINKS
	RESOLVE_BENEATH       = unix.RESOLVE_BENEATH
	RESOLVE_IN_ROOT       = unix.RESOLVE_IN_ROOT
	RESOLVE_CACHED        = 0x20 // Linux 5.12; x/sys lacks it
)

// FileStat is what identifies an open file and says what it is.
type FileStat struct {
	Dev   uint64 // major<<32 | minor
	Ino   uint64
	Mount uint64 // mount ID (Linux 5.8)
	Mode  uint32 // type and permissions, as st_mode
	UID   uint32
	Links uint32
	Rdev  uint64 // of a device, like Dev
}

// OpenFile is openat(2) with O_CLOEXEC added.
func OpenFile(dir int, path string, flags int) (int, syscall.Errno) {
	for {
		fd, err := unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, errnoOf(err)
		}
	}
}

// maxRaces is how often a lookup is made anew that a rename raced with.
const maxRaces = 64

// OpenFile2 is openat2(2) (Linux 5.6) with O_CLOEXEC added.
func OpenFile2(dir int, path string, flags, resolve uint64) (int, syscall.Errno) {
	how := unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: resolve}
	for races := 0; ; {
		fd, err := unix.Openat2(dir, path, &how)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN && races < maxRaces:
			// A rename raced with a scoped lookup: openat2(2) says to retry. The same
			// errno says that somebody has a lease, for as long as they like.
			races++
		default:
			return fd, errnoOf(err)
		}
	}
}

// DupFile is a new descriptor, with O_CLOEXEC, for the open file of fd.
func DupFile(fd int) (int, syscall.Errno) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	return dup, errnoOf(err)
}

// SetFlags sets those flags of fd's open file that F_SETFL of fcntl(2) changes.
func SetFlags(fd int, flags uint64) syscall.Errno {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, int(flags))
	return errnoOf(err)
}

// CloseFile closes fd. Linux releases the descriptor even when close fails.
func CloseFile(fd int) { unix.Close(fd) }

// ReadFile is one read(2) from fd.
func ReadFile(fd int, buf []byte) (int, syscall.Errno) {
	for {
		n, err := unix.Read(fd, buf)
		if err != unix.EINTR {
			return max(n, 0), errnoOf(err)
		}
	}
}

// ReadFileAt is one pread(2) from fd.
func ReadFileAt(fd int, buf []byte, offset int64) (int, syscall.Errno) {
	for {
		n, err := unix.Pread(fd, buf, offset)
		if err != unix.EINTR {
			return max(n, 0), errnoOf(err)
		}
	}
}

// WriteFileAt is one pwrite(2) to fd.
func WriteFileAt(fd int, data []byte, offset int64) (int, syscall.Errno) {
	for {
		n, err := unix.Pwrite(fd, data, offset)
		if err != unix.EINTR {
			return max(n, 0), errnoOf(err)
		}
	}
}

// ReadLink is readlinkat(2). With an empty path it reads the link that dir, an
// O_PATH descriptor, refers to.
func ReadLink(dir int, path string, buf []byte) (int, syscall.Errno) {
	n, err := unix.Readlinkat(dir, path, buf)
	return max(n, 0), errnoOf(err)
}

// OpenInRoot opens a directory, with O_PATH, that has this name in a process which
// has root as its root directory.
func OpenInRoot(root, name string) (int, error) {
	top, err := syscall.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	defer syscall.Close(top)
	fd, errno := OpenFile2(top, name, unix.O_PATH|unix.O_DIRECTORY, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_MAGICLINKS)
	if errno != 0 {
		return -1, errno
	}
	return fd, nil
}

// NextInode makes a file without a name in a directory of a tmpfs, drops it, and
// returns its inode number. The directory stays as it is. In another file system
// it is EOPNOTSUPP.
func NextInode(dir int) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(dir, &fs); err != nil {
		return 0, err
	}
	if fs.Type != unix.TMPFS_MAGIC {
		return 0, syscall.EOPNOTSUPP
	}
	fd, err := unix.Openat(dir, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	err = syscall.Fstat(fd, &st)
	return st.Ino, err
}

// StatFile describes the file behind fd, which may be an O_PATH descriptor.
func StatFile(fd int) (FileStat, syscall.Errno) {
	return statx(fd, "", unix.AT_EMPTY_PATH)
}

// StatBehind describes what a magic link of procfs leads to.
func StatBehind(dir int, link string) (FileStat, syscall.Errno) {
	return statx(dir, link, 0)
}

// StatAt describes what path leads to from dir, a last symlink itself. An empty
// path is dir.
func StatAt(dir int, path string) (FileStat, syscall.Errno) {
	return statx(dir, path, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW)
}

func statx(dir int, path string, flags int) (FileStat, syscall.Errno) {
	const mask = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_UID | unix.STATX_INO | unix.STATX_NLINK | unix.STATX_MNT_ID
	var st unix.Statx_t
	// AT_STATX_DONT_SYNC: identity and type are known without asking a
	// network file system's server.
	if err := unix.Statx(dir, path, flags|unix.AT_STATX_DONT_SYNC, mask, &st); err != nil {
		return FileStat{}, errnoOf(err)
	}
	return FileStat{
		Dev:   uint64(st.Dev_major)<<32 | uint64(st.Dev_minor),
		Ino:   st.Ino,
		Mount: st.Mnt_id,
		Mode:  uint32(st.Mode),
		UID:   st.Uid,
		Links: st.Nlink,
		Rdev:  uint64(st.Rdev_major)<<32 | uint64(st.Rdev_minor),
	}, 0
}

// IsProcfs reports whether fd is on a proc file system.
func IsProcfs(fd int) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Type == unix.PROC_SUPER_MAGIC
}

// IsReadOnly reports whether nothing can be changed through the mount that fd is
// on.
func IsReadOnly(fd int) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Flags&unix.ST_RDONLY != 0
}

func errnoOf(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	if errno, ok := err.(syscall.Errno); ok {
		return errno
	}
	return syscall.EINVAL // a path with a NUL byte, which x/sys refuses itself
}
