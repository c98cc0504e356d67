package ptrace

import (
	"sync"

	"github.com/belljar/belljar/internal/follow"
	"github.com/belljar/belljar/syscalls"
)

// numbers are those of the calls that mean something to every tracer.
type numbers struct {
	spawn   map[int]bool // create tasks
	exec    map[int]bool // execute
	grow    map[int]bool // can make a file grow
	targets map[int]bool // act on processes by number
	guard   map[int]bool // map memory
	made    map[int]bool // the tracer makes tasks make them
	masks   map[int]bool // follow.Calls
	number  struct{ openat2, mmap, mseal, fcntl int }
}

// known has the numbers of each table that was asked for: they are looked up by
// name, which takes longer than all else that a tracer is made of.
var known sync.Map // of *syscalls.Table to *numbers

func numbersOf(t *syscalls.Table) *numbers {
	if n, ok := known.Load(t); ok {
		return n.(*numbers)
	}
	n := &numbers{
		spawn:   calls(t, SpawnCalls...),
		exec:    calls(t, ExecCalls...),
		targets: calls(t, TargetCalls...),
		guard:   calls(t, GuardCalls...),
		made:    calls(t, "openat2", "mmap", "mseal", "fcntl"),
		masks:   calls(t, follow.Calls...),
		grow: calls(t, "write", "writev", "pwrite64", "pwritev", "pwritev2", "sendfile", "splice",
			"copy_file_range", "truncate", "ftruncate", "fallocate"),
	}
	n.number.openat2, _ = t.Number("openat2")
	n.number.mmap, _ = t.Number("mmap")
	n.number.mseal, _ = t.Number("mseal")
	n.number.fcntl, _ = t.Number("fcntl")
	known.Store(t, n)
	return n
}

// calls returns the numbers of names in t.
func calls(t *syscalls.Table, names ...string) map[int]bool {
	set := make(map[int]bool, len(names))
	for _, name := range names {
		if nr, ok := t.Number(name); ok {
			set[nr] = true
		}
	}
	return set
}
