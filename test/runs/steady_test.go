package runs

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

// TestSteady proves that runs in parked containers leave nothing behind: no
// process, mount, cgroup, descriptor, or shared memory, and no memory of this
// process. BELLJAR_RUNS says how many runs; issue-sized is 10000.
func TestSteady(t *testing.T) {
	testkit.Root(t)
	runs := 160
	if n, err := strconv.Atoi(os.Getenv("BELLJAR_RUNS")); err == nil {
		runs = n
	}
	leave := append(testkit.Program(t, "c/exit", "dynamic"), "7")
	// The first quarter fills what the Go runtime and Belljar keep.
	steady(t, runs/4, leave)
	testkit.Leaks(t)
	shared, before := sharedMemory(t), resident(t)
	steady(t, runs, leave)
	if now := sharedMemory(t); !slices.Equal(now, shared) {
		t.Errorf("shared memory %q, before %q", now, shared)
	}
	// A leak of one page for each run would show in 10,000.
	if now := resident(t); now > before+16<<20 {
		t.Errorf("%d MiB in memory, %d MiB before", now>>20, before>>20)
	}
}

// steady makes runs with 8 workers, a quarter of them with a cgroup.
func steady(t *testing.T, runs int, args []string) {
	var runners []*belljar.Runner
	for _, limits := range []belljar.Limits{{}, {Memory: 64 << 20}} {
		r := belljar.NewRunner(belljar.Options{Policy: policy.Observe(), Supervisor: belljar.NoOne, Unshare: belljar.On, Containers: 8, Limits: limits})
		runners = append(runners, r)
		defer func() {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}()
	}
	var workers sync.WaitGroup
	work := make(chan int)
	for range 8 {
		workers.Go(func() {
			for i := range work {
				r := runners[0]
				if i%4 == 0 {
					r = runners[1]
				}
				res, err := r.Run(context.Background(), belljar.Command{Args: args})
				if err != nil || res.ExitCode != 7 {
					t.Errorf("run %d: %+v, %v", i, res, err)
				}
			}
		})
	}
	for i := range runs {
		work <- i
	}
	close(work)
	workers.Wait()
}

// sharedMemory lists the segments of this IPC namespace, and the files of POSIX
// shared memory.
func sharedMemory(t *testing.T) []string {
	text, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("/dev/shm/*")
	if err != nil {
		t.Fatal(err)
	}
	return append(files, strings.Split(string(text), "\n")...)
}

// resident is how many bytes of this process are in memory when all garbage is
// gone.
func resident(t *testing.T) int64 {
	runtime.GC()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
