package ptrace_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

// TestTrapsAllocateNothing proves that a run with many more traps leaves no more
// garbage than one with few, under each supervisor, for openings that go on as
// they are and for those that are made from a path that was judged.
func TestTrapsAllocateNothing(t *testing.T) {
	needsStaying(t)
	file := testkit.Dir(t) + "/file"
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, s := range []belljar.Supervisor{belljar.Ptrace, belljar.Notify} {
		for _, path := range []string{"/etc/passwd", file} {
			if s == belljar.Notify && path == file {
				continue // the file is pinned, and what pins it has a name
			}
			t.Run(string(s)+" "+path, func(t *testing.T) {
				if s == belljar.Notify {
					testkit.Notify(t)
				}
				mallocs(t, s, path, 100) // what is made once for all runs
				few, many := mallocs(t, s, path, 100), mallocs(t, s, path, 4100)
				if perTrap := (many - few) / 4000; perTrap > 0.1 {
					t.Errorf("%.2f allocations per trap", perTrap)
				}
			})
		}
	}
}

// mallocs is what a run allocates whose program opens a file n times.
func mallocs(t *testing.T, s belljar.Supervisor, path string, n int) float64 {
	t.Helper()
	p := policy.Judge()
	p.Files.Rules = append(p.Files.Rules, policy.FileRule{Pattern: path, Grant: policy.Read})
	opts := belljar.Options{Policy: p, Supervisor: s, Unshare: belljar.Off, Limits: belljar.Limits{Wall: 10 * time.Minute}}
	args := append(testkit.Program(t, "c/openloop", "static"), path, strconv.Itoa(n))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	res, err := belljar.Run(context.Background(), belljar.Command{Args: args}, opts)
	runtime.ReadMemStats(&after)
	if err != nil || res.Verdict != belljar.OK || res.Traps < int64(n) {
		t.Fatalf("%+v, %v", res, err)
	}
	return float64(after.Mallocs - before.Mallocs)
}
