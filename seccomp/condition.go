package seccomp

import (
	"math/bits"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
)

// condition emits a test of one argument that falls through where it holds
// and goes to fail where it does not. Only the bits that the kernel looks at
// take part: 16, 32 or 64, as policy.Cond.Holds has it.
func (c *compiler) condition(cond policy.Cond, width int, fail bpf.Label) {
	holds := c.asm.NewLabel()
	arg := argument{compiler: c, low: bpf.OffArg(cond.Arg), width: width}
	switch cond.Op {
	case policy.Mask:
		arg.equal(cond.Mask, policy.Narrow(cond.Values[0], width), holds, fail)
	case policy.In:
		arg.in(cond.Values, holds, fail)
	case policy.Eq:
		arg.equal(arg.all(), policy.Narrow(cond.Values[0], width), holds, fail)
	case policy.Ne:
		arg.equal(arg.all(), policy.Narrow(cond.Values[0], width), fail, holds)
	case policy.Lt:
		arg.atLeast(policy.Narrow(cond.Values[0], width), fail, holds)
	case policy.Ge:
		arg.atLeast(policy.Narrow(cond.Values[0], width), holds, fail)
	case policy.Le:
		arg.above(policy.Narrow(cond.Values[0], width), fail, holds)
	case policy.Gt:
		arg.above(policy.Narrow(cond.Values[0], width), holds, fail)
	}
	c.asm.Bind(holds)
}

// argument is one register, of which width low bits count.
type argument struct {
	*compiler
	low   uint32 // offset of the low half
	width int
}

// all is the mask of the bits that count.
func (a argument) all() uint64 { return ^uint64(0) >> (64 - a.width) }

// loadLow loads the low half, without the bits that do not count.
func (a argument) loadLow() {
	a.asm.Load(a.low)
	if a.width < 32 {
		a.asm.And(uint32(a.all()))
	}
}

func (a argument) loadHigh() { a.asm.Load(a.low + 4) }

// equal goes to yes where arg & mask == v, and to no elsewhere.
func (a argument) equal(mask, v uint64, yes, no bpf.Label) {
	mask &= a.all()
	if v&^mask != 0 {
		a.asm.Jump(no)
		return
	}
	halves := []struct {
		load    func()
		mask, v uint32
	}{{a.loadHigh, uint32(mask >> 32), uint32(v >> 32)}, {a.loadLow, uint32(mask), uint32(v)}}
	for _, h := range halves {
		switch {
		case h.mask == 0: // and so v's half is 0: it holds
			continue
		case bits.OnesCount32(h.mask) == 1 && h.v == h.mask:
			h.load()
			a.asm.JumpIf(bpf.JSET, h.mask, bpf.Next, no)
		case h.v == 0 && h.mask != ^uint32(0):
			h.load()
			a.asm.JumpIf(bpf.JSET, h.mask, no, bpf.Next)
		default:
			h.load()
			if h.mask != ^uint32(0) && uint64(h.mask) != a.all() {
				a.asm.And(h.mask)
			}
			a.asm.JumpIf(bpf.JEQ, h.v, bpf.Next, no)
		}
	}
	a.asm.Jump(yes)
}

// in goes to yes where the argument is one of values. Values that share a
// high half are tested after one load of it.
func (a argument) in(values []uint64, yes, no bpf.Label) {
	byHigh := map[uint32][]uint32{}
	var order []uint32
	for _, v := range values {
		v = policy.Narrow(v, a.width)
		if v&^a.all() != 0 {
			continue // equal to no argument of this width
		}
		h := uint32(v >> 32)
		if byHigh[h] == nil {
			order = append(order, h)
		}
		byHigh[h] = append(byHigh[h], uint32(v))
	}
	for _, h := range order {
		other := a.asm.NewLabel()
		if a.width > 32 {
			a.loadHigh()
			a.asm.JumpIf(bpf.JEQ, h, bpf.Next, other)
		}
		a.loadLow()
		for _, l := range byHigh[h] {
			a.asm.JumpIf(bpf.JEQ, l, yes, bpf.Next)
		}
		a.asm.Jump(no)
		a.asm.Bind(other)
	}
	a.asm.Jump(no)
}

// atLeast goes to yes where arg >= v, unsigned.
func (a argument) atLeast(v uint64, yes, no bpf.Label) {
	a.ordered(bpf.JGE, v, yes, no)
}

// above goes to yes where arg > v, unsigned.
func (a argument) above(v uint64, yes, no bpf.Label) {
	a.ordered(bpf.JGT, v, yes, no)
}

// ordered compares halves: the high ones decide unless they are equal.
func (a argument) ordered(op uint16, v uint64, yes, no bpf.Label) {
	if v > a.all() {
		a.asm.Jump(no)
		return
	}
	if a.width > 32 {
		a.loadHigh()
		a.asm.JumpIf(bpf.JGT, uint32(v>>32), yes, bpf.Next)
		a.asm.JumpIf(bpf.JEQ, uint32(v>>32), bpf.Next, no)
	}
	a.loadLow()
	a.asm.JumpIf(op, uint32(v), yes, no)
}
