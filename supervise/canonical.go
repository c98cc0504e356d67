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
	path, kind, errno := v.canonical(pin)
	if errno != 0 {
		o.close()
		return failed("", errno)
	}
	if o.parent >= 0 {
		path = v.selfName(join(path, o.name), &o)
	}
	if o.kind != objMissing || kind != objFile {
		o.kind = kind
	}
	o.path = path
	return o
}

// unreachable begins the path of an object that has none in the tracee's root,
// as getcwd(2) of the kernel spells it. No rule matches it.
const unreachable = "(unreachable)"

const deletedSuffix = " (deleted)"

// canonical is the path of an O_PATH descriptor in the tracee's view.
func (v *view) canonical(fd int) (string, objectKind, syscall.Errno) {
	text, errno := fdPath(fd)
	if errno != 0 {
		return "", objNone, errno
	}
	if text == "" || text[0] != '/' {
		return text, objAnonymous, 0 // "pipe:[42]", "anon_inode:[eventfd]"
	}
	if v.rootPath == "" {
		if v.rootPath, errno = fdPath(v.root); errno != 0 {
			return "", objNone, errno
		}
	}
	path, ok := below(v.rootPath, text)
	if !ok || v.foreign {
		return unreachable + text, objOutside, 0
	}
	if v.trusted {
		return v.selfName(path, &object{fd: fd}), objFile, 0
	}
	kind := v.verify(fd, path)
	switch kind {
	case objFile:
		path = v.selfName(path, &object{fd: fd})
	case objDeleted:
		path = strings.TrimSuffix(path, deletedSuffix)
	case objAnonymous:
		path = path[1:] // "memfd:NAME (deleted)"
	case objOutside:
		path = unreachable + text
	}
	return path, kind, 0
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

// verify says whether the object behind fd is what the tracee reaches by path.
// The kernel's name alone does not tell: a descriptor from outside the
// tracee's mount namespace has a name in that other one.
func (v *view) verify(fd int, path string) objectKind {
	want, errno := sys.StatFile(fd)
	if errno != 0 {
		return objOutside
	}
	got, errno := v.statPath(path, 0)
	if errno == 0 && sameFile(got, want) {
		return objFile
	}
	if errno == syscall.EACCES && v.sameMounts() {
		return objFile // the supervisor may not look, but the name is of this tree
	}
	name, deleted := strings.CutSuffix(path, deletedSuffix)
	if !deleted {
		return objOutside
	}
	dir, _ := splitLast(strings.TrimPrefix(name, "/"))
	if at, errno := v.statPath(dir, sys.O_DIRECTORY); errno == 0 && at.Mount == want.Mount {
		return objDeleted
	}
	if strings.HasPrefix(name, "/memfd:") {
		return objAnonymous
	}
	return objOutside
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
