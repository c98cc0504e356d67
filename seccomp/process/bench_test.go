package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/seccomp/process"
)

// loop makes a call that judge always allows, and prints what one takes in ns:
// the least of several rounds.
func loop(role string) {
	var err error
	switch role {
	case "filtered":
		err = process.Confine(policy.Judge())
	case "floor":
		err = process.Load(bpf.Program{{Op: bpf.RET | bpf.K, K: bpf.Allow}})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	const calls = 200_000
	best := time.Duration(1 << 62)
	for range 10 {
		start := time.Now()
		for range calls {
			syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
		}
		best = min(best, time.Since(start))
	}
	fmt.Println(float64(best.Nanoseconds()) / calls)
}

// BenchmarkAlwaysAllowed compares getppid(2) without a filter, with the shortest
// that there is, and with judge's, in processes that take turns, by their
// medians. What the shortest one costs is the kernel's way to any filter.
func BenchmarkAlwaysAllowed(b *testing.B) {
	times := map[string][]float64{}
	for b.Loop() {
		for _, role := range []string{"native", "floor", "filtered"} {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), roleVar+"="+role)
			out, err := cmd.Output()
			if err != nil {
				b.Fatal(err)
			}
			ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
			if err != nil {
				b.Fatal(err)
			}
			times[role] = append(times[role], ns)
		}
	}
	median := func(role string) float64 {
		slices.Sort(times[role])
		return times[role][len(times[role])/2]
	}
	b.ReportMetric(median("native"), "native-ns")
	b.ReportMetric(median("floor"), "floor-ns")
	b.ReportMetric(median("filtered"), "filtered-ns")
	b.ReportMetric(median("filtered")/median("native"), "ratio")
}
