package main

import (
	"slices"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// result is what calls cost.
type result struct {
	length        int
	all, frequent mean
	run           mean // share of calls for which the kernel runs the filter
	worst         int
	same, calls   int
}

// mean is a weighted mean.
type mean struct{ sum, weight float64 }

func (m *mean) add(v, weight float64) { m.sum, m.weight = m.sum+v*weight, m.weight+weight }

func (m mean) value() float64 { return m.sum / m.weight }

// measure makes each call of the table with all arguments 0 and with arguments
// that satisfy each of its rules. A call counts once, by the mean of these; by
// frequency it counts as often as programs make it, if it does not end them.
func measure(prog bpf.Program, p *policy.Policy, t *syscalls.Table) (result, error) {
	r := result{length: len(prog)}
	for nr, call := range t.Calls() {
		var all, lives mean
		for _, args := range inputs(p, call) {
			got, steps, err := prog.Run(bpf.Data{Nr: int32(nr), Arch: t.Audit, Args: args})
			if err != nil {
				return r, err
			}
			want, _ := p.Decide(t, nr, args)
			r.calls++
			if got == answer(want) {
				r.same++
			}
			all.add(float64(steps), 1)
			if answer(want) != bpf.KillProcess {
				lives.add(float64(steps), 1)
			}
			r.worst = max(r.worst, steps)
		}
		r.all.add(all.value(), 1)
		if lives.weight == 0 {
			continue
		}
		often := float64(syscalls.Frequency(call))
		r.frequent.add(lives.value(), often)
		if prog.ConstantAllow(int32(nr), t.Audit) {
			r.run.add(0, often)
		} else {
			r.run.add(1, often)
		}
	}
	return r, nil
}

// inputs are arguments for one call.
func inputs(p *policy.Policy, call string) [][6]uint64 {
	out := [][6]uint64{{}}
	conditional, _ := rulesOf(p, call)
	for _, c := range conditional {
		for _, when := range alternatives(c.when) {
			var args [6]uint64
			for _, cond := range when {
				args[cond.Arg] = satisfying(cond)
			}
			out = append(out, args)
		}
	}
	return slices.Compact(out)
}

// satisfying is an argument for which a condition holds.
func satisfying(c policy.Cond) uint64 {
	switch v := c.Values[0]; c.Op {
	case policy.Ne, policy.Gt:
		return v + 1
	case policy.Lt:
		return v - 1
	default:
		return v
	}
}
