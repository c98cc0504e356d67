package main

import (
	"slices"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// rule is one rule as both peers take it: no group of calls, no list of values,
// no argument compared twice, and no order among the rules of one call.
type rule struct {
	call   string
	nr     int
	when   []policy.Cond
	answer uint32
}

// rules are a policy for the peers.
type rules struct {
	fallback uint32
	all      []rule
	// lossy are calls for which the peers have no words: conditions and then
	// another answer than the default. They get fewer rules than we do.
	lossy []string
}

var answers = map[policy.Kind]uint32{policy.Allow: bpf.Allow, policy.Kill: bpf.KillProcess, policy.Unset: bpf.KillProcess, policy.Trap: bpf.Trace}

func answer(a policy.Action) uint32 {
	if a.Kind == policy.Deny {
		return bpf.Errno | uint32(a.Errno)
	}
	return answers[a.Kind]
}

// flatten says a policy in the peers' words.
func flatten(p *policy.Policy, t *syscalls.Table) rules {
	out := rules{fallback: answer(p.Default)}
	for nr, call := range t.Calls() {
		conditional, last := rulesOf(p, call)
		last.nr = nr
		if len(conditional) == 0 {
			if last.answer != out.fallback {
				out.all = append(out.all, last)
			}
			continue
		}
		if last.answer != out.fallback {
			out.lossy = append(out.lossy, call)
		}
		added := false
		for _, r := range conditional {
			for _, when := range alternatives(r.when) {
				if r.answer != out.fallback {
					out.all, added = append(out.all, rule{call, nr, when, r.answer}), true
				}
			}
		}
		if !added {
			out.all = append(out.all, last)
		}
	}
	return out
}

// rulesOf returns the conditional rules of a call and what follows them.
func rulesOf(p *policy.Policy, call string) (conditional []rule, last rule) {
	for _, r := range p.Rules {
		if !r.Names(call) {
			continue
		}
		if len(r.When) == 0 {
			return conditional, rule{call: call, answer: answer(r.Do)}
		}
		conditional = append(conditional, rule{call: call, when: r.When, answer: answer(r.Do)})
	}
	return conditional, rule{call: call, answer: answer(p.Default)}
}

// alternatives are the conditions with each list of values spelled out. Of two
// conditions on one argument the peers get the first.
func alternatives(when []policy.Cond) [][]policy.Cond {
	out := [][]policy.Cond{nil}
	for _, c := range when {
		if slices.ContainsFunc(out[0], func(other policy.Cond) bool { return other.Arg == c.Arg }) {
			continue
		}
		var longer [][]policy.Cond
		for _, prefix := range out {
			for _, v := range c.Values {
				one := policy.Cond{Arg: c.Arg, Op: c.Op, Mask: c.Mask, Values: []uint64{v}}
				if c.Op == policy.In {
					one.Op = policy.Eq
				}
				longer = append(longer, append(slices.Clone(prefix), one))
			}
		}
		out = longer
	}
	return out
}
