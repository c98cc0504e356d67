package testkit

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// spareThreads is how many more threads than before are no leak: the Go
// runtime starts threads when it likes and keeps them.
const spareThreads = 16

// Leaks fails the test if it ends with more descriptors, threads, processes,
// mounts or temporary files than it began with. Call it first.
func Leaks(t testing.TB) {
	t.Helper()
	before := observe()
	t.Cleanup(func() {
		if left := settle(before); left != "" {
			t.Errorf("left behind:\n%s", left)
		}
	})
}

// traces is what a run could leave behind.
type traces struct {
	files     []string // descriptors of this process
	processes []string
	mounts    []string
	cgroups   []string // that this process has made
	temporary []string
	threads   int
}

// settle waits until nothing is left since before, at most some seconds: what
// was killed takes a moment to go. It returns what is left.
func settle(before traces) string {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left := observe().since(before)
		if left == "" || time.Now().After(end) {
			return left
		}
	}
}

func (after traces) since(before traces) string {
	var b strings.Builder
	for _, kind := range []struct {
		name        string
		old, recent []string
	}{
		{"descriptor", before.files, after.files},
		{"process", before.processes, after.processes},
		{"mount", before.mounts, after.mounts},
		{"cgroup", before.cgroups, after.cgroups},
		{"temporary file", before.temporary, after.temporary},
	} {
		for _, s := range kind.recent {
			if i := slices.Index(kind.old, s); i >= 0 {
				kind.old = slices.Delete(slices.Clone(kind.old), i, i+1)
			} else {
				fmt.Fprintf(&b, "  %s %s\n", kind.name, s)
			}
		}
	}
	if after.threads-before.threads > spareThreads {
		fmt.Fprintf(&b, "  %d threads, %d before\n", after.threads, before.threads)
	}
	return b.String()
}

func observe() traces {
	var t traces
	for _, fd := range names("/proc/self/fd") {
		// Numbers are reused, so descriptors are told apart by what they are:
		// one more pipe is a leak, another pipe is not. The Go runtime's poller
		// comes with the first file and stays.
		target, err := os.Readlink("/proc/self/fd/" + fd)
		kind, _, _ := strings.Cut(target, "[")
		switch {
		case err != nil || strings.HasPrefix(target, "anon_inode:[event"):
		case strings.HasSuffix(target, "/fd"): // the one that lists them
		case kind == "anon_inode:":
			t.files = append(t.files, target)
		default:
			t.files = append(t.files, strings.TrimRight(kind, "0123456789"))
		}
	}
	t.threads = len(names("/proc/self/task"))
	t.processes = processes()
	t.cgroups = cgroups()
	info, _ := os.ReadFile("/proc/self/mountinfo")
	t.mounts = strings.Split(string(info), "\n")
	for _, name := range names(os.TempDir()) {
		if filepath.Join(os.TempDir(), name) != cache.dir { // which Main removes
			t.temporary = append(t.temporary, name)
		}
	}
	return t
}

// cgroups returns the groups that Belljar has made in this process, whose
// number is part of their names.
func cgroups() []string {
	var found []string
	own := fmt.Sprintf("-%d-", os.Getpid())
	filepath.WalkDir("/sys/fs/cgroup", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir // gone, or not for this user
		case d.IsDir() && filepath.Base(filepath.Dir(name)) == "belljar" && strings.Contains(d.Name(), own):
			found = append(found, name)
		}
		return nil
	})
	return found
}

// processes returns this process's children and every process that runs one
// of the compiled programs: what was orphaned is nobody's child any more.
func processes() []string {
	self := os.Getpid()
	return processesThat(func(ppid int, exe string) bool {
		return ppid == self || cache.dir != "" && strings.HasPrefix(exe, cache.dir)
	})
}

// ProcessesOf returns every process that runs a program from a directory.
func ProcessesOf(dir string) []string {
	return processesThat(func(_ int, exe string) bool { return strings.HasPrefix(exe, dir+"/") })
}

func processesThat(match func(ppid int, exe string) bool) []string {
	var found []string
	for _, name := range names("/proc") {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		stat, err := os.ReadFile("/proc/" + name + "/stat")
		if err != nil {
			continue
		}
		_, rest, ok := strings.Cut(string(stat), ") ")
		var state string
		var ppid int
		if _, err := fmt.Sscan(rest, &state, &ppid); !ok || err != nil {
			continue
		}
		exe, _ := os.Readlink("/proc/" + name + "/exe")
		if match(ppid, exe) {
			found = append(found, fmt.Sprintf("%s (%s, state %s, parent %d)", name, exe, state, ppid))
		}
	}
	return found
}

func names(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
