package supervise

import (
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// maxLinks is how many symlinks the kernel follows in one path (MAXSYMLINKS).
const maxLinks = 40

// errRuleEnd ends the walk of a rule's path at a link that means something
// else for each process. It is no errno of the kernel.
const errRuleEnd = syscall.Errno(4095)

// follow is step_into and pick_link for a symlink that was opened as fd.
func (w *walker) follow(comp string, fd int, st sys.FileStat) syscall.Errno {
	if w.links++; w.links > maxLinks || w.p.resolve&sys.RESOLVE_NO_SYMLINKS != 0 {
		return syscall.ELOOP
	}
	if w.who != nil {
		if errno := refuseLink(w.curStat, st, w.who.id.uid); errno != 0 {
			return errno
		}
	}
	w.own = object{}
	target, magic, errno := w.target(comp, fd)
	if errno != 0 {
		return errno
	}
	if magic {
		return w.jump(comp)
	}
	if target == "" {
		return syscall.ENOENT
	}
	w.rest = target + w.rest
	if target[0] != '/' {
		return 0
	}
	if w.p.resolve&sys.RESOLVE_BENEATH != 0 {
		return syscall.EXDEV
	}
	if w.p.resolve&sys.RESOLVE_NO_XDEV != 0 && w.curStat.Mount != w.boundStat.Mount {
		return syscall.EXDEV
	}
	w.drop()
	w.cur, w.curStat, w.borrowed = w.bound, w.boundStat, true
	if w.bound == w.root {
		w.trusted = true
	}
	return 0
}

// target reads a symlink, or says that it is a magic one. Procfs computes the
// texts of "self" and "thread-self" for whoever reads them, which is us.
func (w *walker) target(comp string, fd int) (text string, magic bool, errno syscall.Errno) {
	if sys.IsProcfs(fd) {
		w.loose = true // it has another text for each reader
		if (comp == "self" || comp == "thread-self") && isProcRoot(w.cur, w.curStat) {
			if w.rule {
				return "", false, errRuleEnd
			}
			text, errno = w.selfTarget(comp)
			return text, false, errno
		}
		probe, errno := sys.OpenFile2(w.cur, comp, sys.O_PATH, sys.RESOLVE_NO_MAGICLINKS)
		if errno == 0 {
			sys.CloseFile(probe)
		}
		if magic = errno == syscall.ELOOP; magic && w.rule {
			return "", false, errRuleEnd
		}
		if magic {
			return "", true, 0
		}
	}
	text, errno = readLink(fd, "")
	return text, false, errno
}

// jump is nd_jump_link: cur becomes what a magic link refers to, whatever its
// text says.
func (w *walker) jump(comp string) syscall.Errno {
	switch {
	case w.p.resolve&(sys.RESOLVE_IN_ROOT|sys.RESOLVE_BENEATH) != 0:
		return syscall.EXDEV
	case w.p.resolve&sys.RESOLVE_NO_MAGICLINKS != 0:
		return syscall.ELOOP
	}
	fd, errno := sys.OpenFile2(w.cur, comp, sys.O_PATH, w.p.resolve&sys.RESOLVE_NO_XDEV)
	if errno == syscall.EACCES && w.isOwn(w.cur) {
		// A thread may always follow its own links, and Belljar those of any
		// tracee, but not with the rights of one that is not dumpable.
		end := w.who.raised()
		fd, errno = sys.OpenFile2(w.cur, comp, sys.O_PATH, w.p.resolve&sys.RESOLVE_NO_XDEV)
		end()
	}
	if errno != 0 {
		return errno
	}
	own := w.magicLink(comp, fd)
	w.trusted = false
	if errno := w.enter(fd); errno != 0 {
		return errno
	}
	w.own = own
	return 0
}
