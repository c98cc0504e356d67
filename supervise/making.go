package supervise

import (
	"slices"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// maker is how the engine makes one system call in the tracee's place.
type maker struct {
	// read copies what the call has in the tracee's memory besides its paths,
	// before these are looked up, and refuses what the kernel refuses without
	// looking at them. It may be nil.
	read func(*making) syscall.Errno
	// make makes the call from the pins, with the program's rights.
	make func(*making) (uint64, syscall.Errno)
	// creates says that make depends on the umask.
	creates bool
	// flagsAt is the argument with the call's flags, known those that it has; 0:
	// it has none, or looks at them itself.
	flagsAt int
	known   uint32
	// own says that the tracee's own call would do the same.
	own bool
	// named, where not nil, makes the call on a known path: one that everybody
	// may look up, without links, below root. It has Belljar's rights.
	named func(t *Trap, id *identity, root int, path []byte) (named, syscall.Errno)
}

// named is the result of a call that was made by name, and what is to be
// written into the tracee's memory.
type named struct {
	value uint64
	outAt uint64
	out   []byte
}

// making is a path call on its way: copies of its arguments, pins of its
// objects, and what is to be written back.
type making struct {
	engine  *Engine
	trap    *Trap
	who     *actor
	th      thread
	request request
	objects [2]object

	text        string // a second string of the call: a link's target, an attribute's name
	data        []byte // other memory
	times       *sys.Times
	value, size uint64 // of an extended attribute, in the tracee's memory
	xflags      uint32
	umask       uint32
	mode        uint32 // of a new file, for a maker that creates

	borrowed int  // a copy of one of the tracee's descriptors
	lent     bool // borrowed is one

	out    []byte // for the tracee's memory at outAt
	outAt  uint64
	done   bool           // the call has succeeded before its paths were looked up
	signal syscall.Signal // that the call raises in the tracee, or 0
}

// reply sets what the tracee is to find at the address in argument i.
func (m *making) reply(i int, b []byte) { m.outAt, m.out = m.trap.Uint64(i), b }

func (m *making) close() {
	for i := range m.request.n {
		m.objects[i].close()
	}
	if m.lent {
		sys.CloseFile(m.borrowed)
	}
}

// copy copies memory of the tracee's for later.
func (m *making) copy(addr uint64, n int) ([]byte, syscall.Errno) {
	b, errno := m.trap.bytes(addr, n)
	return slices.Clone(b), errno
}

// asBelljar runs f with Belljar's rights. Without the program's again the call
// must not be made.
func (m *making) asBelljar(f func() syscall.Errno) syscall.Errno {
	m.who.raise()
	errno := f()
	if !m.who.lower() {
		return syscall.EPERM
	}
	return errno
}

// pin is the descriptor of the first path's object.
func (m *making) pin() int { return m.objects[0].fd }

// entry is the directory and the name in it that path i means. A slash behind
// the name stays, for the kernel to judge. A path without a last name ends in
// ".", ".." or "/"; no call on a name accepts these, whatever the directory, so
// that of the root will do.
func (m *making) entry(i int) (dir int, name string) {
	o, path := &m.objects[i], m.request.paths[i].path
	trimmed := strings.TrimRight(path, "/")
	switch {
	case o.parent >= 0 && trimmed != path:
		return o.parent, o.name + "/"
	case o.parent >= 0:
		return o.parent, o.name
	}
	return o.fd, "/" + trimmed[strings.LastIndexByte(trimmed, '/')+1:]
}

// flags returns m for a call with flags in argument i, of which it refuses all
// but known ones before it reads anything.
func (m maker) flags(i int, known uint32) maker {
	m.flagsAt, m.known = i, known
	return m
}

// begin refuses what the kernel refuses before it reads anything.
func (m *maker) begin(t *Trap) syscall.Errno {
	if m.flagsAt > 0 && t.Flags(m.flagsAt)&^m.known != 0 {
		return syscall.EINVAL
	}
	return 0
}

// refuseFlags is EINVAL if argument i has others than known flags.
func (m *making) refuseFlags(i int, known uint32) syscall.Errno {
	if m.trap.Flags(i)&^known != 0 {
		return syscall.EINVAL
	}
	return 0
}

// refused is a call that no program without privileges can make.
func refused(errno syscall.Errno) maker {
	return maker{make: func(*making) (uint64, syscall.Errno) { return 0, errno }}
}

// act makes an allowed call and answers with its result. d is the decision so
// far.
func (m *making) act(make *maker, d Decision) Decision {
	fail := func(errno syscall.Errno) Decision {
		d.Kind, d.Errno, d.Rule, d.Raised = Fail, errno, "", m.signal
		return d
	}
	if make.creates {
		m.who.raise()
		var errno syscall.Errno
		if m.umask, errno = m.engine.resolver.umask(m.th); errno != 0 {
			return fail(errno)
		}
	}
	if !m.trap.Tracee.Valid() {
		return fail(syscall.ESRCH)
	}
	if !m.who.lower() {
		return Decision{Kind: Kill, Path: d.Path, Err: m.who.err}
	}
	value, errno := m.made(make)
	m.who.raise()
	if m.signal != 0 {
		sys.Signal(m.trap.PID, m.trap.TID, m.signal) // fails only if the thread is gone
	}
	if errno != 0 {
		return fail(errno)
	}
	if len(m.out) > 0 {
		if n, _ := m.trap.Tracee.WriteMemory(m.outAt, m.out); n != len(m.out) {
			return fail(syscall.EFAULT)
		}
	}
	d.Kind, d.Value = Return, value
	return d
}

func (m *making) made(make *maker) (value uint64, errno syscall.Errno) {
	if !make.creates {
		return make.make(m)
	}
	return m.who.umask(m.umask, func(mode uint32) (uint64, syscall.Errno) {
		m.mode = mode
		return make.make(m)
	}, m.mode)
}
