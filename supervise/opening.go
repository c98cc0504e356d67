package supervise

import (
	"strconv"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// Opening is a file that a tracee asked to open and may: decided, pinned, not
// yet opened.
type Opening struct {
	engine *Engine
	th     thread
	object object
	open   openRequest
	flags  openBits
	waits  sys.PinnedOpen // where opening blocks
	// patient says that Open may wait, mustWait that it would have had to.
	patient, mustWait bool
}

// openBits are the flags of open(2) that are not the same everywhere.
type openBits struct{ nofollow, directory uint64 }

// opening takes over the pins of m.
func (e *Engine) opening(m *making) *Opening {
	op := &Opening{engine: e, th: m.th, object: m.objects[0], open: m.request.open,
		flags: openBits{m.trap.oNofollow(), m.trap.oDirectory()}}
	m.objects[0].fd, m.objects[0].parent = -1, -1
	return op
}

// Path is the path in the tracee's root, without links and dots, by which the
// tracee itself reaches the object: with RESOLVE_NO_SYMLINKS and
// RESOLVE_NO_MAGICLINKS openat2(2) accepts it. In procfs it has the tracee's
// own number, not "self". ok is false for an object without such a name: a
// pipe, a socket, a memfd, a deleted file, something in another mount
// namespace, the target of a magic link, or something behind a directory that
// the tracee may not search.
func (o *Opening) Path() (path string, ok bool) { return o.object.reach, o.object.reach != "" }

// Flags are those of open(2) as the tracee gave them and as the kernel
// sanitises them for that call: open and openat drop unknown flags.
func (o *Opening) Flags() uint64 { return o.open.flags }

// Mode is the mode of a new file, 0 unless the flags have O_CREAT or O_TMPFILE.
func (o *Opening) Mode() uint32 { return o.open.mode }

// Resolve are the RESOLVE_* flags of openat2(2) that still matter after the
// path was resolved.
func (o *Opening) Resolve() uint64 {
	return o.open.resolve & (sys.RESOLVE_NO_XDEV | sys.RESOLVE_CACHED)
}

// Descriptor is the tracee's own descriptor through whose magic link the
// object was reached, such as /proc/self/fd/3, or -1.
func (o *Opening) Descriptor() int { return o.object.link }

// Close releases the pins. A supervisor calls it exactly once.
func (o *Opening) Close() { o.object.close() }

// Writes reports whether what is opened can be written.
func (o *Opening) Writes() bool {
	return o.open.flags&oAccmode != syscall.O_RDONLY && o.open.flags&oPath == 0
}

// Blocks reports whether an opening waits for somebody: the other end of a FIFO,
// or a device of which nothing is known.
func (o *Opening) Blocks() bool {
	if o.open.flags&(oNonblock|oPath) != 0 {
		return false
	}
	switch st := o.object.stat; fileType(st) {
	case syscall.S_IFIFO:
		return o.open.flags&oAccmode != syscall.O_RDWR
	case syscall.S_IFCHR, syscall.S_IFBLK:
		const memMajor = 1 // /dev/null and its kin
		return st.Rdev>>32 != memMajor
	}
	return false
}

// Open opens the object on behalf of the tracee, from its pins, with the
// tracee's credentials and umask, on a thread that has called Begin. The
// descriptor is close-on-exec. It does not wait for anybody: where it had to,
// MustWait is true after it.
func (o *Opening) Open() (fd int, errno syscall.Errno) {
	who := actor{id: &o.engine.identity}
	defer who.raise()
	mask := uint32(0)
	if o.open.creates() {
		if mask, errno = o.engine.resolver.umask(o.th); errno != 0 {
			return -1, errno
		}
	}
	if !who.lower() {
		return -1, syscall.EPERM
	}
	if !o.open.creates() {
		return o.openFile(0)
	}
	value, errno := who.umask(mask, func(mode uint32) (uint64, syscall.Errno) {
		fd, errno := o.openFile(mode)
		return uint64(fd), errno
	}, o.open.mode)
	return int(int64(value)), errno
}

// MustWait reports that Open has opened nothing, because it would have had to wait.
func (o *Opening) MustWait() bool { return o.mustWait }

// OpenPatiently is an Open that waits for as long as it takes.
func (o *Opening) OpenPatiently() (fd int, errno syscall.Errno) {
	o.patient, o.mustWait = true, false
	return o.Open()
}

// Interrupt makes an OpenPatiently fail with EINTR, now or when it is
// called. Any thread may call it until Close.
func (o *Opening) Interrupt() { o.waits.Interrupt() }

// openFile opens what was pinned. O_NOCTTY is added, so that no terminal
// becomes Belljar's own.
func (o *Opening) openFile(mode uint32) (int, syscall.Errno) {
	flags := o.open.flags | sys.O_NOCTTY
	obj := &o.object
	switch {
	case obj.known:
		return o.openKnown(flags, mode)
	case obj.fd < 0:
		return o.create(flags, mode)
	case flags&oTmpfileBit != 0:
		return sys.OpenPinned(obj.fd, flags, mode)
	}
	if flags&oCreat != 0 {
		if errno := o.createExisting(); errno != 0 {
			return -1, errno
		}
	}
	if flags&oPath != 0 {
		if flags&o.flags.directory != 0 && !isDir(obj.stat) {
			return -1, syscall.ENOTDIR
		}
		return sys.DupFile(obj.fd)
	}
	const ttyDevice = 5 << 32 // TTYAUX_MAJOR, minor 0: /dev/tty
	if fileType(obj.stat) == syscall.S_IFCHR && obj.stat.Rdev == ttyDevice {
		// It means the terminal of whoever opens it. What tracees open through
		// Belljar never becomes their controlling terminal.
		return -1, syscall.ENXIO
	}
	flags &^= oCreat | oExcl | o.flags.nofollow
	switch {
	case o.patient:
		return o.waits.Open(obj.fd, flags)
	case o.Blocks():
		o.mustWait = true
		return -1, syscall.EWOULDBLOCK
	case fileType(obj.stat) == syscall.S_IFREG && flags&oNonblock == 0:
		return o.openLeased(flags)
	}
	return sys.OpenPinned(obj.fd, flags, 0)
}

// openLeased opens a file without waiting until somebody gives up a lease on it,
// see F_SETLEASE in fcntl(2). No program under a supervisor can have one, see
// doors.go, but others can.
func (o *Opening) openLeased(flags uint64) (int, syscall.Errno) {
	fd, errno := sys.OpenPinned(o.object.fd, flags|oNonblock, 0)
	if errno != 0 {
		o.mustWait = errno == syscall.EWOULDBLOCK
		return fd, errno
	}
	if errno = sys.SetFlags(fd, flags); errno != 0 {
		sys.CloseFile(fd)
		return -1, errno
	}
	return fd, 0
}

// create makes the file. What somebody else puts there meanwhile has the path
// that was decided, unless it is a link.
func (o *Opening) create(flags uint64, mode uint32) (int, syscall.Errno) {
	obj := &o.object
	for range maxTries {
		fd, errno := sys.CreateFile(obj.parent, obj.name, flags|oExcl, mode, o.Resolve()|noLinks)
		if errno != syscall.EEXIST || flags&oExcl != 0 {
			return fd, errno
		}
		obj.fd, errno = sys.OpenFile2(obj.parent, obj.name, sys.O_PATH|sys.O_NOFOLLOW, o.Resolve()|noLinks)
		if errno == syscall.ENOENT {
			continue
		}
		if errno == 0 {
			obj.stat, errno = sys.StatFile(obj.fd)
		}
		if errno != 0 {
			return -1, errno
		}
		if isLink(obj.stat) {
			return -1, syscall.ELOOP
		}
		return o.openFile(mode)
	}
	return -1, syscall.EAGAIN
}

// maxTries is how often a file may come and go while it is opened.
const maxTries = 32

// createExisting is what do_open of the kernel checks where O_CREAT meets an
// object that exists.
func (o *Opening) createExisting() syscall.Errno {
	switch {
	case o.open.flags&oExcl != 0:
		return syscall.EEXIST
	case isDir(o.object.stat):
		return syscall.EISDIR
	case isLink(o.object.stat):
		return syscall.ELOOP // O_NOFOLLOW
	}
	return o.sticky()
}

// sticky is may_create_in_sticky: fs.protected_fifos and fs.protected_regular
// forbid to open with O_CREAT what somebody else has put into a directory that
// everybody may write to.
func (o *Opening) sticky() syscall.Errno {
	level := 0
	switch fileType(o.object.stat) {
	case syscall.S_IFREG:
		level = protectedRegular()
	case syscall.S_IFIFO:
		level = protectedFifos()
	}
	if level == 0 || o.object.parent < 0 {
		return 0
	}
	dir, errno := sys.StatFile(o.object.parent)
	if errno != 0 {
		return errno
	}
	return refuseSticky(level, dir, o.object.stat, o.engine.identity.uid)
}

func refuseSticky(level int, dir, file sys.FileStat, uid uint32) syscall.Errno {
	const sticky, otherWrite, groupWrite = 0o1000, 0o002, 0o020
	if dir.Mode&sticky == 0 || file.UID == dir.UID || file.UID == uid {
		return 0
	}
	if dir.Mode&otherWrite != 0 || level >= 2 && dir.Mode&groupWrite != 0 {
		return syscall.EACCES
	}
	return 0
}

// umask is a thread's, which only procfs tells.
func (r *resolver) umask(th thread) (uint32, syscall.Errno) {
	text, errno := readSmall(sys.AT_FDCWD, r.proc.Path(th.tid, "status"))
	if errno != 0 {
		return 0, gone(errno)
	}
	return parseUmask(text)
}

func parseUmask(status []byte) (uint32, syscall.Errno) {
	value, ok := field(status, "\nUmask:")
	mask, err := strconv.ParseUint(value, 8, 32)
	if !ok || err != nil {
		return 0, syscall.ESRCH // a zombie has none
	}
	return uint32(mask), 0
}
