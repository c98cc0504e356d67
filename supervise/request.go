package supervise

import (
	"encoding/binary"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// request is a private copy of what a path call asks for. Whoever resolves,
// decides or makes the call uses it alone: the tracee's memory may change.
type request struct {
	paths [2]pathRequest
	n     int
}

// pathRequest is one path of a request.
type pathRequest struct {
	dir     int32 // descriptor that a relative path counts from, or atFDCWD
	path    string
	want    policy.Access
	last    last
	self    bool   // the object is the one behind dir itself; path is ""
	create  bool   // open: the last component may be free, and is followed
	unnamed bool   // open: O_TMPFILE makes a file without a name in the object
	resolve uint64 // RESOLVE_* of openat2
}

// readRequest copies a call's arguments. An errno is what the kernel answers
// before it looks at any object.
func readRequest(t *Trap, call *pathCall) (request, syscall.Errno) {
	var r request
	for i := range call.paths {
		p, skip, errno := readPath(t, call, &call.paths[i])
		if errno != 0 {
			return request{}, errno
		}
		if !skip {
			r.paths[r.n] = p
			r.n++
		}
	}
	return r, 0
}

func readPath(t *Trap, call *pathCall, arg *pathArg) (p pathRequest, skip bool, errno syscall.Errno) {
	p = pathRequest{dir: atFDCWD, want: arg.want, last: arg.last}
	if arg.dir != cwd {
		p.dir = t.Int(int(arg.dir))
	}
	var flags uint32
	if arg.flags != none {
		flags = t.Flags(int(arg.flags))
		if flags&arg.turn != 0 {
			p.last = turned(p.last)
		}
	}
	null := t.Uint64(int(arg.path)) == 0
	if null && arg.nullFD {
		// The call is one on a descriptor, such as futimens(3).
		return p, true, 0
	}
	empty := arg.empty && (flags&atEmptyPath != 0 || arg.flags == none)
	if !null || !empty || arg.flags == none {
		if p.path, errno = t.path(int(arg.path)); errno != 0 {
			return p, false, errno
		}
	}
	p.self = empty && p.path == ""
	if call.open != notOpen {
		errno = readOpen(t, call.open, arg, &p)
	}
	return p, false, errno
}

func turned(l last) last {
	if l == follow {
		return nofollow
	}
	return follow
}

// Flags of open(2) that are the same on every architecture Belljar knows.
const (
	oAccmode    = 0o3
	oCreat      = 0o100
	oExcl       = 0o200
	oTrunc      = 0o1000
	oPath       = 0o10000000
	oTmpfileBit = 0o20000000 // O_TMPFILE without O_DIRECTORY, which it includes
)

// oNofollow is O_NOFOLLOW, the one flag used here that differs.
func (t *Trap) oNofollow() uint64 {
	if t.Arch != nil && t.Arch.GOARCH == "arm64" {
		return 0o100000
	}
	return 0o400000
}

// Sizes of struct open_how: the first version's, and the largest that the
// kernel looks at (openat2(2)).
const (
	openHowSize    = 24
	openHowMaxSize = 4096
)

// knownResolve are the RESOLVE_* flags up to Linux 6.18. An unknown one is
// answered as a kernel that does not know it would.
const knownResolve = sys.RESOLVE_NO_XDEV | sys.RESOLVE_NO_MAGICLINKS | sys.RESOLVE_NO_SYMLINKS |
	sys.RESOLVE_BENEATH | sys.RESOLVE_IN_ROOT | sys.RESOLVE_CACHED

func readOpen(t *Trap, kind openKind, arg *pathArg, p *pathRequest) syscall.Errno {
	var flags uint64
	switch kind {
	case openCreat:
		flags = oCreat | oTrunc | 1
	case openFlags:
		flags = uint64(t.Flags(int(arg.path) + 1))
	case openHow:
		var errno syscall.Errno
		if flags, p.resolve, errno = readOpenHow(t, int(arg.path)+1); errno != 0 {
			return errno
		}
	}
	// With O_PATH the kernel drops the flags that create and truncate.
	if flags&oPath != 0 {
		flags &= oPath | t.oNofollow()
	}
	p.want = openAccess(flags)
	p.create = flags&oCreat != 0 && flags&oTmpfileBit == 0
	p.unnamed = flags&oTmpfileBit != 0
	if flags&t.oNofollow() != 0 || flags&(oCreat|oExcl) == oCreat|oExcl {
		p.last = nofollow
	}
	return 0
}

// openAccess is what open does to the object. Creating counts as writing also
// where the file exists: the caller cannot know which it will be.
func openAccess(flags uint64) policy.Access {
	switch {
	case flags&oPath != 0:
		return stat
	case flags&(oAccmode|oCreat|oTrunc|oTmpfileBit) != 0:
		return write
	}
	return read
}

// readOpenHow reads struct open_how as copy_struct_from_user of the kernel
// does: a longer struct than it knows is fine where the rest is zero.
func readOpenHow(t *Trap, i int) (flags, resolve uint64, errno syscall.Errno) {
	addr, size := t.Uint64(i), t.Uint64(i+1)
	switch {
	case size < openHowSize:
		return 0, 0, syscall.EINVAL
	case size > openHowMaxSize:
		return 0, 0, syscall.E2BIG
	}
	b, errno := t.bytes(addr, int(size))
	if errno != 0 {
		return 0, 0, errno
	}
	for _, c := range b[openHowSize:] {
		if c != 0 {
			return 0, 0, syscall.E2BIG
		}
	}
	flags = binary.LittleEndian.Uint64(b)
	resolve = binary.LittleEndian.Uint64(b[16:])
	scoped := uint64(sys.RESOLVE_BENEATH | sys.RESOLVE_IN_ROOT)
	if flags>>32 != 0 || resolve&^knownResolve != 0 || resolve&scoped == scoped {
		return 0, 0, syscall.EINVAL
	}
	return flags, resolve, 0
}
