package supervise

import (
	"strconv"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// named fills in an object's kind and path. The path is the kernel's own name
// of what was pinned, at this moment: a name put together from the components
// of the walk would be wrong when a directory moved meanwhile.
func (v *view) named(o object) object {
	if o.fd >= 0 && o.stat == (sys.FileStat{}) {
		var errno syscall.Errno
		if o.stat, errno = sys.StatFile(o.fd); errno != 0 {
			o.close()
			return failed("", errno)
		}
	}
	pin := o.fd
	if o.parent >= 0 {
		pin = o.parent
	}
	at, errno := v.place(pin)
	if errno != 0 {
		o.close()
		return failed("", errno)
	}
	if o.parent >= 0 {
		at.path = v.selfName(join(at.path, o.name), &o)
		if at.reach != "" {
			at.reach = join(at.reach, o.name)
		}
	}
	if o.kind != objMissing || at.kind != objFile {
		o.kind = at.kind
	}
	o.path, o.reach = at.path, at.reach
	return o
}

// unreachable begins the path of an object that has none in the tracee's root,
// as getcwd(2) of the kernel spells it. No rule matches it.
const unreachable = "(unreachable)"

const deletedSuffix = " (deleted)"

// place is where an O_PATH descriptor's object is, in the tracee's view.
type place struct {
	path  string
	reach string // see object.reach
	kind  objectKind
}

// canonical is the path of an O_PATH descriptor in the tracee's view.
func (v *view) canonical(fd int) (string, objectKind, syscall.Errno) {
	at, errno := v.place(fd)
	return at.path, at.kind, errno
}

func (v *view) place(fd int) (place, syscall.Errno) {
	text, errno := fdPath(fd)
	if errno != 0 {
		return place{}, errno
	}
	if text == "" || text[0] != '/' {
		return place{path: text, kind: objAnonymous}, 0 // "pipe:[42]", "anon_inode:[eventfd]"
	}
	if v.rootPath == "" {
		if v.rootPath, errno = fdPath(v.root); errno != 0 {
			return place{}, errno
		}
	}
	path, ok := below(v.rootPath, text)
	if !ok || v.foreign {
		return place{path: unreachable + text, kind: objOutside}, 0
	}
	at := place{path: path, reach: path, kind: objFile}
	if !v.trusted {
		var reached bool
		if at.kind, reached, errno = v.verify(fd, path); errno != 0 {
			return place{}, errno
		}
		if !reached {
			at.reach = ""
		}
	}
	switch at.kind {
	case objFile:
		at.path = v.selfName(path, &object{fd: fd})
	case objMasked:
		at.kind, at.path = objFile, strings.TrimSuffix(path, deletedSuffix)
	case objDeleted:
		at.path = strings.TrimSuffix(path, deletedSuffix)
	case objAnonymous:
		at.path = path[1:] // "memfd:NAME (deleted)"
	case objOutside:
		at.path = unreachable + text
	}
	return at, 0
}

// below is path as seen from root, where it lies below that.
func below(root, path string) (string, bool) {
	if root == "/" {
		return path, true
	}
	if path == root {
		return "/", true
	}
	rest, ok := strings.CutPrefix(path, root)
	return rest, ok && rest[0] == '/'
}

// verify says whether the object behind fd is what the tracee reaches by path,
// and whether it may itself go there. The kernel's name alone does not tell: a
// descriptor from outside the tracee's mount namespace has a name in that other
// one.
func (v *view) verify(fd int, path string) (kind objectKind, reached bool, errno syscall.Errno) {
	want, errno := sys.StatFile(fd)
	if errno != 0 {
		return objNone, false, errno
	}
	got, errno := v.statPath(path, 0)
	if isShort(errno) {
		return objNone, false, errno
	}
	if errno == 0 && sameFile(got, want) {
		return objFile, true, 0
	}
	defer v.who.raised()()
	if errno == syscall.EACCES {
		if got, errno = v.statPath(path, 0); errno == 0 && sameFile(got, want) {
			return objFile, false, 0
		}
	}
	if errno == syscall.EACCES && v.sameMounts() {
		return objFile, false, 0 // the supervisor may not look, but the name is of this tree
	}
	name, deleted := strings.CutSuffix(path, deletedSuffix)
	if !deleted {
		return objOutside, false, 0
	}
	if got, errno := v.statPath(name, 0); errno == 0 && sameFile(got, want) && got.Mount == want.Mount {
		return objMasked, false, 0
	}
	dir, _ := splitLast(strings.TrimPrefix(name, "/"))
	if at, errno := v.statPath(dir, sys.O_DIRECTORY); errno == 0 && at.Mount == want.Mount {
		return objDeleted, false, 0
	}
	if strings.HasPrefix(name, "/memfd:") {
		return objAnonymous, false, 0
	}
	return objOutside, false, 0
}

// isShort reports whether an error is Belljar's own want of something, which
// says nothing about the object.
func isShort(errno syscall.Errno) bool {
	return errno == syscall.EMFILE || errno == syscall.ENFILE || errno == syscall.ENOMEM
}

// statPath describes what a path without links leads to from the root.
func (v *view) statPath(path string, flags uint64) (sys.FileStat, syscall.Errno) {
	rel := strings.TrimPrefix(path, "/")
	if rel == "" {
		rel = "."
	}
	fd, errno := sys.OpenFile2(v.root, rel, sys.O_PATH|sys.O_NOFOLLOW|flags, noLinks)
	if errno != 0 {
		return sys.FileStat{}, errno
	}
	defer sys.CloseFile(fd)
	return sys.StatFile(fd)
}

// sameMounts reports whether the tracee is in the supervisor's mount namespace.
func (v *view) sameMounts() bool {
	theirs, errno := readLink(sys.AT_FDCWD, v.r.proc.Path(v.th.tid, "ns/mnt"))
	ours, errno2 := readLink(sys.AT_FDCWD, "/proc/thread-self/ns/mnt")
	return errno == 0 && errno2 == 0 && theirs == ours
}

// fdPath is the kernel's name of one of our descriptors, below our root or
// else below the root of the mount namespace that it is from.
func fdPath(fd int) (string, syscall.Errno) {
	return readLink(sys.AT_FDCWD, "/proc/thread-self/fd/"+strconv.Itoa(fd))
}

// readLink returns a symlink's text, which is shorter than PATH_MAX: file
// systems refuse longer ones, and procfs answers ENAMETOOLONG.
func readLink(dir int, path string) (string, syscall.Errno) {
	var buf [pathMax]byte
	n, errno := sys.ReadLink(dir, path, buf[:])
	return string(buf[:n]), errno
}
