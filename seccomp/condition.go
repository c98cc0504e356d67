package seccomp

import (
	"math/bits"
	"slices"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
)

// then is where a test leads: it returns the node for what is known there.
type then func(facts) bpf.Node

// condition returns the node that tests one argument and goes on to yes where
// the condition holds and to no where it does not. Only the bits that the
// kernel looks at take part: 16, 32 or 64, as policy.Cond.Holds has it.
func condition(g *bpf.Graph, cond policy.Cond, width int, f facts, yes, no then) bpf.Node {
	a := argument{Graph: g, low: bpf.OffArg(cond.Arg), width: width}
	if cond.Op == policy.In {
		return a.in(cond.Values, f, yes, no)
	}
	v := policy.Narrow(cond.Values[0], width)
	switch cond.Op {
	case policy.Mask:
		return a.equal(cond.Mask, v, f, yes, no)
	case policy.Eq:
		return a.equal(a.all(), v, f, yes, no)
	case policy.Ne:
		return a.equal(a.all(), v, f, no, yes)
	case policy.Lt:
		return a.ordered(bpf.JGE, v, f, no, yes)
	case policy.Ge:
		return a.ordered(bpf.JGE, v, f, yes, no)
	case policy.Le:
		return a.ordered(bpf.JGT, v, f, no, yes)
	}
	return a.ordered(bpf.JGT, v, f, yes, no)
}

// argument is one register, of which width low bits count.
type argument struct {
	*bpf.Graph
	low   uint32 // offset of the low half
	width int
}

// all is the mask of the bits that count.
func (a argument) all() uint64 { return all64 >> (64 - a.width) }

const all64 = ^uint64(0)

// test makes a test, or leaves it out where the facts decide it.
func (a argument) test(t bpf.Test, f facts, yes, no then) bpf.Node {
	switch f.outcome(t) {
	case holds:
		return yes(f)
	case fails:
		return no(f)
	}
	return a.Graph.Test(t, yes(f.with(t, true)), no(f.with(t, false)))
}

// equal goes to yes where arg & mask == v. The low half is first: a high half
// is 0 in almost all calls, so it tells least.
func (a argument) equal(mask, v uint64, f facts, yes, no then) bpf.Node {
	mask &= a.all()
	if v&^mask != 0 {
		return no(f)
	}
	high := func(f facts) bpf.Node { return a.word(a.low+4, uint32(mask>>32), uint32(v>>32), f, yes, no) }
	return a.word(a.low, uint32(mask), uint32(v), f, high, no)
}

// word goes to yes where the word & mask == v, by a jump on bits where that
// saves the AND.
func (a argument) word(offset, mask, v uint32, f facts, yes, no then) bpf.Node {
	switch {
	case mask == 0: // and so is v: it holds
		return yes(f)
	case bits.OnesCount32(mask) == 1 && v == mask:
		return a.test(bpf.Test{Offset: offset, Mask: all32, Op: bpf.JSET, K: mask}, f, yes, no)
	case v == 0 && mask != all32:
		return a.test(bpf.Test{Offset: offset, Mask: all32, Op: bpf.JSET, K: mask}, f, no, yes)
	}
	return a.test(bpf.Test{Offset: offset, Mask: mask, Op: bpf.JEQ, K: v}, f, yes, no)
}

// ordered goes to yes where arg >= v or arg > v, by op: the high halves decide
// unless they are equal.
func (a argument) ordered(op uint16, v uint64, f facts, yes, no then) bpf.Node {
	if v > a.all() {
		return no(f)
	}
	low := func(f facts) bpf.Node {
		return a.test(bpf.Test{Offset: a.low, Mask: uint32(a.all()), Op: op, K: uint32(v)}, f, yes, no)
	}
	if a.width <= 32 {
		return low(f)
	}
	high := bpf.Test{Offset: a.low + 4, Mask: all32, K: uint32(v >> 32)}
	// Where the low half cannot tell, the high one says it all.
	if op == bpf.JGE && uint32(v) == 0 || op == bpf.JGT && uint32(v) == all32 {
		high.Op = op
		return a.test(high, f, yes, no)
	}
	above, same := high, high
	above.Op, same.Op = bpf.JGT, bpf.JEQ
	return a.test(above, f, yes, func(f facts) bpf.Node { return a.test(same, f, low, no) })
}

// fewValues is up to how many values of a list each have tests of their own
// after them, which know the value. More of them would be long.
const fewValues = 4

// in goes to yes where the argument is one of values: a search for the low
// half, then a test of the high one.
func (a argument) in(values []uint64, f facts, yes, no then) bpf.Node {
	highs := map[uint32][]uint32{} // by low half
	var lows []uint32
	for _, v := range values {
		v = policy.Narrow(v, a.width)
		low := uint32(v)
		if v&^a.all() != 0 || f.outcome(a.lowIs(low)) == fails {
			continue // equal to no argument of this width, or to none that comes here
		}
		if highs[low] == nil {
			lows = append(lows, low)
		}
		highs[low] = append(highs[low], uint32(v>>32))
	}
	if len(lows) == 1 && f.outcome(a.lowIs(lows[0])) == holds {
		return a.highIn(highs[lows[0]], f, yes, no)
	}
	slices.Sort(lows)
	others := f
	for _, low := range lows {
		others = others.with(a.lowIs(low), false)
	}
	otherwise := no(others)
	spans := []span{{first: 0, node: otherwise, weight: 1}}
	for _, low := range lows {
		known := f
		if len(lows) <= fewValues {
			known = f.with(a.lowIs(low), true)
		}
		if spans[len(spans)-1].first == low {
			spans = spans[:len(spans)-1]
		}
		spans = append(spans, span{first: low, node: a.highIn(highs[low], known, yes, no), weight: 1})
		if low != all32 {
			spans = append(spans, span{first: low + 1, node: otherwise})
		}
	}
	return search(a.Graph, a.low, uint32(a.all()), spans)
}

func (a argument) lowIs(v uint32) bpf.Test {
	return bpf.Test{Offset: a.low, Mask: uint32(a.all()), Op: bpf.JEQ, K: v}
}

// highIn goes to yes where the high half is one of values, if it counts.
func (a argument) highIn(values []uint32, f facts, yes, no then) bpf.Node {
	if a.width <= 32 {
		return yes(f)
	}
	if len(values) == 0 {
		return no(f)
	}
	return a.word(a.low+4, all32, values[0], f, yes, func(f facts) bpf.Node { return a.highIn(values[1:], f, yes, no) })
}
