package runs

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
)

// TestManyAtOnce proves that runs in one process do not touch one another: each
// has its own input, output, exit code and counts.
func TestManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s sandbox) {
		echo := testkit.Program(t, "c/echo", "dynamic")
		threads := testkit.Program(t, "c/threads", "dynamic")
		// The Go runtime keeps the threads of its busiest moment for later, so
		// threads are compared from the second time on.
		atOnce(t, s, echo, threads)
		testkit.Leaks(t)
		atOnce(t, s, echo, threads)
	})
}

func atOnce(t *testing.T, s sandbox, echo, threads []string) {
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			if i%8 == 0 {
				manyThreads(t, s, threads)
				return
			}
			in := strings.Repeat(fmt.Sprintf("line %d\n", i), 1000)
			res, out, err := tryRun(belljar.Command{Args: []string{echo[0], fmt.Sprint(i)}, Stdin: strings.NewReader(in)}, s.Options(t, "judge"))
			if err != nil {
				t.Error(err)
				return
			}
			if res.ExitCode != i || out.Stdout.String() != in {
				t.Errorf("run %d: verdict %s, exit code %d, %d bytes of output, want %d", i, res.Verdict, res.ExitCode, out.Stdout.Len(), len(in))
			}
		})
	}
	wg.Wait()
}

func manyThreads(t *testing.T, s sandbox, threads []string) {
	res, _, err := tryRun(belljar.Command{Args: []string{threads[0], "2", "3"}}, s.Options(t, "compile"))
	if err != nil {
		t.Error(err)
		return
	}
	if res.Verdict != belljar.OK || res.ProcessesPeak != 9 {
		t.Errorf("verdict %s, %d processes, want ok and 9", res.Verdict, res.ProcessesPeak)
	}
}

// TestManyInARow proves that nothing piles up.
func TestManyInARow(t *testing.T) {
	n := 300
	if testing.Short() {
		n = 50
	}
	each(t, func(t *testing.T, s sandbox) {
		args := testkit.Program(t, "c/hello", "dynamic")
		killed := testkit.Program(t, "c/door", "dynamic")
		testkit.Leaks(t)
		for i := range n {
			if i%10 == 9 {
				res, _ := run(t, belljar.Command{Args: []string{killed[0], "socket"}}, s.Options(t, "judge"))
				if res.Verdict != belljar.Violation {
					t.Fatalf("run %d: verdict %s, want violation", i, res.Verdict)
				}
				continue
			}
			res, out := run(t, belljar.Command{Args: args}, s.Options(t, "judge"))
			if res.Verdict != belljar.OK || out.Stdout.String() != "hello, world\n" {
				t.Fatalf("run %d: %+v, output %q", i, brief(res), out.Stdout.String())
			}
		}
	})
}

// TestOneProcessor proves that a tracer and what it traces never wait for one
// another's place in the Go scheduler.
func TestOneProcessor(t *testing.T) {
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	each(t, func(t *testing.T, s sandbox) {
		args := testkit.Program(t, "c/threads", "dynamic")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { manyThreads(t, s, args) })
		}
		wg.Wait()
	})
}

// TestFatParent proves that a program's peak memory is its own, and not that
// of the process that started it.
func TestFatParent(t *testing.T) {
	heap := bytes.Repeat([]byte{1}, 400<<20)
	defer func() {
		runtime.KeepAlive(heap)
		heap = nil
		debug.FreeOSMemory()
	}()
	each(t, func(t *testing.T, s sandbox) {
		args := append(testkit.Program(t, "c/memory", "dynamic"), "none", "0")
		for _, group := range []belljar.Switch{belljar.Default, belljar.Off} {
			opts := s.Options(t, "judge")
			opts.Cgroup = group
			opts.Limits.Memory = 64 << 20
			res, _ := run(t, belljar.Command{Args: args}, opts)
			// A cgroup counts what is not in memory yet, VmHWM every page of a library.
			if res.Verdict != belljar.OK || res.MemoryPeak < 64<<10 || res.MemoryPeak > 3<<20 {
				t.Errorf("verdict %s, peak %d bytes (%s), want some hundred KB", res.Verdict, res.MemoryPeak, res.MemorySource)
			}
		}
	})
}
