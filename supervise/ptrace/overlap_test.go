package ptrace

import "testing"

// TestOverlapsPage proves that a range reaches an argument page if the kernel's
// whole pages do, and that a neighbour does not.
func TestOverlapsPage(t *testing.T) {
	const at = 0x7f0000010000
	tr := &Tracer{procs: map[int]*process{1: {page: page{addr: at}}, 2: {}}}
	for _, tt := range []struct {
		name          string
		start, length uint64
		want          bool
	}{
		{"the page", at, pageLength, true},
		{"its last byte", at + pageLength - 1, 1, true},
		{"around it", at - 4096, pageLength + 8192, true},
		{"the whole memory", 0, ^uint64(0), true},
		{"to the end of memory, rounded over it", at, ^uint64(0) - at, true},
		{"one byte into it", at - 4096, 4097, true},
		{"below it", at - 8192, 8192, false},
		{"below it, an odd length", at - 53248, 53072, false}, // glibc's zero-fill pages
		{"behind it", at + pageLength, 4096, false},
		{"address 0, which a process without a page has", 0, 4096, false},
	} {
		if got := tr.overlapsPage(tt.start, tt.length); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
