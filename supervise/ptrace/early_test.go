package ptrace

import (
	"syscall"
	"testing"
)

// TestEarly proves that a task which ended before its creator told of it is
// remembered until that is told, or can be told no more.
func TestEarly(t *testing.T) {
	const creator, child = 1<<30 + 1, 1<<30 + 2 // nobody's numbers
	for _, tt := range []struct {
		what string
		do   func(*Tracer)
		left int
	}{
		{"the creator has yet to tell", func(*Tracer) {}, 1},
		{"the creator dies", func(t *Tracer) { t.remove(creator, new(syscall.Rusage)) }, 0},
		{"another process dies", func(t *Tracer) { t.remove(creator+9, new(syscall.Rusage)) }, 1},
		{"the number is another task's", func(t *Tracer) { t.lookup(child) }, 0},
	} {
		tr := &Tracer{tasks: map[int]*task{}, procs: map[int]*process{}, early: map[int]int{}}
		tr.add(creator, creator)
		tr.add(creator+9, creator+9)
		tr.add(child, child).creator = creator
		tr.remove(child, new(syscall.Rusage))
		tt.do(tr)
		if len(tr.early) != tt.left {
			t.Errorf("%s: %d are remembered, want %d", tt.what, len(tr.early), tt.left)
		}
	}
}
