package supervise

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// numbers are a thread's IDs as one procfs counts them; zero means that the
// thread is not in that procfs.
type numbers struct{ tgid, tid int }

// procRootIno is PROC_ROOT_INO, the inode of every procfs's root.
const procRootIno = 1

func isProcRoot(fd int, st sys.FileStat) bool {
	return st.Ino == procRootIno && sys.IsProcfs(fd)
}

// selfTarget is what "self" and "thread-self" in a procfs's root mean for the
// tracee.
func (w *walker) selfTarget(link string) (string, syscall.Errno) {
	return w.selfText(w.cur, w.curStat.Dev, link)
}

// selfText is selfTarget for the procfs whose root is open as root.
func (v *view) selfText(root int, dev uint64, link string) (string, syscall.Errno) {
	own := v.ownNumbers(root, dev)
	if own.tgid == 0 {
		return "", syscall.ENOENT
	}
	text := strconv.Itoa(own.tgid)
	if link == "thread-self" {
		text += "/task/" + strconv.Itoa(own.tid)
	}
	return text, 0
}

// ownNumbers finds the thread in a procfs, which may be of any PID namespace
// that the thread is in. The kernel tells us the thread's numbers in all of
// them. The right one leads, in that procfs, to a process with the same
// numbers further inwards and the same innermost namespace. In Belljar's own
// procfs they are those that Belljar knows.
func (v *view) ownNumbers(root int, dev uint64) numbers {
	if v.procDev == dev || v.th.tid == 0 {
		return v.own
	}
	v.procDev, v.own = dev, numbers{}
	if v.r.isHost(dev) {
		v.own = numbers{v.th.pid, v.th.tid}
		return v.own
	}
	defer v.who.raised()()
	status, err := v.r.proc.Status(v.th.tid)
	if err != nil || len(status.NStgid) == 0 || len(status.NSpid) != len(status.NStgid) {
		return v.own
	}
	space, errno := readLink(sys.AT_FDCWD, v.r.proc.Path(v.th.tid, "ns/pid"))
	if errno != 0 {
		return v.own
	}
	for i, tgid := range status.NStgid {
		n := strconv.Itoa(tgid)
		there, ok := statusAt(root, n)
		if !ok || !slices.Equal(there.NStgid, status.NStgid[i:]) {
			continue
		}
		if s, errno := readLink(root, n+"/ns/pid"); errno == 0 && s == space {
			v.own = numbers{tgid, status.NSpid[i]}
			break
		}
	}
	return v.own
}

// isHost reports whether the procfs on this device is Belljar's own: each has a
// device of its own, which nothing else gets while it is mounted.
func (r *resolver) isHost(dev uint64) bool {
	st, errno := sys.StatAt(sys.AT_FDCWD, r.proc.Root())
	return errno == 0 && st.Dev == dev && st.Ino == procRootIno
}

func statusAt(root int, pid string) (proc.Status, bool) {
	text, errno := readSmall(root, pid+"/status")
	if errno != 0 {
		return proc.Status{}, false
	}
	s, err := proc.ParseStatus(text)
	return s, err == nil
}

// readSmall reads a file of procfs that is shorter than a page or two.
func readSmall(dir int, path string) ([]byte, syscall.Errno) {
	fd, errno := sys.OpenFile(dir, path, sys.O_RDONLY)
	if errno != 0 {
		return nil, errno
	}
	defer sys.CloseFile(fd)
	buf := make([]byte, 2*pageSize)
	n := 0
	for n < len(buf) {
		got, errno := sys.ReadFile(fd, buf[n:])
		if errno != 0 {
			return nil, errno
		}
		if got == 0 {
			break
		}
		n += got
	}
	return buf[:n], 0
}

// hasNumber reports whether some component of path is a number, so that it may
// name a process.
func hasNumber(path string) bool {
	for i := 0; i < len(path); i++ {
		if path[i] == '/' || i == 0 {
			if end := numberEnd(path, i); end > 0 {
				return true
			}
		}
	}
	return false
}

// numberEnd returns where the component that follows the slash at i ends, if
// it is a number; else 0.
func numberEnd(path string, i int) int {
	if path[i] == '/' {
		i++
	}
	start := i
	for i < len(path) && '0' <= path[i] && path[i] <= '9' {
		i++
	}
	if i == start || i < len(path) && path[i] != '/' {
		return 0
	}
	return i
}

// selfName spells the tracee's own process "self" in the path of an object on
// a procfs, and a thread of it "self/task/N". Rules can then name
// /proc/self/maps. Other processes keep their numbers.
func (v *view) selfName(path string, o *object) string {
	if v.rule || !hasNumber(path) {
		return path
	}
	pin := o.fd
	if pin < 0 {
		pin = o.parent
	}
	if !sys.IsProcfs(pin) {
		return path
	}
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		end := numberEnd(path, i)
		if end == 0 {
			continue
		}
		if own, ok := v.ownName(path[:i], path[i+1:end]); ok {
			return path[:i+1] + own + path[end:]
		}
	}
	return path
}

// ownName is the name of process n in the procfs mounted at root, if it is the
// tracee's own or one of its threads.
func (v *view) ownName(root, n string) (string, bool) {
	fd, st, ok := v.openProcRoot(root)
	if !ok {
		return "", false
	}
	defer sys.CloseFile(fd)
	own := v.ownNumbers(fd, st.Dev)
	if own.tgid != 0 && n == strconv.Itoa(own.tgid) {
		return "self", true
	}
	there, ok := statusAt(fd, n)
	if ok && there.Tgid == own.tgid {
		return "self/task/" + n, true
	}
	v.hidden = v.hidden || ok && isOurs(fd, there.Tgid)
	return "", false
}

// isOurs reports whether a process of a procfs is Belljar itself. What the
// kernel shows of a process it shows to the process's own threads, so Belljar
// must not look there in the place of a tracee.
func isOurs(root, tgid int) bool {
	self, errno := readLink(root, "self") // none if it is not in this procfs
	return errno == 0 && self == strconv.Itoa(tgid)
}

func (v *view) openProcRoot(path string) (int, sys.FileStat, bool) {
	rel := strings.TrimPrefix(path, "/")
	if rel == "" {
		rel = "."
	}
	fd, errno := sys.OpenFile2(v.root, rel, sys.O_PATH|sys.O_DIRECTORY, noLinks)
	if errno != 0 {
		return -1, sys.FileStat{}, false
	}
	st, errno := sys.StatFile(fd)
	if errno != 0 || !isProcRoot(fd, st) {
		sys.CloseFile(fd)
		return -1, st, false
	}
	return fd, st, true
}

// magicLink describes the magic link comp in cur, through which target was
// opened: its path, whether it is one of the tracee's own descriptors, and
// what that descriptor lets it do.
func (w *walker) magicLink(comp string, target int) object {
	dir, kind, errno := w.canonical(w.cur)
	if errno != 0 || kind != objFile {
		return object{}
	}
	o := object{path: join(dir, comp), own: w.ownDescriptors(dir), link: -1}
	if o.own {
		at := object{fd: target}
		at.stat, _ = sys.StatFile(target)
		if n, err := strconv.ParseInt(comp, 10, 32); err == nil {
			o.link = int(n)
		}
		defer w.who.raised()()
		o.held = heldBy(w.cur, "../fdinfo/"+comp, &at)
	}
	return o
}

// isOwn reports whether a directory is of the tracee's own process in procfs.
func (v *view) isOwn(dir int) bool {
	path, kind, errno := v.canonical(dir)
	return errno == 0 && kind == objFile && (strings.Contains(path, "/self/") || strings.HasSuffix(path, "/self")) &&
		sys.IsProcfs(dir)
}

// ownDescriptors reports whether a canonical path is the tracee's own list of
// descriptors: PROC/self/fd or PROC/self/task/N/fd.
func (v *view) ownDescriptors(dir string) bool {
	i := strings.LastIndex(dir, "/self/")
	if i < 0 {
		return false
	}
	rest := dir[i+len("/self/"):]
	if task, ok := strings.CutPrefix(rest, "task/"); ok {
		_, rest, _ = strings.Cut(task, "/")
	}
	if rest != "fd" {
		return false
	}
	fd, _, ok := v.openProcRoot(dir[:i])
	if ok {
		sys.CloseFile(fd)
	}
	return ok
}

// heldBy is what a descriptor of the tracee lets it do to its object, so that
// opening the same object again gives nothing new. fdinfo is the descriptor's
// file in procfs, relative to dir.
func heldBy(dir int, fdinfo string, o *object) policy.Access {
	switch {
	case isTerminal(o.stat), fileType(o.stat) == syscall.S_IFSOCK, o.stat.Mode&syscall.S_IFMT == 0:
		return stat | read | write
	case fileType(o.stat) == syscall.S_IFCHR, fileType(o.stat) == syscall.S_IFBLK:
		return stat // to open a device again may mean another device
	}
	text, errno := readSmall(dir, fdinfo)
	_, after, ok := bytes.Cut(text, []byte("flags:\t"))
	if errno != 0 || !ok {
		return stat
	}
	line, _, _ := bytes.Cut(after, []byte("\n"))
	flags, err := strconv.ParseUint(string(line), 8, 64)
	if err != nil {
		return stat
	}
	if fileType(o.stat) != syscall.S_IFREG {
		flags &^= syscall.O_APPEND
	}
	return heldFlags(flags)
}

// heldFlags is what a descriptor with these flags of open(2) is good for.
func heldFlags(flags uint64) policy.Access {
	held := stat
	if flags&oPath != 0 {
		return held
	}
	if mode := flags & oAccmode; mode == syscall.O_RDONLY || mode == syscall.O_RDWR {
		held |= read
	}
	// A descriptor that can only append is less than one that can write.
	if mode := flags & oAccmode; (mode == syscall.O_WRONLY || mode == syscall.O_RDWR) && flags&syscall.O_APPEND == 0 {
		held |= write
	}
	return held
}

// isTerminal reports whether a file is a tty: TTY_MAJOR, TTYAUX_MAJOR and the
// majors of pseudo terminals in linux/major.h.
func isTerminal(st sys.FileStat) bool {
	major := st.Rdev >> 32
	return fileType(st) == syscall.S_IFCHR && (major == 4 || major == 5 || 136 <= major && major <= 143)
}
