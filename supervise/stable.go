package supervise

import (
	"bytes"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// steady remembers which directories no tracee of a run can change: a path is
// true if every directory from the root down to it belongs to root and is
// writable by nobody else. Only root could make it false, and no tracee that
// asks is root.
type steady struct {
	mu  sync.RWMutex
	dir map[string]bool
}

// maxSteady bounds the memory, which is emptied when it is full.
const maxSteady = 4096

// stable reports whether all directories on the way to an object that was
// reached by a clean path are beyond the tracee's reach.
func (e *Engine) stable(o *object, th thread) bool {
	if e.identity.uid == 0 || o.reach == "" {
		return false
	}
	dir, _ := splitLast(o.reach[1:])
	if dir == "." {
		dir = ""
	}
	if known, ok := e.steady.known(dir); ok {
		return known
	}
	root, _, errno := e.resolver.runRoot(th)
	return errno == 0 && e.steady.look(root, dir)
}

func (s *steady) known(dir string) (stable, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	stable, ok = s.dir[dir]
	return stable, ok
}

// look finds out about dir, a path below root without a slash at its start,
// from the root down: a directory is looked at only where nobody could have
// changed what its name means.
func (s *steady) look(root int, dir string) bool {
	if stable, ok := s.known(dir); ok {
		return stable
	}
	stable := dir == ""
	if !stable {
		parent, _ := splitLast(dir)
		if parent == "." {
			parent = ""
		}
		stable = s.look(root, parent)
	}
	if stable {
		st, errno := sys.StatAt(root, dir)
		stable = errno == 0 && isDir(st) && st.UID == 0 && st.Mode&0o022 == 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == nil || len(s.dir) >= maxSteady {
		s.dir = make(map[string]bool)
	}
	s.dir[dir] = stable
	return stable
}

// The kernel's protections of sticky directories (proc_sys_fs(5)). They are
// read once: an administrator changes them when the system starts.
var (
	protectedRegular  = protection("fs/protected_regular")
	protectedFifos    = protection("fs/protected_fifos")
	protectedSymlinks = protection("fs/protected_symlinks")
)

// protection reads a switch once. Where that cannot be read it counts as on.
func protection(name string) func() int {
	return sync.OnceValue(func() int {
		if n, ok := sysctl(name); ok {
			return n
		}
		return 1
	})
}

// sysctl reads a number below /proc/sys.
func sysctl(name string) (int, bool) {
	text, err := os.ReadFile("/proc/sys/" + name)
	n, err2 := strconv.Atoi(strings.TrimSpace(string(text)))
	return n, err == nil && err2 == nil
}

// field is the value that follows key in a file of procfs, up to the line's
// end.
func field(text []byte, key string) (string, bool) {
	_, after, ok := bytes.Cut(text, []byte(key))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	return string(bytes.TrimSpace(line)), ok
}

// refuseLink is may_follow_link: fs.protected_symlinks forbids to follow a
// link that somebody else has put into a sticky directory that everybody may
// write to.
func refuseLink(dir, link sys.FileStat, uid uint32) syscall.Errno {
	const stickyWritable = 0o1002
	if protectedSymlinks() == 0 || link.UID == uid || dir.UID == link.UID || dir.Mode&stickyWritable != stickyWritable {
		return 0
	}
	return syscall.EACCES
}
