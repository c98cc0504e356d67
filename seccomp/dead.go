package seccomp

import (
	"maps"
	"slices"

	"github.com/belljar/belljar/seccomp/bpf"
)

// deadTests returns the places of tests that calls come to and that always end
// in the same way, because earlier tests have decided them: the rule behind the
// other way never counts. It goes all ways that calls can take, with every
// number and architecture that the program tells apart. It finds nothing in programs
// that look at some bits of these, or that have too many ways.
func deadTests(p bpf.Program) []int {
	archs, ok := representatives(p, bpf.OffArch)
	numbers, ok2 := representatives(p, bpf.OffNr)
	if !ok || !ok2 {
		return nil
	}
	w := walker{program: p, outcomes: make([][2]bool, len(p))}
	word := func(offset, v uint32) bpf.Test { return bpf.Test{Offset: offset, Mask: all32, Op: bpf.JEQ, K: v} }
	for _, arch := range archs {
		for _, nr := range numbers {
			known := facts(nil).with(word(bpf.OffArch, arch), true).with(word(bpf.OffNr, nr), true)
			if !w.walk(0, bpf.Test{}, known) {
				return nil
			}
		}
	}
	var dead []int
	for i, outcome := range w.outcomes {
		if outcome[0] != outcome[1] {
			dead = append(dead, i)
		}
	}
	return dead
}

// representatives are values of a word, at least one of each range that the
// program tells from others. It fails where the program looks at bits, or
// it is not clear at what.
func representatives(p bpf.Program, offset uint32) ([]uint32, bool) {
	l := lister{program: p, states: make([]state, len(p))}
	l.flow()
	values := map[uint32]bool{0: true}
	for i, in := range p {
		s := l.states[i]
		if in.Op&7 != bpf.JMP || in.Op == bpf.JMP|bpf.JA || !s.reached {
			continue
		}
		switch {
		case !s.loaded:
			return nil, false // it could be any word
		case s.offset != offset:
			continue
		case s.mask != all32 || in.Op == bpf.JMP|bpf.JSET|bpf.K:
			return nil, false
		}
		values[in.K], values[in.K+1] = true, true
	}
	return slices.Sorted(maps.Keys(values)), true
}

// walker goes the ways that calls can take.
type walker struct {
	program  bpf.Program
	outcomes [][2]bool // of each test: whether it failed, and held, for some call
	steps    int
}

// maxWalk bounds the steps.
const maxWalk = 1 << 20

// walk goes on from an instruction, where the accumulator holds a masked word
// and something is known. It is false where that is too much or cannot be
// followed.
func (w *walker) walk(pc int, a bpf.Test, f facts) bool {
	for {
		if w.steps++; w.steps > maxWalk {
			return false
		}
		switch in := w.program[pc]; in.Op {
		case bpf.RET | bpf.K:
			return true
		case bpf.LD | bpf.W | bpf.ABS:
			a.Offset, a.Mask = in.K, all32
		case bpf.ALU | bpf.AND | bpf.K:
			a.Mask &= in.K
		case bpf.JMP | bpf.JA:
			pc += int(in.K)
		case bpf.JMP | bpf.JEQ | bpf.K, bpf.JMP | bpf.JGT | bpf.K, bpf.JMP | bpf.JGE | bpf.K, bpf.JMP | bpf.JSET | bpf.K:
			if a.Mask == 0 {
				return false // nothing was loaded
			}
			a.Op, a.K = in.Op&0xf0, in.K
			switch f.outcome(a) {
			case holds:
				w.outcomes[pc][1] = true
				pc += int(in.Jt)
			case fails:
				w.outcomes[pc][0] = true
				pc += int(in.Jf)
			default:
				w.outcomes[pc] = [2]bool{true, true}
				if !w.walk(pc+1+int(in.Jf), a, f.with(a, false)) {
					return false
				}
				f = f.with(a, true)
				pc += int(in.Jt)
			}
		default:
			return false
		}
		pc++
	}
}
