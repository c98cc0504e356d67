package supervise

import (
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// walker goes through a path component by component, as link_path_walk and
// its kin in the kernel's fs/namei.c do, without ever following a link that it
// has not read. Its comments name those functions.
type walker struct {
	*view
	p     *pathRequest
	rest  string // what is left of the path
	links int

	cur      int // where we are, an O_PATH descriptor
	curStat  sys.FileStat
	borrowed bool // cur is bound's or the start's descriptor: not ours to close

	bound     int // where ".." ends and absolute links begin
	boundStat sys.FileStat

	own object // what the last magic link said about the descriptor behind it

	loose bool // a name was looked up where a tracee could change what it means
}

func (v *view) walk(start int, p *pathRequest) object {
	w := walker{view: v, p: p, rest: p.path, cur: start, borrowed: true, bound: v.root, boundStat: v.rootStat}
	var errno syscall.Errno
	if w.curStat, errno = sys.StatFile(start); errno != 0 {
		return failed("", errno)
	}
	if p.resolve&(sys.RESOLVE_IN_ROOT|sys.RESOLVE_BENEATH) != 0 {
		w.bound, w.boundStat = start, w.curStat
	}
	o := w.run()
	w.drop()
	o.steady = !w.loose && v.trusted && p.path[0] == '/'
	return o
}

func (w *walker) run() object {
	for {
		slash := strings.TrimLeft(w.rest, "/")
		if slash == "" {
			// A slash at the end demands a directory, as LOOKUP_DIRECTORY does.
			if w.rest != "" && !isDir(w.curStat) {
				return w.fail("", syscall.ENOTDIR)
			}
			return w.arrived()
		}
		var comp string
		comp, w.rest = cutComponent(slash)
		if !isDir(w.curStat) {
			return w.fail(comp, syscall.ENOTDIR)
		}
		switch comp {
		case ".":
			// link_path_walk asks for the right to search before every component.
			if errno := sys.AccessPinned(w.cur, searchable); errno != 0 {
				return w.fail("", errno)
			}
			w.own = object{}
		case "..":
			if errno := w.up(); errno != 0 {
				return w.fail("", errno)
			}
		default:
			if o, done := w.down(comp); done {
				return o
			}
		}
	}
}

// isFree reports whether a lookup's error leaves it to the call on an entry to
// fail: after it has looked at its other path, for one.
func isFree(errno syscall.Errno) bool {
	return errno == syscall.ENOENT || errno == syscall.ENAMETOOLONG
}

const searchable = 1 // X_OK

func cutComponent(path string) (comp, rest string) {
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}

// up is follow_dotdot: the parent across mounts, but never above the root.
func (w *walker) up() syscall.Errno {
	w.own = object{}
	if sameFile(w.curStat, w.boundStat) && w.curStat.Mount == w.boundStat.Mount {
		if w.p.resolve&sys.RESOLVE_BENEATH != 0 {
			return syscall.EXDEV
		}
		return 0
	}
	fd, errno := sys.OpenFile2(w.cur, "..", sys.O_PATH|sys.O_DIRECTORY, w.p.resolve&sys.RESOLVE_NO_XDEV)
	if errno != 0 {
		return errno
	}
	return w.enter(fd)
}

// down looks comp up in cur. It is done when comp is the last component and
// needs no further step.
func (w *walker) down(comp string) (object, bool) {
	w.loose = w.loose || !firm(w.curStat) && !(w.cur == w.root && w.r.firm)
	last := strings.Trim(w.rest, "/") == ""
	if last && w.rest != "" && w.p.create {
		// open_last_lookups refuses a slash behind a name to create before it looks.
		if errno := sys.AccessPinned(w.cur, searchable); errno != 0 {
			return w.fail(comp, errno), true
		}
		return w.fail(comp, syscall.EISDIR), true
	}
	fd, errno := sys.OpenFile2(w.cur, comp, sys.O_PATH|sys.O_NOFOLLOW, w.p.resolve&sys.RESOLVE_NO_XDEV|noLinks)
	if last && (errno == syscall.ENOENT && w.p.create || w.p.last == entry && isFree(errno)) {
		return w.found(comp, -1, sys.FileStat{}), true
	}
	if errno != 0 {
		return w.fail(comp, errno), true
	}
	st, errno := sys.StatFile(fd)
	if errno != 0 {
		sys.CloseFile(fd)
		return w.fail(comp, errno), true
	}
	// A slash behind a symlink follows it whatever the flags say, except where
	// the name itself is meant.
	if last && (w.p.last == entry || w.rest == "" && (w.p.last == nofollow || !isLink(st))) {
		return w.found(comp, fd, st), true
	}
	if !isLink(st) {
		w.drop()
		w.cur, w.curStat, w.borrowed, w.own = fd, st, false, object{}
		return object{}, false
	}
	defer sys.CloseFile(fd)
	if errno := w.follow(comp, fd, st); errno != 0 {
		return w.fail(comp, errno), true
	}
	return object{}, false
}

// found is the object of a last component that was looked up in cur.
func (w *walker) found(comp string, fd int, st sys.FileStat) object {
	o := object{fd: fd, stat: st, name: comp, link: -1}
	if fd < 0 {
		o.kind = objMissing
	}
	var errno syscall.Errno
	if o.parent, errno = w.keep(); errno != 0 {
		o.close()
		return failed("", errno)
	}
	return w.named(o)
}

// arrived is the object where a path ends that had no last component to look
// up: "/", "..", or the target of a magic link.
func (w *walker) arrived() object {
	o := object{parent: -1, stat: w.curStat, own: w.own.own, held: w.own.held, link: -1}
	jumped := w.own.path != ""
	if o.own {
		o.link = w.own.link
	}
	var errno syscall.Errno
	if o.fd, errno = w.keep(); errno != 0 {
		return failed("", errno)
	}
	o = w.named(o)
	if o.kind == objAnonymous && jumped {
		o.path = w.own.path
	}
	return o
}

// enter makes fd the current place.
func (w *walker) enter(fd int) syscall.Errno {
	st, errno := sys.StatFile(fd)
	if errno != 0 {
		sys.CloseFile(fd)
		return errno
	}
	w.drop()
	w.cur, w.curStat, w.borrowed = fd, st, false
	return 0
}

func (w *walker) drop() {
	if !w.borrowed && w.cur >= 0 {
		sys.CloseFile(w.cur)
	}
	w.cur, w.borrowed = -1, true
}

// keep hands cur over to an object.
func (w *walker) keep() (int, syscall.Errno) {
	fd, errno := w.cur, syscall.Errno(0)
	if w.borrowed {
		fd, errno = sys.DupFile(w.cur)
	}
	w.cur, w.borrowed = -1, true
	return fd, errno
}

// fail ends the walk at comp in cur. What is left of the path counts for the
// decision up to the first "..", behind which nothing is known.
func (w *walker) fail(comp string, errno syscall.Errno) object {
	dir, kind, _ := w.canonical(w.cur)
	w.loose = w.loose || hasNumber(w.p.path) && sys.IsProcfs(w.cur)
	if kind == objNone || kind == objAnonymous {
		return failed("", errno)
	}
	switch comp {
	case "", ".":
	case "..":
		return failed(dir, errno)
	default:
		dir = join(dir, comp)
	}
	for rest := w.rest; ; {
		c, next := cutComponent(strings.TrimLeft(rest, "/"))
		if c == "" || c == ".." {
			break
		}
		if c != "." {
			dir = join(dir, c)
		}
		rest = next
	}
	return failed(dir, errno)
}
