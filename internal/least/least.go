package least

import (
	"cmp"
	"math"
	"slices"

	"github.com/belljar/belljar/seccomp/bpf"
)

// Instructions returns a number that the mean of instructions per call is not
// below, whatever program of comparisons decides the ranges. More levels make it
// larger, and each takes some hundred times as long: of so many tests each
// choice is tried, and the bound is that of what they leave.
func Instructions(ranges []Range, levels int) float64 {
	sum := 0.0
	for _, r := range ranges {
		sum += r.Weight * Outside(r.Answer, r.Depends)
		if r.Depends {
			sum -= r.Weight * argument // which tests counts
		}
	}
	return (sum + tests(joined(ranges), levels)) / weight(ranges)
}

// argument are the load and the test of an argument.
const argument = 2

// Outside is what a call takes at least beside the tests of its number.
func Outside(answer uint32, depends bool) float64 {
	n := 2.0 // the load of the number, and the answer
	if answer != bpf.KillProcess {
		n += 2 // the load and the test of the architecture
	}
	if depends {
		n += argument
	}
	return n
}

// tests bounds the sum over all calls of the tests of the number, and of what
// arguments take.
func tests(ranges []Range, levels int) float64 {
	total := weight(ranges)
	if total == 0 {
		return 0
	}
	most := 0.0
	if differ(ranges) {
		most = total // the first test is every call's
	}
	// For even weights the best multiplier would be 1/ln 2 of the total.
	for lambda := 0.4; lambda < 2.5; lambda *= 1.12 {
		most = max(most, relaxed(ranges, lambda*total))
	}
	if levels > 0 {
		most = max(most, expanded(ranges, levels, total))
	}
	return most
}

// differ reports whether ranges have different answers.
func differ(ranges []Range) bool {
	return slices.ContainsFunc(ranges, func(r Range) bool { return r.Answer != ranges[0].Answer })
}

// expanded tries each test as the first one.
func expanded(ranges []Range, levels int, total float64) float64 {
	least := math.Inf(1) // without a test
	if !differ(ranges) {
		least = 0
		if slices.ContainsFunc(ranges, func(r Range) bool { return r.Depends }) {
			least = argument * total
		}
	}
	type outcome struct {
		yes, no []Range
		cost    float64
	}
	var first []outcome
	try := func(yes, no []Range) { first = append(first, outcome{yes, no, total + tests(yes, 0) + tests(no, 0)}) }
	for k, r := range ranges {
		if k > 0 {
			try(ranges[k:], ranges[:k])
		}
		if others := slices.Clone(ranges); r.First == r.Last {
			try(ranges[k:k+1], slices.Delete(others, k, k+1))
		} else {
			others[k].Last = r.First // what is left is no less than one number
			try(nil, others)
		}
	}
	slices.SortFunc(first, func(a, b outcome) int { return cmp.Compare(a.cost, b.cost) })
	for _, o := range first {
		if o.cost >= least {
			break
		}
		least = min(least, total+tests(o.yes, levels-1)+tests(o.no, levels-1))
	}
	return least
}

// deepest is the depth below which leaves do not differ: what they could save
// there is subtracted in the end.
const deepest = 20

// relaxed is the bound that a multiplier gives: the least sum over the leaves of
// any division, where a leaf costs its weight times its depth plus lambda times
// 2^-depth, less lambda.
func relaxed(ranges []Range, lambda float64) float64 {
	var share [deepest + 1]float64
	for d := range share {
		share[d] = lambda * math.Exp2(-float64(d))
	}
	alone := make([]float64, len(ranges)) // what a number costs that a JEQ finds
	for k, r := range ranges {
		alone[k] = math.Inf(1)
		if r.First != r.Last {
			continue
		}
		for d := 1; d <= deepest; d++ {
			alone[k] = min(alone[k], r.Weight*float64(d)+share[d])
		}
		if r.Depends {
			alone[k] += argument * r.Weight
		}
	}
	best := slices.Repeat([]float64{math.Inf(1)}, len(ranges)+1) // of the ranges before each
	best[0] = 0
	for from := range ranges {
		best[from+1] = min(best[from+1], best[from]+alone[from])
		// A leaf tests arguments for all its calls, or holds none that need it.
		for _, argued := range []bool{false, true} {
			if argued || !ranges[from].Depends {
				leaves(ranges, from, argued, alone, &share, best)
			}
		}
	}
	return best[len(ranges)] - lambda - float64(len(ranges))*share[deepest]
}

// leaves adds to best the leaves whose first range is at from.
func leaves(ranges []Range, from int, argued bool, alone []float64, share *[deepest + 1]float64, best []float64) {
	more := 0
	if argued {
		more = argument
	}
	var inside [deepest + 1]float64 // by depth: what its calls cost, there or taken out
	out, outside := 0, 0.0          // the numbers that must be taken out
	for to := from; to < len(ranges); to++ {
		r := ranges[to]
		if r.Answer != ranges[from].Answer || r.Depends && !argued {
			out, outside = out+1, outside+alone[to]
			if out > deepest || math.IsInf(outside, 1) {
				return
			}
			continue
		}
		for d := range inside {
			inside[d] += min(r.Weight*float64(d+more), alone[to])
		}
		need := out
		if from > 0 {
			need++
		}
		if to < len(ranges)-1 {
			need++
		}
		cost := math.Inf(1)
		for d := need; d <= deepest; d++ {
			cost = min(cost, inside[d]+share[d])
		}
		best[to+1] = min(best[to+1], best[from]+outside+cost)
	}
}
