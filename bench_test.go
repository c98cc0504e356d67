package belljar_test

import (
	"context"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

// spawners start /bin/true and wait for it. os/exec is the yardstick: ratios
// to it count, not times.
var spawners = []struct {
	name string
	opts *belljar.Options
}{
	{"os-exec", nil},
	{"ptrace", &belljar.Options{Supervisor: belljar.Ptrace, Unshare: belljar.Off}},
	{"unshare-hostnet", &belljar.Options{Supervisor: belljar.NoOne, Unshare: belljar.On, HostNetwork: true}},
	{"unshare", &belljar.Options{Supervisor: belljar.NoOne, Unshare: belljar.On}},
	{"both", &belljar.Options{}},
	{"pooled-hostnet", &belljar.Options{Supervisor: belljar.NoOne, Unshare: belljar.On, HostNetwork: true, Containers: 2}},
	{"pooled", &belljar.Options{Supervisor: belljar.NoOne, Unshare: belljar.On, Containers: 2}},
	// What a cgroup costs a run whose limit on memory it keeps.
	{"both-memory", &belljar.Options{Limits: belljar.Limits{Memory: 64 << 20}}},
	{"both-memory-no-cgroup", &belljar.Options{Limits: belljar.Limits{Memory: 64 << 20}, Cgroup: belljar.Off}},
}

func spawn(b *testing.B, runner *belljar.Runner) {
	b.Helper()
	if runner == nil {
		if err := exec.Command("/bin/true").Run(); err != nil {
			b.Fatal(err)
		}
		return
	}
	r, err := runner.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}})
	if err != nil || r.Verdict != belljar.OK {
		b.Fatalf("%+v, %v", r, err)
	}
}

// BenchmarkSpawn is the time of one run of a program that does nothing.
func BenchmarkSpawn(b *testing.B) {
	benchmarkSpawners(b)
}

// BenchmarkSpawnLargeHeap is the same from a process with a 1 GiB heap. A
// launch that copied page tables would be many times slower.
func BenchmarkSpawnLargeHeap(b *testing.B) {
	heap := make([]byte, 1<<30)
	for i := 0; i < len(heap); i += 4096 {
		heap[i] = 1
	}
	benchmarkSpawners(b)
	runtime.KeepAlive(heap)
}

func benchmarkSpawners(b *testing.B) {
	judge := policy.Judge()
	for _, s := range spawners {
		b.Run(s.name, func(b *testing.B) {
			var runner *belljar.Runner
			if s.opts != nil {
				s.opts.Policy = judge
				runner = belljar.NewRunner(*s.opts)
				defer runner.Close()
			}
			for b.Loop() {
				spawn(b, runner)
			}
		})
	}
}

// BenchmarkSpawnRatio compares a run of a static program that does nothing with
// vfork, exec and wait of it, in a C program, in the same minute: it reports the
// median ratio of rounds, of which one iteration is one (-benchtime 10x). The
// paused ones have a moment between two runs in which a parked container gets
// ready; back to back, on few CPUs, each run waits for that.
func BenchmarkSpawnRatio(b *testing.B) {
	const runs = 50
	program := testkit.Program(b, "c/vforks", "static")[0]
	floor := func() time.Duration {
		begin := time.Now()
		if err := exec.Command(program, "exec", strconv.Itoa(runs)).Run(); err != nil {
			b.Fatal(err)
		}
		return time.Since(begin) / runs
	}
	for _, s := range spawners {
		if s.opts == nil {
			continue
		}
		for _, pause := range []bool{false, true} {
			name := s.name
			if pause {
				name += "-paused"
			}
			b.Run(name, func(b *testing.B) {
				s.opts.Policy = policy.Judge()
				runner := belljar.NewRunner(*s.opts)
				defer runner.Close()
				var ratios []float64
				for b.Loop() {
					bare := floor()
					var took time.Duration
					for range runs {
						took += timed(b, runner, program)
						if pause {
							time.Sleep(2 * bare)
						}
					}
					ratios = append(ratios, float64(took/runs)/float64(bare))
				}
				slices.Sort(ratios)
				b.ReportMetric(ratios[len(ratios)/2], "x-vfork")
			})
		}
	}
}

func timed(b *testing.B, runner *belljar.Runner, program string) time.Duration {
	b.Helper()
	begin := time.Now()
	r, err := runner.Run(context.Background(), belljar.Command{Args: []string{program, "child"}})
	took := time.Since(begin)
	if err != nil || r.Verdict != belljar.OK {
		b.Fatalf("%+v, %v", r, err)
	}
	return took
}
