package supervise

import (
	"encoding/binary"
	"syscall"

	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/internal/sys"
)

// The calls in this file change what is known about an object.

const pathFlags = atSymlinkNofollow | atEmptyPath

// chmod is chmod(2) and its kin with the mode in argument i.
func chmod(i int) maker {
	return maker{make: func(m *making) (uint64, syscall.Errno) {
		return 0, sys.ChmodPinned(m.pin(), m.trap.Flags(i)&0xffff) // umode_t
	}}
}

// chown is chown(2) and its kin with the user in argument i and the group
// behind that.
func chown(i int) maker {
	return maker{
		make: func(m *making) (uint64, syscall.Errno) {
			uid, gid := m.trap.Flags(i), m.trap.Flags(i+1)
			if !m.who.id.knows(uid, gid) {
				return 0, syscall.EINVAL
			}
			return 0, sys.ChownPinned(m.pin(), uid, gid)
		}}
}

// truncate is truncate(2). The limit of a file's size is the tracee's.
var truncate = maker{
	read: func(m *making) syscall.Errno {
		if int64(m.trap.Uint64(1)) < 0 {
			return syscall.EINVAL
		}
		return 0
	},
	make: func(m *making) (uint64, syscall.Errno) {
		length := m.trap.Uint64(1)
		var st sys.Stat
		if errno := sys.StatPinned(m.pin(), &st); errno != 0 {
			return 0, errno
		}
		grows := fileType(m.objects[0].stat) == syscall.S_IFREG && length > uint64(st.Size)
		if grows {
			if errno := m.growTo(length); errno != 0 {
				return 0, errno
			}
		}
		return 0, sys.TruncatePinned(m.pin(), int64(length))
	}}

// growTo is inode_newsize_ok for the tracee. Belljar's own limit counts too:
// the kernel would send Belljar the signal.
func (m *making) growTo(length uint64) syscall.Errno {
	var theirs, own uint64
	errno := m.asBelljar(func() (errno syscall.Errno) {
		if theirs, errno = m.engine.resolver.sizeLimit(m.th); errno == 0 {
			own, errno = sys.Limit(sys.RlimitFsize)
		}
		return errno
	})
	if errno != 0 {
		return errno
	}
	if length <= min(theirs, own) {
		return 0
	}
	// What else the kernel would refuse comes first: EACCES, EROFS, ETXTBSY.
	fd, errno := sys.OpenPinned(m.pin(), syscall.O_WRONLY|oNonblock|sys.O_NOCTTY, 0)
	if errno != 0 {
		return errno
	}
	sys.CloseFile(fd)
	if length > theirs {
		m.signal = syscall.SIGXFSZ
	}
	return syscall.EFBIG
}

// sizeLimit is a thread's RLIMIT_FSIZE.
func (r *resolver) sizeLimit(th thread) (uint64, syscall.Errno) {
	text, errno := readSmall(sys.AT_FDCWD, r.proc.Path(th.tid, "limits"))
	if errno != 0 {
		return 0, gone(errno)
	}
	limit, err := proc.ParseFileSizeLimit(text)
	if err != nil {
		return 0, syscall.ESRCH
	}
	return limit, 0
}

// timesKind is how a call gives the times of access and modification.
type timesKind uint8

const (
	timesUtimbuf  timesKind = iota // struct utimbuf: seconds
	timesTimeval                   // struct timeval[2]: seconds and microseconds
	timesTimespec                  // struct timespec[2]: seconds and nanoseconds
)

// utime is utime(2) and its kin with the times in argument i; NULL is now.
func utime(i int, kind timesKind) maker {
	return maker{
		read: func(m *making) syscall.Errno {
			if errno := m.readTimes(i, kind); errno != 0 || kind != timesTimespec || m.done {
				return errno
			}
			return m.refuseFlags(i+1, pathFlags)
		},
		make: func(m *making) (uint64, syscall.Errno) {
			return 0, sys.SetTimesPinned(m.pin(), m.times)
		}}
}

func (m *making) readTimes(i int, kind timesKind) syscall.Errno {
	addr := m.trap.Uint64(i)
	if addr == 0 {
		return 0
	}
	size := 32
	if kind == timesUtimbuf {
		size = 16
	}
	b, errno := m.trap.bytes(addr, size)
	if errno != 0 {
		return errno
	}
	word := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
	t := new(sys.Times)
	for i := range t {
		switch kind {
		case timesUtimbuf:
			t[i].Sec = word(i)
		case timesTimeval:
			t[i].Sec, t[i].Nsec = word(2*i), word(2*i+1)
			if t[i].Nsec < 0 || t[i].Nsec >= 1e6 {
				return syscall.EINVAL
			}
			t[i].Nsec *= 1000
		case timesTimespec:
			t[i].Sec, t[i].Nsec = word(2*i), word(2*i+1)
		}
	}
	m.times = t
	// The kernel does not even look at the path then.
	m.done = t[0].Nsec == sys.UtimeOmit && t[1].Nsec == sys.UtimeOmit
	return 0
}

// fileAttr is file_getattr(2) or, if sets, file_setattr(2).
func fileAttr(sets bool) maker {
	return maker{
		read: func(m *making) (errno syscall.Errno) {
			const firstSize = 24 // FILE_ATTR_SIZE_VER0
			size := m.trap.Uint64(3)
			switch {
			case size > pageSize:
				return syscall.E2BIG
			case size < firstSize:
				return syscall.EINVAL
			case sets:
				m.data, errno = m.copy(m.trap.Uint64(2), int(size))
			default:
				m.data = make([]byte, size)
			}
			return errno
		},
		make: func(m *making) (uint64, syscall.Errno) {
			if sets {
				return 0, sys.SetFileAttrPinned(m.pin(), m.data)
			}
			errno := sys.FileAttrPinned(m.pin(), m.data)
			m.reply(2, m.data)
			return 0, errno
		}}.flags(4, pathFlags)
}
