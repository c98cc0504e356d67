package least

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// optimal is the cost of the best tree for a set of ranges, by trying all trees.
func optimal(ranges []Range, set uint, memo map[uint]float64) float64 {
	if v, ok := memo[set]; ok {
		return v
	}
	var in []Range
	var at []int
	for k, r := range ranges {
		if set>>k&1 != 0 {
			in, at = append(in, r), append(at, k)
		}
	}
	total, best := weight(in), math.Inf(1)
	alike, argued := true, false
	for _, r := range in {
		alike, argued = alike && r.Answer == in[0].Answer, argued || r.Depends
	}
	switch {
	case alike && argued:
		best = argument * total
	case alike:
		best = 0
	}
	for i, k := range at {
		below := set & (1<<k - 1)
		if i > 0 {
			best = min(best, total+optimal(ranges, below, memo)+optimal(ranges, set&^below, memo))
		}
		if in[i].First == in[i].Last && len(at) > 1 {
			best = min(best, total+optimal(ranges, 1<<k, memo)+optimal(ranges, set&^(1<<k), memo))
		}
	}
	memo[set] = best
	return best
}

// The bound is never above the best tree, and not far below it.
func TestBelowOptimum(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var bound, exact [3]float64
	for range 300 {
		var ranges []Range
		next := uint32(0)
		for range 2 + r.IntN(9) {
			one := Range{First: next, Last: next, Answer: []uint32{bpf.Allow, bpf.KillProcess, bpf.Errno | 1}[r.IntN(3)], Depends: r.IntN(6) == 0}
			if r.IntN(4) == 0 {
				one.Last, one.Depends = next+5, false
			} else {
				one.Weight = math.Floor(math.Exp(6 * r.Float64()))
			}
			ranges, next = append(ranges, one), one.Last+1
		}
		if weight(ranges) == 0 {
			continue
		}
		best := optimal(ranges, 1<<len(ranges)-1, map[uint]float64{})
		for levels := range bound {
			is := tests(ranges, levels)
			if is > best*(1+1e-9) {
				t.Fatalf("%v needs %g, the bound of %d levels is %g", ranges, best, levels, is)
			}
			bound[levels], exact[levels] = bound[levels]+is/weight(ranges), exact[levels]+best/weight(ranges)
		}
	}
	for levels, least := range []float64{0.85, 0.9, 0.94} {
		share := bound[levels] / exact[levels]
		t.Logf("%d levels: %.3f of the best tree", levels, share)
		if share < least {
			t.Errorf("%d levels: the bound is %.3f of the best tree, want %.2f", levels, share, least)
		}
	}
}

// A preset's filter takes at most a tenth more instructions, for calls as
// programs make them, than any program of comparisons.
func TestPresetsAreNearTheLeast(t *testing.T) {
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		prog, err := seccomp.Compile(p, seccomp.Options{Table: syscalls.AMD64})
		if err != nil {
			t.Fatal(err)
		}
		ranges := Ranges(p, func(nr int, call string) float64 {
			if zero, _ := p.Decide(syscalls.AMD64, nr, [6]uint64{}); zero.OrKill().Kind == policy.Kill {
				return 0
			}
			return float64(syscalls.Frequency(call))
		})
		sum := 0.0
		for _, r := range ranges {
			_, steps, _ := prog.Run(bpf.Data{Nr: int32(r.First), Arch: syscalls.AMD64.Audit})
			sum += r.Weight * float64(steps)
		}
		mean, least := sum/weight(ranges), Instructions(ranges, 0)
		t.Logf("%s: %.2f instructions, at least %.2f", name, mean, least)
		if mean < least-1e-9 || mean > 1.1*least {
			t.Errorf("%s: a call takes %.2f instructions, and %.2f at least", name, mean, least)
		}
	}
}
