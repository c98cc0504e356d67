package supervise

import (
	"encoding/binary"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// Limits of extended attributes, from linux/limits.h.
const (
	xattrNameMax = 255
	xattrSizeMax = 65536 // also of a list of names
)

// xattrPlaces says which arguments of a call on extended attributes are what.
type xattrPlaces struct {
	name, value int
	flags       int // of setxattr(2)
	atFlags     int // of a call with args
	args        int // struct xattr_args stands for value, size and flags; its size is behind it
}

var (
	xattrPlain = xattrPlaces{name: 1, value: 2, flags: 4}
	xattrAt    = xattrPlaces{atFlags: 2, name: 3, args: 4}
)

// readName copies the name of an attribute as import_xattr_name of the kernel
// does.
func (m *making) readName(i int) syscall.Errno {
	name, errno := m.trap.text(i, xattrNameMax+1)
	switch {
	case errno == syscall.ENAMETOOLONG, errno == 0 && name == "":
		return syscall.ERANGE
	case errno != 0:
		return errno
	}
	m.text = name
	return 0
}

// readXattrArgs finds the address and size of the value, and flags.
func (m *making) readXattrArgs(p *xattrPlaces) (errno syscall.Errno) {
	if p.args == 0 {
		m.value, m.size = m.trap.Uint64(p.value), m.trap.Uint64(p.value+1)
		if p.flags != 0 {
			m.xflags = m.trap.Flags(p.flags)
		}
		return 0
	}
	const firstSize = 16 // XATTR_ARGS_SIZE_VER0
	b, errno := m.trap.extensible(m.trap.Uint64(p.args), m.trap.Uint64(p.args+1), firstSize, pageSize)
	if errno != 0 {
		return errno
	}
	m.value = binary.LittleEndian.Uint64(b)
	m.size = uint64(binary.LittleEndian.Uint32(b[8:]))
	m.xflags = binary.LittleEndian.Uint32(b[12:])
	return m.refuseFlags(p.atFlags, pathFlags)
}

// reads are the places of a call that has no flags.
func (p xattrPlaces) reads() xattrPlaces {
	p.flags = 0
	return p
}

func setxattr(p xattrPlaces) maker {
	return maker{
		read: func(m *making) (errno syscall.Errno) {
			if errno = m.readXattrArgs(&p); errno != 0 {
				return errno
			}
			const known = 0x3 // XATTR_CREATE, XATTR_REPLACE
			if m.xflags&^known != 0 {
				return syscall.EINVAL
			}
			if errno = m.readName(p.name); errno != 0 {
				return errno
			}
			if m.size > xattrSizeMax {
				return syscall.E2BIG
			}
			m.data, errno = m.copy(m.value, int(m.size))
			return errno
		},
		make: func(m *making) (uint64, syscall.Errno) {
			return 0, sys.SetXattrPinned(m.pin(), m.text, m.data, int(m.xflags))
		}}
}

func getxattr(p xattrPlaces) maker {
	return maker{
		read: func(m *making) syscall.Errno {
			if errno := m.readXattrArgs(&p); errno != 0 {
				return errno
			}
			if p.args != 0 && m.xflags != 0 {
				return syscall.EINVAL
			}
			return m.readName(p.name)
		},
		make: func(m *making) (uint64, syscall.Errno) {
			buf := make([]byte, min(m.size, xattrSizeMax))
			n, errno := sys.XattrPinned(m.pin(), m.text, buf)
			return m.filled(buf, n, errno)
		}}
}

// listxattr is listxattr(2) and its kin with the buffer in argument i and its
// size behind that.
func listxattr(i int) maker {
	return maker{make: func(m *making) (uint64, syscall.Errno) {
		m.value, m.size = m.trap.Uint64(i), m.trap.Uint64(i+1)
		buf := make([]byte, min(m.size, xattrSizeMax))
		n, errno := sys.ListXattrPinned(m.pin(), buf)
		return m.filled(buf, n, errno)
	}}
}

// filled answers with what a call has put into buf, or with how much it would
// have put there if buf is empty.
func (m *making) filled(buf []byte, n int, errno syscall.Errno) (uint64, syscall.Errno) {
	if errno != 0 {
		return 0, errno
	}
	m.outAt, m.out = m.value, buf[:min(n, len(buf))]
	return uint64(n), 0
}

// removexattr is removexattr(2) and its kin with the name in argument i.
func removexattr(i int) maker {
	return maker{
		read: func(m *making) syscall.Errno { return m.readName(i) },
		make: func(m *making) (uint64, syscall.Errno) { return 0, sys.RemoveXattrPinned(m.pin(), m.text) }}
}
