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
	id, errno := e.directory(t.TID, p.dir)
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
	if id, errno := e.directory(m.th.tid, p.dir); errno == 0 {
		e.known.keepDir(id, "/"+parentOf(o.path))
	}
}

// directory identifies what a path counts from.
func (e *Engine) directory(tid int, dir int32) (dirID, syscall.Errno) {
	at, link := sys.AT_FDCWD, e.resolver.proc.Path(tid, "cwd")
	if dir != atFDCWD {
		if fds, ok := e.known.fdsOf(tid, &e.resolver); ok {
			at, link = fds, strconv.Itoa(int(dir))
		} else {
			link = e.resolver.proc.Path(tid, "fd/"+strconv.Itoa(int(dir)))
		}
	}
	st, errno := sys.StatBehind(at, link)
	return dirID{st.Dev, st.Ino, st.Mount}, errno
}

// maxFds is of how many threads a run keeps /proc/TID/fd open: to walk there takes as
// long as all else. Such a directory stays that of one thread, and is empty once
// that has ended, whoever has its number then.
const maxFds = 16

// fdsOf returns /proc/TID/fd if it can be kept open.
func (k *known) fdsOf(tid int, r *resolver) (fd int, ok bool) {
	k.mu.RLock()
	fd, ok = k.fds[tid]
	all := len(k.fds)
	k.mu.RUnlock()
	if ok || all >= maxFds {
		return fd, ok
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if fd, ok = k.fds[tid]; ok {
		return fd, true
	}
	fd, errno := sys.OpenFile(sys.AT_FDCWD, r.proc.Path(tid, "fd"), sys.O_PATH|sys.O_DIRECTORY)
	if errno != 0 {
		return -1, false
	}
	if k.fds == nil {
		k.fds = make(map[int]int)
	}
	k.fds[tid] = fd
	return fd, true
}

// close closes what is kept open.
func (k *known) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, fd := range k.fds {
		syscall.Close(fd)
	}
	k.fds = nil
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
