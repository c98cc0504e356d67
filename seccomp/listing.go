package seccomp

import (
	"fmt"
	"strings"

	"github.com/belljar/belljar/seccomp/bpf"
)

// Listing disassembles a filter for people: jumps go to labels or say what is
// answered there, and words, architectures, calls and constants have names
// where the way to an instruction shows what they are.
func Listing(p bpf.Program) string {
	if p.Check() != nil {
		// What the kernel would not take has no flow that could be followed.
		return p.String()
	}
	l := lister{program: p, states: make([]state, len(p)), labels: map[int]string{}}
	l.flow()
	l.assume()
	l.label()
	var b strings.Builder
	for i := range p {
		label := l.labels[i]
		if label != "" {
			label += ":"
		}
		note := ""
		if !l.states[i].reached {
			note = "    ; never reached"
		}
		fmt.Fprintf(&b, "%04d  %-6s %s%s\n", i, label, l.text(i), note)
	}
	return b.String()
}

// state is what is known before an instruction, on every way to it.
type state struct {
	reached bool
	loaded  bool // the accumulator holds the masked word at offset
	offset  uint32
	mask    uint32
	arch    uint32 // 0 for unknown
	nr      int64  // -1 for unknown
}

// merge keeps what two ways have in common.
func (s state) merge(other state) state {
	switch {
	case !s.reached:
		return other
	case !other.reached:
		return s
	}
	if s.offset != other.offset || s.mask != other.mask || !other.loaded {
		s.loaded, s.offset, s.mask = false, 0, 0
	}
	if s.arch != other.arch {
		s.arch = 0
	}
	if s.nr != other.nr {
		s.nr = -1
	}
	return s
}

// call returns the call whose arguments are looked at, "" if that may be
// several.
func (s state) call() string {
	if s.nr < 0 {
		return ""
	}
	for _, t := range tablesOf(s.arch) {
		if name := t.Name(int(s.nr)); name != "" {
			return name
		}
	}
	return ""
}

type lister struct {
	program bpf.Program
	states  []state
	labels  map[int]string
}

// flow finds the states: all jumps go forward, so one pass is enough.
func (l *lister) flow() {
	l.states[0] = state{reached: true, nr: -1}
	for i, in := range l.program {
		s := l.states[i]
		if !s.reached {
			continue
		}
		to := func(at int, s state) { l.states[at] = l.states[at].merge(s) }
		switch {
		case in.Op&7 == bpf.RET:
		case in.Op == bpf.JMP|bpf.JA:
			to(i+1+int(in.K), s)
		case in.Op&7 == bpf.JMP:
			to(i+1+int(in.Jf), s)
			to(i+1+int(in.Jt), s.where(in))
		default:
			to(i+1, s.after(in))
		}
	}
}

// assume lets numbers have names before the architecture is tested, where a
// program answers all but one at once: only of that one do numbers tell anything.
func (l *lister) assume() {
	only := uint32(0)
	for i, in := range l.program {
		if s := l.states[i]; !s.reached || !s.loaded || s.offset != bpf.OffArch || in.Op&7 != bpf.JMP || in.Op == bpf.JMP|bpf.JA {
			continue
		}
		if in.Op != bpf.JMP|bpf.JEQ|bpf.K || only != 0 && only != in.K || l.program[i+1+int(in.Jf)].Op != bpf.RET|bpf.K {
			return
		}
		only = in.K
	}
	for i := range l.states {
		if l.states[i].arch == 0 {
			l.states[i].arch = only
		}
	}
}

// where is the state where a jump's comparison held.
func (s state) where(in bpf.Instruction) state {
	if in.Op == bpf.JMP|bpf.JEQ|bpf.K && s.loaded && s.mask == all32 {
		switch s.offset {
		case bpf.OffArch:
			s.arch = in.K
		case bpf.OffNr:
			s.nr = int64(in.K)
		}
	}
	return s
}

// after is the state after an instruction that does not jump.
func (s state) after(in bpf.Instruction) state {
	switch {
	case in.Op == bpf.LD|bpf.W|bpf.ABS:
		s.loaded, s.offset, s.mask = true, in.K, all32
	case in.Op == bpf.ALU|bpf.AND|bpf.K:
		s.mask &= in.K
	case in.Op&7 == bpf.LD, in.Op&7 == bpf.ALU, in.Op == bpf.MISC|bpf.TXA:
		s.loaded = false
	}
	return s
}

// label names what listed jumps go to, but for answers.
func (l *lister) label() {
	targets := map[int]bool{}
	for i, in := range l.program {
		yes, no := i+1+int(in.Jt), i+1+int(in.Jf)
		switch {
		case in.Op == bpf.JMP|bpf.JA:
			targets[i+1+int(in.K)] = true
		case in.Op&7 == bpf.JMP:
			fall := l.falls(i)
			targets[yes], targets[no] = targets[yes] || fall != yes, targets[no] || fall != no
		}
	}
	for i, in := range l.program {
		if targets[i] && in.Op != bpf.RET|bpf.K {
			l.labels[i] = fmt.Sprintf("L%d", len(l.labels)+1)
		}
	}
}

// falls returns the target of a conditional jump that goes without saying, 0
// for none: the next instruction, unless it answers.
func (l *lister) falls(i int) int {
	in := l.program[i]
	if (in.Jt == 0) != (in.Jf == 0) && l.program[i+1].Op != bpf.RET|bpf.K {
		return i + 1
	}
	return 0
}

// target says where a jump goes.
func (l *lister) target(at int) string {
	if in := l.program[at]; in.Op == bpf.RET|bpf.K {
		return bpf.AnswerString(in.K)
	}
	return "goto " + l.labels[at]
}

func (l *lister) text(i int) string {
	in, s := l.program[i], l.states[i]
	switch {
	case in.Op == bpf.RET|bpf.K:
		return bpf.AnswerString(in.K)
	case in.Op == bpf.LD|bpf.W|bpf.ABS:
		word, _ := wordText(s.call(), in.K)
		return "load " + word
	case in.Op == bpf.JMP|bpf.JA:
		return l.target(i + 1 + int(in.K))
	case in.Op&7 == bpf.JMP:
		return l.jump(i)
	}
	return in.String()
}

func (l *lister) jump(i int) string {
	in, s := l.program[i], l.states[i]
	test := fmt.Sprintf("a %s %s", comparisons[in.Op&0xf0], plainNumber(uint64(in.K)))
	switch {
	case in.Op&bpf.X != 0:
		test = fmt.Sprintf("a %s x", comparisons[in.Op&0xf0])
	case s.loaded && s.offset == bpf.OffNr && s.mask == all32:
		test = fmt.Sprintf("nr %s %s", comparisons[in.Op&0xf0], numberText(s.arch, in.K))
	case s.loaded:
		test = testText(s.call(), bpf.Test{Offset: s.offset, Mask: s.mask, Op: in.Op & 0xf0, K: in.K})
	}
	yes, no := i+1+int(in.Jt), i+1+int(in.Jf)
	switch l.falls(i) {
	case yes:
		return fmt.Sprintf("unless %s: %s", test, l.target(no))
	case no:
		return fmt.Sprintf("if %s: %s", test, l.target(yes))
	}
	return fmt.Sprintf("if %s: %s, else %s", test, l.target(yes), l.target(no))
}

// numberText spells the number of a call with its name.
func numberText(arch, nr uint32) string {
	for _, t := range tablesOf(arch) {
		if name := t.Name(int(nr)); name != "" {
			return fmt.Sprintf("%d (%s)", nr, name)
		}
	}
	return plainNumber(uint64(nr))
}
