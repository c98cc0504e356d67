package supervise

import (
	"maps"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// known remembers paths that may be read or looked at and that no tracee can make
// lead elsewhere: absolute ones, every directory on whose way belongs to root and
// is writable by nobody else, the directories of links among them. Such a path
// is decided again without a look at the file system. What root does meanwhile is
// root's.
type known struct {
	mu    sync.RWMutex
	paths map[knownAs]*knownPath
	dirs  map[dirID]string // see within.go
	fds   map[int]int      // by thread: its /proc/TID/fd, open
}

// knownAs is what a path was looked up for.
type knownAs struct {
	path string
	want policy.Access
	last last
}

// knownPath is what became of it.
type knownPath struct {
	allowed Decision
	// below is the canonical path below the root, as the kernel takes it; nil
	// where the program may not go there.
	below []byte
	// opens says that an opening leads to a file or directory, of which the
	// kernel lets everybody have as many as they like.
	opens bool
	// systems says that nobody else writes what an opening leads to.
	systems bool
}

// maxKnown bounds the memory, which is emptied when it is full.
const maxKnown = 4096

func (k *known) find(p *pathRequest) *knownPath {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.paths[knownAs{p.path, p.want, p.last}]
}

func (k *known) keep(p *pathRequest, path *knownPath) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.paths == nil || len(k.paths) >= maxKnown {
		k.paths = make(map[knownAs]*knownPath)
	}
	k.paths[knownAs{p.path, p.want, p.last}] = path
}

// forget drops what led to a canonical path: there is a link on its way now.
func (k *known) forget(path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.paths, func(_ knownAs, p *knownPath) bool { return p.allowed.Path == path })
}

// Outdated takes note that the kernel has met a link where there was none when
// a path was decided which an Opening of this engine had.
func (e *Engine) Outdated(path string) { e.known.forget(path) }

// Outdated takes note of the error of Open, and reports whether the call is to be
// decided anew: the kernel has met a link where there was none before.
func (o *Opening) Outdated(errno syscall.Errno) bool {
	if !o.object.known || errno != syscall.ELOOP {
		return false
	}
	o.engine.Outdated(o.object.path)
	return true
}

// looks reports whether a request is to read or look at one absolute path,
// whatever that is.
func looks(req *request) bool {
	p := &req.paths[0]
	return req.n == 1 && req.late == 0 && len(p.path) > 1 && p.path[0] == '/' && (p.want == read || p.want == stat) &&
		p.last != entry && p.resolve == 0 && !p.self && !p.create && !p.unnamed && !req.open.creates()
}

// recall answers a call without a look at the file system, where that can be.
// That the thread has gone on meanwhile, and its memory is somebody else's, does
// no harm: nothing is changed, and no other call gets the answer.
func (e *Engine) recall(t *Trap, call *pathCall, req *request, who *actor) (d Decision, ok bool) {
	p := &req.paths[0]
	if p.self && p.dir >= 0 && p.want == stat && t.Alone && call.own() && !e.resolver.names && req.n == 1 {
		// Whoever has a descriptor may look at what is behind it.
		return Decision{Kind: Allow}, true
	}
	if looksWithin(t, call, req) {
		return e.recallWithin(t, req, who)
	}
	if !looks(req) {
		return e.recallName(t, call, req, who)
	}
	k := e.known.find(p)
	switch {
	case k == nil:
		if w, ok := e.steady.known(parentOf(p.path)); t.Alone && (w.steady || !ok) {
			return d, false // it may turn out to be known
		}
	case call.open != notOpen && !k.systems && e.alone():
		return d, false
	case call.continues, t.Alone && call.own():
		return k.allowed, true
	case k.below == nil:
		return d, false
	case call.open != notOpen && k.opens:
		return t.openName(e, req, k.allowed.Path, k.allowed), true
	case call.by.named != nil:
		return e.actNamed(t, call, k, who), true
	}
	return e.recallName(t, call, req, who)
}

// recallName answers an opening by its name alone, where the supervisor makes
// the thread open exactly that name: if rules allow the path as it is spelled, and
// there is no link on its way, it is the path of what the thread gets.
func (e *Engine) recallName(t *Trap, call *pathCall, req *request, who *actor) (d Decision, ok bool) {
	p := &req.paths[0]
	const keeps = sys.RESOLVE_NO_XDEV | sys.RESOLVE_CACHED
	if !t.ByName || call.open == notOpen || len(p.path) < 2 || p.path[0] != '/' || !isClean(p.path) || p.unnamed ||
		p.resolve&^keeps != 0 {
		return d, false
	}
	if hasNumber(p.path) && !e.way(p.path, thread{t.PID, t.TID}, who).plain {
		return d, false // it may be the thread's own process
	}
	if d = e.rules.access(p.path, p.want); d.Kind != Allow {
		return d, false // where it leads may be allowed
	}
	d.Path = p.path
	e.used(&d, &object{path: p.path}, p)
	e.opens(&object{path: p.path, fd: -1}, p.want)
	return t.openName(e, req, p.path, d), true
}

// openName is the answer to an opening that has nothing pinned.
func (t *Trap) openName(e *Engine, req *request, path string, d Decision) Decision {
	if t.opening == nil {
		t.opening = new(Opening)
	}
	*t.opening = Opening{engine: e, th: thread{t.PID, t.TID}, open: req.open, flags: openBits{t.oNofollow(), t.oDirectory()},
		object: object{kind: objFile, fd: -1, parent: -1, link: -1, path: path, reach: path, known: true}}
	d.Kind, d.Opening = Open, t.opening
	return d
}

// actNamed makes a call in the tracee's place on a known path. Everybody may
// look at that, so it needs none of the program's rights.
func (e *Engine) actNamed(t *Trap, call *pathCall, k *knownPath, who *actor) Decision {
	d := k.allowed
	fail := func(errno syscall.Errno) Decision {
		d.Kind, d.Errno, d.Rule = Fail, errno, ""
		return d
	}
	if errno := call.by.begin(t); errno != 0 {
		return fail(errno)
	}
	who.raise()
	root, _, errno := e.resolver.runRoot(thread{t.PID, t.TID})
	if errno != 0 {
		return fail(gone(errno))
	}
	r, errno := call.by.named(t, &e.identity, root, k.below)
	if errno != 0 {
		return fail(errno)
	}
	if !t.Tracee.Valid() {
		return fail(syscall.ESRCH)
	}
	if n, _ := t.Tracee.WriteMemory(r.outAt, r.out); n != len(r.out) {
		return fail(syscall.EFAULT)
	}
	d.Kind, d.Value = Return, r.value
	return d
}

// remember keeps what was decided about a call if its path can be known.
func (e *Engine) remember(m *making, d Decision) bool {
	if !e.resolver.fixed || e.identity.uid == 0 || !looks(&m.request) {
		return false
	}
	o, p := &m.objects[0], &m.request.paths[0]
	missing := d.Kind == Fail && d.Errno == syscall.ENOENT && o.errno == syscall.ENOENT
	switch {
	case d.Kind != Allow && !missing, len(o.path) < 2 || o.path[0] != '/':
		return false
	case o.direct && !e.way(p.path, m.th, m.who).steady, !o.direct && !o.steady:
		return false
	case o.fd >= 0 && sys.IsProcfs(o.fd):
		return false // it may be a process's, of which there may be another one later
	}
	k := &knownPath{allowed: d, systems: missing || !e.strangers || isSystems(o, p.want)}
	k.allowed.Kind, k.allowed.Errno = Allow, 0
	if missing || o.reach == o.path {
		k.below = append([]byte(o.path[1:]), 0)
		t := fileType(o.stat)
		k.opens = t == syscall.S_IFREG || t == syscall.S_IFDIR
	}
	e.known.keep(p, k)
	return true
}

// openKnown opens what was not pinned: without a link on the way, there can be
// nothing but what was decided.
func (o *Opening) openKnown(flags uint64, mode uint32) (int, syscall.Errno) {
	root, _, errno := o.engine.resolver.runRoot(o.th)
	if errno != 0 {
		return -1, errno
	}
	return sys.CreateFile(root, o.object.reach[1:], flags, mode, o.Resolve()|noLinks)
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
