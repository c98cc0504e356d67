package supervise

import (
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// Flags of the *at calls, the same on every architecture.
const (
	atNoAutomount = 0x800
	atStatxSync   = 0x6000 // AT_STATX_SYNC_TYPE
	atEaccess     = 0x200
	atRemovedir   = 0x200

	statFlags = atSymlinkNofollow | atNoAutomount | atEmptyPath | atStatxSync
)

// fstat is stat(2) and its kin, which write struct stat to argument buf.
func fstat(buf int) maker {
	return maker{own: true, named: func(t *Trap, id *identity, root int, path []byte) (named, syscall.Errno) {
		errno := sys.StatNamed(root, path, &t.stat)
		t.stat.Uid, t.stat.Gid = id.seenUID(t.stat.Uid), id.seenGID(t.stat.Gid)
		return named{outAt: t.Uint64(buf), out: t.stat.Bytes()}, errno
	}, make: func(m *making) (uint64, syscall.Errno) {
		var st sys.Stat
		if errno := sys.StatPinned(m.pin(), &st); errno != 0 {
			return 0, errno
		}
		st.Uid, st.Gid = m.who.id.seenUID(st.Uid), m.who.id.seenGID(st.Gid)
		m.reply(buf, st.Bytes())
		return 0, 0
	}}
}

// statx is statx(2).
var statx = maker{
	own: true,
	read: func(m *making) syscall.Errno {
		const reserved = 1 << 31 // STATX__RESERVED
		if m.trap.Flags(3)&reserved != 0 || m.trap.Flags(2)&atStatxSync == atStatxSync {
			return syscall.EINVAL
		}
		return 0
	},
	make: func(m *making) (uint64, syscall.Errno) {
		var st sys.Statx
		flags := m.trap.Flags(2) &^ atSymlinkNofollow
		if errno := sys.StatxPinned(m.pin(), flags, m.trap.Flags(3), &st); errno != 0 {
			return 0, errno
		}
		st.Uid, st.Gid = m.who.id.seenUID(st.Uid), m.who.id.seenGID(st.Gid)
		m.reply(4, st.Bytes())
		return 0, 0
	}}

// statfs is statfs(2).
var statfs = maker{own: true, make: func(m *making) (uint64, syscall.Errno) {
	var st sys.Statfs
	if errno := sys.StatfsPinned(m.pin(), &st); errno != 0 {
		return 0, errno
	}
	m.reply(1, st.Bytes())
	return 0, 0
}}

// access is access(2) and its kin with their mode in argument i. A program's
// real IDs are its effective ones, so AT_EACCESS makes no difference to it.
func access(i int) maker {
	return maker{
		own: true,
		read: func(m *making) syscall.Errno {
			const anyMode = 0o7 // S_IRWXO
			if m.trap.Flags(i)&^anyMode != 0 {
				return syscall.EINVAL
			}
			return 0
		},
		make: func(m *making) (uint64, syscall.Errno) {
			return 0, sys.AccessPinned(m.pin(), m.trap.Flags(i))
		}}
}

// readlink is readlink(2) and its kin with the buffer in argument buf and its
// size behind that.
func readlink(buf int) maker {
	return maker{
		own: true,
		named: func(t *Trap, _ *identity, root int, path []byte) (named, syscall.Errno) {
			size := int(t.Int(buf + 1))
			if size <= 0 {
				return named{}, syscall.EINVAL
			}
			out := t.buffer(pathMax)
			n, errno := sys.ReadLinkNamed(root, path, out[:min(size, len(out))])
			return named{value: uint64(n), outAt: t.Uint64(buf), out: out[:n]}, errno
		},
		read: func(m *making) syscall.Errno {
			if m.trap.Int(buf+1) <= 0 {
				return syscall.EINVAL
			}
			return 0
		},
		make: func(m *making) (uint64, syscall.Errno) {
			o := &m.objects[0]
			if !isLink(o.stat) {
				if m.request.paths[0].self {
					return 0, syscall.ENOENT // as the kernel answers for an empty path
				}
				return 0, syscall.EINVAL
			}
			text, errno := m.linkText(o)
			if errno != 0 {
				return 0, errno
			}
			text = text[:min(len(text), int(m.trap.Int(buf+1)))]
			m.reply(buf, []byte(text))
			return uint64(len(text)), 0
		}}
}

// linkText is what the tracee reads in a symlink. In procfs many links have
// another text for each reader: "self" is the reader, and paths count from the
// reader's root.
func (m *making) linkText(o *object) (string, syscall.Errno) {
	if !sys.IsProcfs(o.fd) {
		return readLink(o.fd, "")
	}
	var text string
	errno := m.asBelljar(func() (errno syscall.Errno) {
		text, errno = m.procLinkText(o)
		return errno
	})
	return text, errno
}

func (m *making) procLinkText(o *object) (string, syscall.Errno) {
	v, errno := m.engine.resolver.view(m.th)
	if errno != 0 {
		return "", gone(errno)
	}
	defer v.close()
	if o.parent >= 0 && (o.name == "self" || o.name == "thread-self") {
		if st, errno := sys.StatFile(o.parent); errno == 0 && isProcRoot(o.parent, st) {
			return v.selfText(o.parent, st.Dev, o.name)
		}
	}
	// A thread may read its own links whatever the file system says; for
	// those of others the tracee's own rights count.
	own := strings.Contains(o.path, "/self/")
	if !own && !m.who.lower() {
		return "", syscall.EPERM
	}
	text, errno := readLink(o.fd, "")
	m.who.raise()
	if errno != 0 || text == "" || text[0] != '/' {
		return text, errno
	}
	root, errno := fdPath(v.root)
	if errno != 0 {
		return "", errno
	}
	if inside, ok := below(root, text); ok {
		text = inside
	}
	return text, 0
}
