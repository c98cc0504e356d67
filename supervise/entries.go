package supervise

import (
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// The calls in this file make, move and remove names.

// unlink is unlink(2) or rmdir(2), by its flags.
func unlink(flags int) maker {
	return maker{make: func(m *making) (uint64, syscall.Errno) {
		dir, name := m.entry(0)
		return 0, sys.Unlink(dir, name, flags)
	}}
}

var unlinkat = maker{make: func(m *making) (uint64, syscall.Errno) {
	dir, name := m.entry(0)
	return 0, sys.Unlink(dir, name, int(m.trap.Flags(2)))
}}.flags(2, atRemovedir)

// mkdir is mkdir(2) and its kin with the mode in argument i.
func mkdir(i int) maker {
	return maker{creates: true,
		read: func(m *making) syscall.Errno {
			m.mode = m.trap.Flags(i) & 0xffff // umode_t
			return 0
		},
		make: func(m *making) (uint64, syscall.Errno) {
			dir, name := m.entry(0)
			return 0, sys.Mkdir(dir, name, m.mode)
		}}
}

// mknod is mknod(2) and its kin with the mode in argument i and the device
// behind that.
func mknod(i int) maker {
	return maker{creates: true,
		read: func(m *making) syscall.Errno {
			m.mode = m.trap.Flags(i) & 0xffff // umode_t
			switch m.mode & syscall.S_IFMT {
			case 0, syscall.S_IFREG, syscall.S_IFCHR, syscall.S_IFBLK, syscall.S_IFIFO, syscall.S_IFSOCK:
				return 0
			case syscall.S_IFDIR:
				return syscall.EPERM
			}
			return syscall.EINVAL
		},
		make: func(m *making) (uint64, syscall.Errno) {
			dir, name := m.entry(0)
			return 0, sys.Mknod(dir, name, m.mode, m.trap.Flags(i+1))
		}}
}

var rename = maker{make: func(m *making) (uint64, syscall.Errno) { return m.rename(0) }}

var renameat2 = maker{
	read: func(m *making) syscall.Errno {
		const noreplace, exchange, whiteout = 0x1, 0x2, 0x4
		flags := m.trap.Flags(4)
		if flags&^(noreplace|exchange|whiteout) != 0 || flags&exchange != 0 && flags&(noreplace|whiteout) != 0 {
			return syscall.EINVAL
		}
		return 0
	},
	make: func(m *making) (uint64, syscall.Errno) { return m.rename(m.trap.Flags(4)) }}

func (m *making) rename(flags uint32) (uint64, syscall.Errno) {
	dir, name := m.entry(0)
	newDir, newName := m.entry(1)
	return 0, sys.Rename(dir, name, newDir, newName, flags)
}

// symlink is symlink(2) and its kin. Their first argument is the target.
var symlink = maker{
	read: func(m *making) (errno syscall.Errno) {
		if m.text, errno = m.trap.path(0); errno == 0 && m.text == "" {
			errno = syscall.ENOENT
		}
		return errno
	},
	make: func(m *making) (uint64, syscall.Errno) {
		dir, name := m.entry(0)
		return 0, sys.Symlink(m.text, dir, name)
	}}

// link is link(2) and its kin. The object that was decided gets the new name,
// whatever its old name means by now.
var link = maker{make: func(m *making) (uint64, syscall.Errno) {
	dir, name := m.entry(1)
	return 0, sys.LinkPinned(m.pin(), dir, name)
}}
