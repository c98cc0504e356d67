package supervise

import (
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// noLinks makes openat2 answer ELOOP at every link, so that a path which it
// accepts is its own canonical form.
const noLinks = sys.RESOLVE_NO_SYMLINKS | sys.RESOLVE_NO_MAGICLINKS

// direct resolves a clean path with one openat2 that accepts no link. Where
// there is one, it leaves the path to walk: done is false.
func (v *view) direct(start int, p *pathRequest) (o object, done bool) {
	resolve := p.resolve&sys.RESOLVE_NO_XDEV | noLinks
	rel := strings.TrimPrefix(p.path, "/")
	o = object{fd: -1, parent: -1, link: -1}
	var errno syscall.Errno
	if p.last == entry || p.create {
		dir, base := splitLast(rel)
		o.parent, errno = sys.OpenFile2(start, dir, sys.O_PATH|sys.O_DIRECTORY, resolve)
		if errno == 0 {
			o.name = base
			o.fd, errno = sys.OpenFile2(o.parent, base, sys.O_PATH|sys.O_NOFOLLOW, resolve)
		}
		if o.parent >= 0 && (errno == syscall.ENOENT || p.last == entry && isFree(errno)) {
			o.kind, o.fd, errno = objMissing, -1, 0
		}
	} else {
		o.fd, errno = sys.OpenFile2(start, rel, sys.O_PATH|sys.O_NOFOLLOW, resolve)
	}
	if errno == 0 && o.fd >= 0 {
		o.stat, errno = sys.StatFile(o.fd)
	}
	if errno != 0 {
		o.close()
		// Without a link on the way the path is its own canonical form.
		if errno == syscall.ELOOP || hasNumber(p.path) && v.inProcfs(start, rel) {
			return o, false
		}
		o = failed(v.absolute(start, p.path), errno)
		o.direct = p.path[0] == '/'
		return o, true
	}
	if p.last == follow && o.fd >= 0 && isLink(o.stat) {
		o.close()
		return o, false
	}
	if p.path[0] != '/' {
		return v.named(o), true
	}
	if o.kind == objNone {
		o.kind = objFile
	}
	o.path, o.reach = v.selfName(p.path, &o), p.path
	o.direct = true
	return o, true
}

// inProcfs reports whether what a path without links leads to is, or may be, in
// procfs, where numbers are those of processes.
func (v *view) inProcfs(start int, rel string) bool {
	dir, _ := splitLast(rel)
	fd, errno := sys.OpenFile2(start, dir, sys.O_PATH|sys.O_DIRECTORY, noLinks)
	if errno != 0 {
		return true
	}
	defer sys.CloseFile(fd)
	return sys.IsProcfs(fd)
}

// absolute is the canonical form of a clean path.
func (v *view) absolute(start int, path string) string {
	if path[0] == '/' {
		return path
	}
	dir, kind, _ := v.canonical(start)
	if kind == objNone {
		return ""
	}
	return join(dir, path)
}

// isClean reports whether a path has no empty component, no dot components
// and no slash at its end.
func isClean(path string) bool {
	rest := strings.TrimPrefix(path, "/")
	for more := true; more; {
		var c string
		c, rest, more = strings.Cut(rest, "/")
		if c == "" || c == "." || c == ".." {
			return false
		}
	}
	return true
}

func splitLast(rel string) (dir, base string) {
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		return rel[:i], rel[i+1:]
	}
	return ".", rel
}
