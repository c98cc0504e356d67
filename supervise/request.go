package supervise

import (
	"syscall"

	"github.com/belljar/belljar/policy"
)

// request is a private copy of what a path call asks for. Whoever resolves,
// decides or makes the call uses it alone: the tracee's memory may change.
type request struct {
	paths [2]pathRequest
	n     int
	late  syscall.Errno // of a second path that cannot be read
	open  openRequest
}

// openRequest is what a call that opens asks for besides a path: the members
// of struct open_how, as the kernel takes them from any such call.
type openRequest struct {
	flags   uint64
	mode    uint32
	resolve uint64
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
		p, skip, errno := readPath(t, call, &call.paths[i], &r)
		if errno != 0 && i > 0 {
			// The kernel looks at the first path before it misses the second.
			r.late = errno
			return r, 0
		}
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

func readPath(t *Trap, call *pathCall, arg *pathArg, r *request) (p pathRequest, skip bool, errno syscall.Errno) {
	p = pathRequest{dir: atFDCWD, want: arg.want, last: arg.last}
	if arg.dir != cwd {
		p.dir = t.Int(int(arg.dir))
	}
	if call.open != notOpen {
		if r.open, errno = readOpen(t, call.open, int(arg.path)+1); errno != 0 {
			return p, false, errno
		}
		r.open.ask(t, &p)
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
	if !null || !empty || !arg.null {
		if p.path, errno = t.path(int(arg.path)); errno != 0 {
			return p, false, errno
		}
	}
	p.self = empty && p.path == ""
	return p, false, 0
}

func turned(l last) last {
	if l == follow {
		return nofollow
	}
	return follow
}
