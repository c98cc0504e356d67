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

// steady remembers what directories are, for one run.
type steady struct {
	mu  sync.RWMutex
	dir map[string]way // by the path below the root, without a slash at its start
}

// way is what is known of the directories from the root down to one.
type way struct {
	// steady: no tracee can change any of them, since each belongs to root and
	// is writable by nobody else. Only root could make that false, and no tracee
	// that asks is root.
	steady bool
	plain  bool // the last is there, and not in procfs
}

// maxSteady bounds the memory, which is emptied when it is full.
const maxSteady = 4096

// firm reports whether nobody but root can change what the names in a directory
// mean.
func firm(dir sys.FileStat) bool { return isDir(dir) && dir.UID == 0 && dir.Mode&0o022 == 0 }

// way finds out about the directories on the way to a clean path.
func (e *Engine) way(path string, th thread, who *actor) way {
	dir := parentOf(path)
	if w, ok := e.steady.known(dir); ok {
		return w
	}
	who.raise()
	root, _, errno := e.resolver.runRoot(th)
	if errno != 0 {
		return way{}
	}
	return e.steady.look(root, e.resolver.firm, dir)
}

// parentOf is the directory of an absolute path, without a slash at its start.
func parentOf(path string) string {
	dir, _ := splitLast(path[1:])
	if dir == "." {
		return ""
	}
	return dir
}

func (s *steady) known(dir string) (w way, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	w, ok = s.dir[dir]
	return w, ok
}

// look finds out about dir from the root down, which is firm or not: a directory
// counts as steady only where nobody could have changed what its name means.
func (s *steady) look(root int, firmRoot bool, dir string) way {
	if w, ok := s.known(dir); ok {
		return w
	}
	w := way{steady: firmRoot, plain: true}
	if dir != "" {
		w.steady = s.look(root, firmRoot, parentOf("/"+dir)).steady
		fd, errno := sys.OpenFile2(root, dir, sys.O_PATH|sys.O_DIRECTORY, noLinks)
		w.plain = errno == 0 && !sys.IsProcfs(fd)
		var st sys.FileStat
		if errno == 0 {
			st, errno = sys.StatFile(fd)
			sys.CloseFile(fd)
		}
		w.steady = w.steady && w.plain && errno == 0 && firm(st)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dir == nil || len(s.dir) >= maxSteady {
		s.dir = make(map[string]way)
	}
	s.dir[dir] = w
	return w
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
