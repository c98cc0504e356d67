package supervise

import (
	"strconv"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// objectKind says what a path led to.
type objectKind uint8

const (
	objNone      objectKind = iota // nothing: see object.errno
	objFile                        // something that has a path
	objMissing                     // a free name in a directory that exists
	objAnonymous                   // a pipe, socket, memfd, ...: it never had a path
	objDeleted                     // a file that had the path until it was removed
	objMasked                      // a removed file that is mounted where it is seen; told apart by verify alone
	objOutside                     // a file that no path of the tracee's root reaches
)

// object is what the kernel would reach for a path. Whoever gets one closes it.
type object struct {
	kind objectKind
	// path is canonical and in the tracee's view: absolute, without links and
	// dots, its own process in procfs spelled "self". Where resolution stopped
	// it is how far that came, plus the components that were left.
	path  string
	errno syscall.Errno // objNone: what the kernel answers

	fd     int // O_PATH, the object itself; -1 where there is none
	parent int // O_PATH, where the last component was looked up; else -1
	name   string
	stat   sys.FileStat // of fd

	// reach is path as the tracee's own procfs spells it, and says where the
	// tracee itself gets to the object without following a link; "" where it
	// may not or where there is no such path.
	reach  string
	direct bool // path is what was asked for, and met no link
	steady bool // no tracee can change any directory in which a name was looked up
	link   int  // the tracee's descriptor whose magic link led here, or -1
	known  bool // nothing was looked up: see known.go

	own  bool          // reached through a descriptor that the tracee holds
	held policy.Access // what that descriptor lets it do already
}

func (o *object) close() {
	for _, fd := range []*int{&o.fd, &o.parent} {
		if *fd >= 0 {
			sys.CloseFile(*fd)
		}
		*fd = -1
	}
}

// failed is the object of a resolution that the kernel would end with errno.
func failed(path string, errno syscall.Errno) object {
	return object{path: path, errno: errno, fd: -1, parent: -1, link: -1}
}

// thread is the one whose root, working directory and descriptors count.
type thread struct{ pid, tid int }

// resolver finds objects for the threads of one run. Paths mean what they mean
// below the root that the run's first thread has: an object seen from another
// root (chroot, setns) is outside, since a program that chooses its root would
// choose what the names in rules stand for.
type resolver struct {
	proc proc.FS // procfs of Belljar's own PID namespace
	// fixed says that no thread of the run can get another root than the run's.
	fixed  bool
	names  bool // somebody asks for the name of every object
	mu     sync.Mutex
	opened bool
	root   int          // the run's
	stat   sys.FileStat // of root
	firm   bool         // no tracee can change what is in root
	top    bool         // root is that of a mount namespace, so its name is "/" for good
}

// resolve finds the object of p for a thread. The walk has the rights of the
// program, which the thread keeps: act may go on with them.
func (r *resolver) resolve(th thread, p *pathRequest, who *actor) object {
	who.raise()
	v, errno := r.view(th)
	if errno != 0 {
		return failed("", gone(errno))
	}
	v.who = who
	defer v.close()
	o := v.resolve(p)
	if v.hidden {
		o.close()
		return failed(o.path, syscall.EACCES)
	}
	return o
}

// linked is the object behind one of a thread's magic links in Belljar's procfs.
func (r *resolver) linked(th thread, link string) object {
	v, errno := r.view(th)
	if errno != 0 {
		return failed("", gone(errno))
	}
	defer v.close()
	fd, errno := r.open(th, link)
	if errno != 0 {
		return failed("", errno)
	}
	v.trusted = false
	return v.named(object{fd: fd, parent: -1, link: -1})
}

// view opens a thread's root. The caller closes the view.
func (r *resolver) view(th thread) (view, syscall.Errno) {
	v := view{r: r, th: th, trusted: true}
	root, st, errno := r.runRoot(th)
	if errno != 0 {
		return v, errno
	}
	if r.fixed {
		v.root, v.rootStat, v.lent = root, st, true
		if r.top {
			v.rootPath = "/"
		}
		return v, 0
	}
	if v.root, errno = r.open(th, "root"); errno != 0 {
		return v, errno
	}
	if v.rootStat, errno = sys.StatFile(v.root); errno != 0 {
		sys.CloseFile(v.root)
		return v, errno
	}
	v.foreign = !sameFile(st, v.rootStat)
	return v, 0
}

// runRoot is the root that the run's first thread has, opened once: where that
// executes its program and is stopped, so that its number is no other's.
func (r *resolver) runRoot(th thread) (int, sys.FileStat, syscall.Errno) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opened {
		return r.root, r.stat, 0
	}
	fd, errno := r.open(th, "root")
	if errno != 0 {
		return -1, r.stat, errno
	}
	st, errno := sys.StatFile(fd)
	if errno != 0 {
		sys.CloseFile(fd)
		return -1, st, errno
	}
	// A private root belongs to whoever made it, and is read-only.
	r.root, r.stat, r.firm, r.opened = fd, st, firm(st) || sys.IsReadOnly(fd), true
	name, errno := fdPath(fd)
	r.top = errno == 0 && name == "/"
	return fd, st, 0
}

// close closes what the resolver keeps open. No thread may be using it.
func (r *resolver) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opened {
		sys.CloseFile(r.root)
		r.opened = false
	}
}

func (v *view) close() {
	if !v.lent {
		sys.CloseFile(v.root)
	}
}

// open opens one of a thread's magic links in Belljar's procfs: "root", "cwd"
// or "fd/N".
func (r *resolver) open(th thread, link string) (int, syscall.Errno) {
	return sys.OpenFile(sys.AT_FDCWD, r.proc.Path(th.tid, link), sys.O_PATH)
}

// gone turns the error of a missing /proc/TID into that of a missing thread.
func gone(errno syscall.Errno) syscall.Errno {
	if errno == syscall.ENOENT {
		return syscall.ESRCH
	}
	return errno
}

func sameFile(a, b sys.FileStat) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// view is a thread's file system during one resolution.
type view struct {
	r        *resolver
	th       thread
	hidden   bool // the way led through what procfs shows of Belljar
	lent     bool // root is not ours to close
	root     int
	rootStat sys.FileStat
	rootPath string // the kernel's name of root, once asked for
	trusted  bool   // everything so far was reached from root, without magic links
	foreign  bool   // root is not the run's root
	rule     bool   // a rule's path is resolved, not a tracee's
	who      *actor

	procDev uint64 // the procfs for which own is known; 0: none
	own     numbers
}

func (v *view) resolve(p *pathRequest) object {
	if p.self {
		return v.descriptor(p)
	}
	if p.path == "" {
		return failed("", syscall.ENOENT)
	}
	scoped := p.resolve&(sys.RESOLVE_IN_ROOT|sys.RESOLVE_BENEATH) != 0
	if p.path[0] == '/' && p.resolve&sys.RESOLVE_BENEATH != 0 {
		return failed("", syscall.EXDEV) // nd_jump_root, before the descriptor counts
	}
	start := v.root
	if p.path[0] != '/' || scoped {
		fd, errno := v.start(p.dir)
		if errno != 0 {
			return failed("", errno)
		}
		defer sys.CloseFile(fd)
		start, v.trusted = fd, false
	}
	if !v.who.lower() {
		return failed("", syscall.EPERM)
	}
	if !scoped && !v.foreign && isClean(p.path) {
		if o, done := v.direct(start, p); done {
			return o
		}
	}
	return v.walk(start, p)
}

// start opens the directory that relative paths count from.
func (v *view) start(dir int32) (int, syscall.Errno) {
	if dir == atFDCWD {
		fd, errno := v.r.open(v.th, "cwd")
		return fd, gone(errno)
	}
	fd, errno := v.openFD(dir)
	if errno != 0 {
		return -1, errno
	}
	if st, errno := sys.StatFile(fd); errno != 0 || !isDir(st) {
		sys.CloseFile(fd)
		return -1, syscall.ENOTDIR
	}
	return fd, 0
}

func (v *view) openFD(dir int32) (int, syscall.Errno) {
	if dir < 0 {
		return -1, syscall.EBADF
	}
	fd, errno := v.r.open(v.th, "fd/"+strconv.Itoa(int(dir)))
	if errno == syscall.ENOENT {
		errno = syscall.EBADF
	}
	return fd, errno
}

// descriptor is the object behind a descriptor of the tracee.
func (v *view) descriptor(p *pathRequest) object {
	dir := p.dir
	if dir == atFDCWD {
		return v.r.linked(v.th, "cwd")
	}
	fd, errno := v.openFD(dir)
	if errno != 0 {
		return failed("", errno)
	}
	v.trusted = false
	o := object{fd: fd, parent: -1, own: true, link: int(dir)}
	if p.want == stat && !v.r.names && v.who != nil {
		// Whoever has a descriptor may look at what is behind it, whatever its name.
		if o.stat, errno = sys.StatFile(fd); errno == 0 && !isLink(o.stat) {
			o.kind, o.held = objFile, stat
			return o
		}
	}
	o = v.named(o)
	o.reach = "" // the tracee may be unable to get there by the path
	o.held = heldBy(sys.AT_FDCWD, v.r.proc.Path(v.th.tid, "fdinfo/"+strconv.Itoa(int(dir))), &o)
	return o
}

func join(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

func fileType(st sys.FileStat) uint32 { return st.Mode & syscall.S_IFMT }
func isDir(st sys.FileStat) bool      { return fileType(st) == syscall.S_IFDIR }
func isLink(st sys.FileStat) bool     { return fileType(st) == syscall.S_IFLNK }
