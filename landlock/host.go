package landlock

import (
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// Names lists a directory of this host, for [Options.List].
func Names(dir string) ([]string, bool) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, os.IsNotExist(err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	return names, err == nil
}

// Canonical is the path that this host's kernel would reach, for
// [Options.Canon]; what does not exist counts from what does. Paths of
// procfs stay as they are, since they mean something else to each process.
func Canonical(name string) string {
	for dir, rest := path.Clean(name), ""; ; dir, rest = path.Dir(dir), path.Join(path.Base(dir), rest) {
		if within(dir, "/proc") {
			return name
		}
		if reached, err := filepath.EvalSymlinks(dir); err == nil {
			return path.Join(reached, rest)
		}
		if dir == "/" {
			return name
		}
	}
}

// Held returns rules for the files behind descriptors that become a program's
// 0, 1, 2 and so on: what each lets the program do to its file already, it may
// do through /proc/self/fd as well. Pipes and the like need no rule.
func Held(fds []int) []FileRule {
	var held []FileRule
	for i, fd := range fds {
		if access := heldBy(fd); access != 0 {
			held = append(held, FileRule{i, access})
		}
	}
	return held
}

func heldBy(fd int) Rights {
	var st syscall.Stat_t
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	if err := syscall.Fstat(fd, &st); err != nil || errno != 0 || flags&sys.O_PATH != 0 {
		return 0
	}
	switch st.Mode & syscall.S_IFMT {
	case syscall.S_IFIFO, syscall.S_IFSOCK:
		return 0
	case syscall.S_IFDIR:
		return ReadDir
	}
	if flags&syscall.O_ACCMODE == syscall.O_RDONLY {
		return grants(policy.Read) & fileRights
	}
	return grants(policy.Write) & fileRights
}
