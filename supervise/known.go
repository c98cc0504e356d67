package supervise

import (
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// known remembers openings for reading that were allowed and that no tracee can
// make lead elsewhere: an absolute path without links whose directories are
// steady, to a file or directory. The same path is then opened again without a
// look at the file system. What root does meanwhile is root's.
type known struct {
	mu    sync.RWMutex
	files map[string]Decision // by path
}

// maxKnown bounds the memory, which is emptied when it is full.
const maxKnown = 4096

func (k *known) find(path string) (Decision, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	d, ok := k.files[path]
	return d, ok
}

func (k *known) keep(path string, d Decision) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.files == nil || len(k.files) >= maxKnown {
		k.files = make(map[string]Decision)
	}
	k.files[path] = d
}

// plainRead reports whether a request is to open one absolute path for reading,
// whatever it is.
func plainRead(req *request) bool {
	p := &req.paths[0]
	return req.n == 1 && req.late == 0 && len(p.path) > 1 && p.path[0] == '/' && p.want == read && p.last != entry &&
		p.resolve == 0 && !p.self && !p.create && !p.unnamed && !req.open.creates()
}

// recall answers an opening that is known. The path is read for that alone:
// where it is not known, the call's arguments are read once more, together.
func (e *Engine) recall(t *Trap, call *pathCall) (d Decision, ok bool) {
	req, errno := readRequest(t, call)
	if errno != 0 || !plainRead(&req) {
		return d, false
	}
	path := req.paths[0].path
	if d, ok = e.known.find(path); !ok {
		return d, false
	}
	if !t.Tracee.Valid() {
		return Decision{Kind: Fail, Errno: syscall.ESRCH, Path: d.Path}, true
	}
	d.Kind, d.Opening = Open, &Opening{engine: e, th: thread{t.PID, t.TID}, open: req.open,
		object: object{kind: objFile, fd: -1, parent: -1, link: -1, path: path, reach: path, stable: true, known: true}}
	return d, true
}

// remember keeps an allowed opening if it is one that can be known.
func (e *Engine) remember(m *making, d Decision) {
	o, path := &m.objects[0], m.request.paths[0].path
	if !e.resolver.fixed || !o.stable || o.path != path || o.reach != path || !plainRead(&m.request) {
		return
	}
	if t := fileType(o.stat); t != syscall.S_IFREG && t != syscall.S_IFDIR || sys.IsProcfs(o.fd) {
		return
	}
	if e.stable(o, m.th) {
		e.known.keep(path, d)
	}
}

// openKnown opens what was not pinned: nothing but what it was when it was
// decided first can be there.
func (o *Opening) openKnown(flags uint64) (int, syscall.Errno) {
	root, _, errno := o.engine.resolver.runRoot(o.th)
	if errno != 0 {
		return -1, errno
	}
	return sys.OpenFile2(root, o.object.reach[1:], flags, noLinks)
}

// fixesRoot reports whether a policy lets no program get another root directory
// or other mounts than those that it starts with.
func fixesRoot(p *policy.Policy) bool {
	const newNS, newUser = 0x00020000, 0x10000000 // CLONE_NEWNS, CLONE_NEWUSER
	for _, call := range []string{"chroot", "pivot_root", "setns", "clone3", "move_mount", "mount"} {
		if p.Lets(call) {
			return false
		}
	}
	for _, flag := range []uint64{newNS, newUser} {
		set := policy.Cond{Arg: 0, Op: policy.Mask, Mask: flag, Values: []uint64{flag}}
		if p.Lets("unshare", set) || p.Lets("clone", set) {
			return false
		}
	}
	return true
}
