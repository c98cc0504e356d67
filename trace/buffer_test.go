package trace

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// A million events with hostile names of 4 KiB take no more memory than the
// bound, and what does not fit is counted.
func TestBufferIsBounded(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	b := &Buffer{}
	const total = 1_000_000
	long := strings.Repeat(`\33`, 1024)
	for i := range total {
		name := fmt.Sprint(i)
		if i%1000 == 0 {
			name += long
		}
		e := &Event{Kind: Call, Syscall: "openat", Args: []string{"AT_FDCWD", name, "O_RDONLY"}, Raw: []uint64{1, 2, 3, uint64(i)}, Result: "-1 ENOENT"}
		if err := b.Write(e); err != nil {
			t.Fatal(err)
		}
	}
	if grown := int64(heap() - before); grown > 256<<20 {
		t.Errorf("%d MiB", grown>>20)
	}
	kept := int64(0)
	for e := range b.All() {
		if !strings.HasPrefix(e.Args[1], fmt.Sprint(kept)) {
			t.Fatalf("event %d is %q", kept, e.Args[1])
		}
		kept++
	}
	if kept == 0 || kept+b.Dropped() != total {
		t.Errorf("%d kept, %d dropped", kept, b.Dropped())
	}
	t.Logf("%d kept, %d dropped", kept, b.Dropped())
}
