package seccomp_test

import (
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// BenchmarkCompile reports how long a preset takes to compile, how long its
// filter is, and how many instructions a call takes: the mean over all calls
// of the architecture with all arguments 0, and the most.
func BenchmarkCompile(b *testing.B) {
	for _, name := range policy.Presets() {
		b.Run(name, func(b *testing.B) {
			p, _ := policy.Preset(name)
			var prog bpf.Program
			for b.Loop() {
				prog, _ = seccomp.Compile(p, seccomp.Options{Table: syscalls.AMD64})
			}
			sum, most, n := 0, 0, 0
			for nr := range syscalls.AMD64.Calls() {
				_, steps, _ := prog.Run(bpf.Data{Nr: int32(nr), Arch: syscalls.AMD64.Audit})
				sum, most, n = sum+steps, max(most, steps), n+1
			}
			b.ReportMetric(float64(len(prog)), "instructions")
			b.ReportMetric(float64(sum)/float64(n), "mean/call")
			b.ReportMetric(float64(most), "most/call")
		})
	}
}
