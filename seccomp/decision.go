package seccomp

import (
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// step is one rule of one call.
type step struct {
	when   []policy.Cond
	bits   []int // of each condition's argument
	answer uint32
}

func newStep(t *syscalls.Table, call string, when []policy.Cond, answer uint32) step {
	s := step{when: when, answer: answer}
	for _, c := range when {
		s.bits = append(s.bits, t.ArgBits(call, c.Arg))
	}
	return s
}

// decision builds the node that decides one call: the first step whose
// conditions all hold answers, and the last has none. Tests that earlier ones
// have decided are left out, so the same step can become different nodes, by
// what is known when it is reached.
type decision struct {
	*bpf.Graph
	steps []step
	plain bool // nothing that tests show is used

	later []uint16 // words that the steps from each one on look at
	memo  map[place]bpf.Node
}

// place is a condition of a step with what is known before it.
type place struct {
	step, cond int
	known      string
}

// maxPlaces bounds how many nodes are built for the sake of what is known.
// Beyond it nothing counts as known, and each condition is one node.
const maxPlaces = 2000

func (d *decision) node() bpf.Node {
	if len(d.steps) == 1 {
		return d.Return(d.steps[0].answer)
	}
	d.memo = map[place]bpf.Node{}
	d.later = make([]uint16, len(d.steps)+1)
	for i := len(d.steps) - 1; i >= 0; i-- {
		d.later[i] = d.later[i+1] | words(d.steps[i].when)
	}
	return d.from(0, 0, nil)
}

// words is the set of words that conditions look at, as offsets divided by 4.
func words(when []policy.Cond) (set uint16) {
	for _, c := range when {
		set |= 3 << (bpf.OffArg(c.Arg) / 4)
	}
	return set
}

// from returns the node for a condition of a step and all that may follow.
func (d *decision) from(i, j int, f facts) bpf.Node {
	st := d.steps[i]
	if j == len(st.when) {
		return d.Return(st.answer)
	}
	if d.plain || len(d.memo) > maxPlaces {
		f = nil
	}
	p := place{i, j, f.key(d.later[i+1] | words(st.when[j:]))}
	if n, ok := d.memo[p]; ok {
		return n
	}
	n := condition(d.Graph, st.when[j], st.bits[j], f,
		func(f facts) bpf.Node { return d.from(i, j+1, f) },
		func(f facts) bpf.Node { return d.from(i+1, 0, f) })
	d.memo[p] = n
	return n
}
