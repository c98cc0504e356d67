package bpf

import (
	"errors"
	"fmt"
)

// Label is a place in a program that is being assembled.
type Label int

// Next as a jump's target means the instruction that follows the jump.
const Next Label = -1

// Assembler collects instructions whose jumps go to labels of any distance.
// A conditional jump reaches only 255 instructions; where that is not enough,
// Assemble inserts unconditional jumps, which reach everywhere. The zero
// Assembler is ready to use.
type Assembler struct {
	code   []symbolic
	places []int // where each label is in code; -1 before Bind
}

// symbolic is an instruction whose targets are still labels.
type symbolic struct {
	Instruction
	yes, no Label
	jump    bool
	// farYes and farNo say that a target needs an unconditional jump.
	farYes, farNo bool
	void          bool // an unconditional jump to the next instruction
}

// size is the number of real instructions.
func (s *symbolic) size() int {
	if s.void {
		return 0
	}
	n := 1
	if s.farYes {
		n++
	}
	if s.farNo {
		n++
	}
	return n
}

// NewLabel returns a label that has no place yet.
func (a *Assembler) NewLabel() Label {
	a.places = append(a.places, -1)
	return Label(len(a.places) - 1)
}

// Bind places a label at the next instruction.
func (a *Assembler) Bind(l Label) { a.places[l] = len(a.code) }

// Load loads the word at an offset of Data into the accumulator.
func (a *Assembler) Load(offset uint32) { a.Emit(Instruction{Op: LD | W | ABS, K: offset}) }

// And masks the accumulator.
func (a *Assembler) And(mask uint32) { a.Emit(Instruction{Op: ALU | AND | K, K: mask}) }

// Return ends the program with an answer.
func (a *Assembler) Return(answer uint32) { a.Emit(Instruction{Op: RET | K, K: answer}) }

// Emit appends an instruction that does not jump.
func (a *Assembler) Emit(in Instruction) { a.code = append(a.code, symbolic{Instruction: in}) }

// JumpIf compares the accumulator with k by JEQ, JGT, JGE or JSET.
func (a *Assembler) JumpIf(op uint16, k uint32, yes, no Label) {
	a.code = append(a.code, symbolic{Instruction: Instruction{Op: JMP | op | K, K: k}, yes: yes, no: no, jump: true})
}

// Jump goes to a label.
func (a *Assembler) Jump(to Label) {
	a.code = append(a.code, symbolic{Instruction: Instruction{Op: JMP | JA}, yes: to, no: Next, jump: true})
}

// Assemble resolves the labels and checks the program as the kernel would.
func (a *Assembler) Assemble() (Program, error) {
	for i := range a.code {
		s := &a.code[i]
		s.void = s.jump && s.Op == JMP|JA && s.yes >= 0 && int(s.yes) < len(a.places) && a.places[s.yes] == i+1
		for _, l := range []Label{s.yes, s.no} {
			if !s.jump || l == Next {
				continue
			}
			if l < 0 || int(l) >= len(a.places) || a.places[l] < 0 {
				return nil, fmt.Errorf("instruction %d jumps to an unbound label", i)
			}
			if a.places[l] <= i {
				return nil, errors.New("seccomp programs only jump forward")
			}
		}
	}
	starts := a.layout()
	var p Program
	for i := range a.code {
		p = a.emit(p, i, starts)
	}
	return p, p.Check()
}

// layout marks far jumps until none is left to mark and returns where each
// symbolic instruction starts. It ends, because marks are never taken back.
func (a *Assembler) layout() []int {
	starts := make([]int, len(a.code)+1)
	for changed := true; changed; {
		changed = false
		for i := range a.code {
			starts[i+1] = starts[i] + a.code[i].size()
		}
		for i := range a.code {
			s := &a.code[i]
			if !s.jump || s.Op == JMP|JA {
				continue
			}
			if !s.farYes && a.target(s.yes, i, starts)-starts[i]-1 > 255 {
				s.farYes, changed = true, true
			}
			if !s.farNo && a.target(s.no, i, starts)-starts[i]-1 > 255 {
				s.farNo, changed = true, true
			}
		}
	}
	return starts
}

// target is the real position of a label as seen from instruction i.
func (a *Assembler) target(l Label, i int, starts []int) int {
	if l == Next {
		return starts[i+1]
	}
	return starts[a.places[l]]
}

func (a *Assembler) emit(p Program, i int, starts []int) Program {
	s := a.code[i]
	if s.void {
		return p
	}
	if !s.jump {
		return append(p, s.Instruction)
	}
	yes, no := a.target(s.yes, i, starts), a.target(s.no, i, starts)
	here := starts[i]
	if s.Op == JMP|JA {
		return append(p, Instruction{Op: s.Op, K: uint32(yes - here - 1)})
	}
	var islands []Instruction
	reach := func(target int, far bool) uint8 {
		if !far {
			return uint8(target - here - 1)
		}
		at := here + 1 + len(islands)
		islands = append(islands, Instruction{Op: JMP | JA, K: uint32(target - at - 1)})
		return uint8(at - here - 1)
	}
	s.Jt, s.Jf = reach(yes, s.farYes), reach(no, s.farNo)
	return append(append(p, s.Instruction), islands...)
}
