package least

import (
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// Range is the numbers from First to Last, which have the same answer where all
// arguments are 0.
type Range struct {
	First, Last uint32
	Answer      uint32
	Depends     bool    // other arguments have other answers
	Weight      float64 // how often it is called; 0 for more than one number
}

const x32Bit, all32 = 0x40000000, ^uint32(0)

// Ranges are what a policy says of each of amd64's calls, by itself, and of the
// numbers between and above them.
func Ranges(p *policy.Policy, weight func(nr int, call string) float64) []Range {
	t := syscalls.AMD64
	fallback := Range{Answer: answer(p.Default)}
	var out []Range
	add := func(first uint32, r Range) {
		if len(out) > 0 {
			out[len(out)-1].Last = first - 1
		}
		r.First, r.Last = first, all32
		out = append(out, r)
	}
	next := uint32(0)
	for nr, call := range t.Calls() {
		if uint32(nr) > next {
			add(next, fallback)
		}
		zero, _ := p.Decide(t, nr, [6]uint64{})
		add(uint32(nr), Range{Answer: answer(zero), Depends: Depends(p, nr, call), Weight: weight(nr, call)})
		next = uint32(nr) + 1
	}
	add(next, fallback)
	// Calls of x32 are killed; -1 is what a tracer makes of a call that it skips.
	add(x32Bit, Range{Answer: bpf.KillProcess})
	add(all32, fallback)
	return out
}

// Depends reports whether some arguments of one of amd64's calls have another
// answer than 0. It tries what the rules compare with, and its neighbours.
func Depends(p *policy.Policy, nr int, call string) bool {
	zero, _ := p.Decide(syscalls.AMD64, nr, [6]uint64{})
	for _, r := range p.Rules {
		if !r.Names(call) {
			continue
		}
		for _, c := range r.When {
			for _, v := range append([]uint64{c.Mask}, c.Values...) {
				for _, near := range []uint64{v - 1, v, v + 1} {
					var args [6]uint64
					args[c.Arg] = near
					if is, _ := p.Decide(syscalls.AMD64, nr, args); is != zero {
						return true
					}
				}
			}
		}
	}
	return false
}

func answer(a policy.Action) uint32 {
	switch a.OrKill().Kind {
	case policy.Allow:
		return bpf.Allow
	case policy.Deny:
		return bpf.Errno | uint32(a.Errno)
	case policy.Trap:
		return bpf.Trace
	}
	return bpf.KillProcess
}

// joined joins neighbours that nobody calls and that are decided alike.
func joined(ranges []Range) []Range {
	var out []Range
	for _, r := range ranges {
		if n := len(out); n > 0 && out[n-1].Weight == 0 && r.Weight == 0 && out[n-1].Answer == r.Answer && out[n-1].Depends == r.Depends {
			out[n-1].Last = r.Last
			continue
		}
		out = append(out, r)
	}
	return out
}

func weight(ranges []Range) (sum float64) {
	for _, r := range ranges {
		sum += r.Weight
	}
	return sum
}
