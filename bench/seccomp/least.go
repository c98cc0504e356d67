package main

import (
	"github.com/belljar/belljar/internal/least"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// anyFilter is what no filter takes less than, whatever it does: two loads, the
// test of the architecture, one of the number, and the answer. A filter that
// returns without having used one of the two words allows too much.
const anyFilter = 5

// leastOf bounds the mean that measure makes, over all calls or over those
// that programs make, for every program of comparisons.
func leastOf(p *policy.Policy, frequent bool, levels int) float64 {
	var rest mean // of calls with other arguments than 0
	weights := map[string]float64{}
	for nr, call := range syscalls.AMD64.Calls() {
		often := 1.0
		if frequent {
			often = float64(syscalls.Frequency(call))
		}
		var counted []bpf.Data
		for _, args := range inputs(p, call) {
			if is, _ := p.Decide(syscalls.AMD64, nr, args); !frequent || answer(is) != bpf.KillProcess {
				counted = append(counted, bpf.Data{Args: args})
			}
		}
		for _, d := range counted {
			share := often / float64(len(counted))
			if d.Args == [6]uint64{} {
				weights[call] += share
				continue
			}
			is, _ := p.Decide(syscalls.AMD64, nr, d.Args)
			rest.add(1+least.Outside(answer(is), least.Depends(p, nr, call)), share)
		}
	}
	zero := 0.0
	for _, w := range weights {
		zero += w
	}
	rest.add(least.Instructions(least.Ranges(p, func(_ int, call string) float64 { return weights[call] }), levels), zero)
	return rest.value()
}

// maxLevels is how long a bound is improved before it is taken for what it is:
// two levels take half a minute.
const maxLevels = 2

// leastAbove improves the bound until it tells whether a mean can be reached.
func leastAbove(p *policy.Policy, frequent bool, wanted float64) float64 {
	bound := 0.0
	for levels := 0; levels <= maxLevels && bound <= wanted; levels++ {
		bound = max(bound, leastOf(p, frequent, levels))
	}
	return bound
}
