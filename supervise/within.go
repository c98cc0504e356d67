package supervise

import (
	"strconv"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// The calls in this file look at one name in a directory that the thread has
// open, or works in, and follow no link there, as find and ls do for file after
// file. What that is depends on the string, the descriptor and the directory
// alone. While the thread is alone nothing changes the first two, and wherever
// the directory may be moved to, what the thread sees there it could have seen
// before. So the thread makes the call itself.

// looksWithin reports whether a request is of this kind.
func looksWithin(t *Trap, call *pathCall, req *request) bool {
	p := &req.paths[0]
	return t.Alone && call.own() && call.open == notOpen && req.n == 1 && req.late == 0 && p.want == stat && p.last == nofollow && !p.self &&
		p.resolve == 0 && p.path != "" && p.path != "." && p.path != ".." && !strings.Contains(p.path, "/")
}

// dirID tells a directory from every other, as long as it is mounted where it is.
type dirID struct{ dev, ino, mount uint64 }

// recallWithin decides a look within a directory whose name is known.
func (e *Engine) recallWithin(t *Trap, req *request, who *actor) (d Decision, ok bool) {
	if !e.known.anyDir() {
		return d, false
	}
	p := &req.paths[0]
	who.raise()
	id, errno := e.resolver.directory(t.TID, p.dir)
	if errno != 0 {
		return d, false
	}
	dir, ok := e.known.dir(id)
	if !ok {
		return d, false
	}
	path := join(dir, p.path)
	if d = e.rules.access(path, p.want); d.Kind != Allow {
		return d, false
	}
	d.Path = path
	e.used(&d, &object{path: path}, p)
	return d, true
}

// rememberWithin keeps the name of the directory in which something was looked at,
// if nobody but root can give it another.
func (e *Engine) rememberWithin(m *making) {
	o, p := &m.objects[0], &m.request.paths[0]
	if !e.resolver.fixed || e.identity.uid == 0 || o.reach == "" || o.reach != o.path || !e.way(o.path, m.th, m.who).steady {
		return
	}
	m.who.raise()
	if id, errno := e.resolver.directory(m.th.tid, p.dir); errno == 0 {
		e.known.keepDir(id, "/"+parentOf(o.path))
	}
}

// directory identifies what a path counts from.
func (r *resolver) directory(tid int, dir int32) (dirID, syscall.Errno) {
	link := "cwd"
	if dir != atFDCWD {
		link = "fd/" + strconv.Itoa(int(dir))
	}
	st, errno := sys.StatBehind(r.proc.Path(tid, link))
	return dirID{st.Dev, st.Ino, st.Mount}, errno
}

func (k *known) anyDir() bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return len(k.dirs) > 0
}

func (k *known) dir(id dirID) (path string, ok bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	path, ok = k.dirs[id]
	return path, ok
}

func (k *known) keepDir(id dirID, path string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dirs == nil || len(k.dirs) >= maxKnown {
		k.dirs = make(map[dirID]string)
	}
	k.dirs[id] = path
}
