package ptrace

import (
	"strconv"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/syscalls"
)

// hostProc is the procfs in which tracees have the numbers that wait4 reports.
const hostProc = proc.FS("")

// What may change under a call while it is decided depends on who else is
// there. This file answers that.

// alone reports whether nothing can change the memory, the descriptors or the
// working directory of the one task that is stopped: no other runs, and the
// program has no memory in common with anybody and none that the kernel fills
// behind its back. A task counts until it is reaped: after PTRACE_EVENT_EXIT the
// kernel still writes where set_tid_address(2) and set_robust_list(2) say.
func (t *Tracer) alone() bool { return !company || t.cfg.Quiet && len(t.tasks) == 1 }

// company is switched off by a test that shows what looking for it is good for.
var company = true

// shared reports whether another task has the same of a kind as tid. A task
// that is stopped cannot begin to share. Where the kernel cannot tell, every
// other task does.
func (t *Tracer) shared(tid, what int) bool {
	for other := range t.tasks {
		if other == tid {
			continue
		}
		if same, err := sys.Shares(tid, other, what); err != nil && err != syscall.ESRCH || same {
			return true
		}
	}
	return false
}

// ownsMemory reports whether no other task runs in the memory of k's process.
func (t *Tracer) ownsMemory(tid int, k *task) bool {
	return k.proc.threads == 1 && !k.proc.borrowed && !t.shared(tid, sys.ShareMemory)
}

// fromDirectory splits a canonical path into the directory that the task's own
// call named, or its working directory, and the rest; ok is false where the
// path is not below that, or where somebody could change what the task's
// descriptor or working directory is. The directory itself may be moved: what
// is in it is what was decided all the same.
func (t *Tracer) fromDirectory(tid int, path string) (dir int, rest string, ok bool) {
	nr, args, err := sys.CurrentCall(tid)
	if err != nil {
		return 0, "", false
	}
	dir, link, what := sys.AT_FDCWD, "cwd", sys.ShareFS
	if hasDirectory(t.cfg.Table, nr) && int32(args[0]) != sys.AT_FDCWD {
		dir = int(int32(args[0]))
		link, what = "fd/"+strconv.Itoa(dir), sys.ShareFiles
	}
	if t.shared(tid, what) {
		return 0, "", false
	}
	root, err1 := hostProc.Link(tid, "root")
	base, err2 := hostProc.Link(tid, link)
	if err1 != nil || err2 != nil {
		return 0, "", false
	}
	base = strings.TrimSuffix(base, "/") + "/"
	rest, ok = strings.CutPrefix(strings.TrimSuffix(root, "/")+path, base)
	return dir, rest, ok && rest != ""
}

// isExecutable reports whether a canonical path is that of the program which
// the task runs. Only another exec changes what that is.
func isExecutable(tid int, path string) bool {
	root, err1 := hostProc.Link(tid, "root")
	exe, err2 := hostProc.Link(tid, "exe")
	return err1 == nil && err2 == nil && exe == strings.TrimSuffix(root, "/")+path
}

// hasDirectory reports whether a call that opens has a directory in its first
// argument and the path in its second.
func hasDirectory(table *syscalls.Table, nr int) bool {
	name := table.Name(nr)
	return name == "openat" || name == "openat2"
}

// mayCopy says whether a copy of the task's descriptor can stand for opening
// its file anew with these flags, and what else the answer is.
func mayCopy(tid, fd int, flags uint64) syscall.Errno {
	text, err := hostProc.Link(tid, "fd/"+strconv.Itoa(fd))
	switch {
	case err != nil:
		return syscall.EBADF
	case strings.HasPrefix(text, "socket:"):
		return syscall.ENXIO // as for every socket
	}
	has, err := hostProc.DescriptorFlags(tid, fd)
	const mode = syscall.O_ACCMODE | syscall.O_APPEND
	if err != nil || has&sys.O_PATH != 0 || has&syscall.O_ACCMODE != syscall.O_RDWR && has&mode != flags&mode {
		return syscall.EACCES
	}
	return 0
}
