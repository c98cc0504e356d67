package bpf

import (
	"encoding/binary"
	"errors"
)

// Data is what a seccomp filter sees of a call: struct seccomp_data.
type Data struct {
	Nr   int32
	Arch uint32 // AUDIT_ARCH_*
	IP   uint64
	Args [6]uint64
}

// Offsets into Data. An argument's low half comes first on every
// architecture that Belljar has a table for: all are little-endian.
const (
	OffNr   = 0
	OffArch = 4
)

// OffArg returns the offset of an argument's low half; its high half is 4 further.
func OffArg(i int) uint32 { return 16 + 8*uint32(i) }

// words returns the data as the kernel's 32-bit loads see it.
func (d Data) words() (w [dataSize / 4]uint32) {
	w[0], w[1] = uint32(d.Nr), d.Arch
	w[2], w[3] = uint32(d.IP), uint32(d.IP>>32)
	for i, a := range d.Args {
		w[4+2*i], w[5+2*i] = uint32(a), uint32(a>>32)
	}
	return w
}

// Bytes returns the data in the given byte order. The interpreters of network
// filters, unlike seccomp's, load big-endian words.
func (d Data) Bytes(order binary.ByteOrder) []byte {
	out := make([]byte, dataSize)
	for i, w := range d.words() {
		order.PutUint32(out[4*i:], w)
	}
	return out
}

// Run interprets the program and returns its answer and how many
// instructions that took. It fails only for a program that Check rejects.
func (p Program) Run(d Data) (answer uint32, steps int, err error) {
	return p.run(d, nil)
}

// Path is Run, and tells which instructions it took.
func (p Program) Path(d Data) (answer uint32, path []int, err error) {
	answer, _, err = p.run(d, func(pc int) { path = append(path, pc) })
	return answer, path, err
}

func (p Program) run(d Data, visit func(pc int)) (answer uint32, steps int, err error) {
	m := machine{data: d.words()}
	for pc := 0; pc >= 0 && pc < len(p); pc++ {
		steps++
		if visit != nil {
			visit(pc)
		}
		in := p[pc]
		switch in.Op & 7 {
		case RET:
			if in.Op&A != 0 {
				return m.a, steps, nil
			}
			return in.K, steps, nil
		case JMP:
			pc += m.jump(in)
		default:
			if !m.step(in) {
				// The kernel's answer to a division by zero of X is to return 0.
				return 0, steps, nil
			}
		}
		if m.bad {
			return 0, steps, errors.New("program does not pass Check")
		}
	}
	return 0, steps, errors.New("program has no return")
}

type machine struct {
	a, x uint32
	mem  [scratch]uint32
	data [dataSize / 4]uint32
	bad  bool // an instruction that Check would have rejected
}

// jump returns how many instructions to skip.
func (m *machine) jump(in Instruction) int {
	if in.Op&0xf0 == JA {
		return int(in.K)
	}
	k := in.K
	if in.Op&X != 0 {
		k = m.x
	}
	held, ok := compare(in.Op&0xf0, m.a, k)
	if m.bad = !ok; held {
		return int(in.Jt)
	}
	return int(in.Jf)
}

// compare makes the comparison of a conditional jump; ok is false for none.
func compare(op uint16, a, k uint32) (held, ok bool) {
	switch op {
	case JEQ:
		return a == k, true
	case JGT:
		return a > k, true
	case JGE:
		return a >= k, true
	case JSET:
		return a&k != 0, true
	}
	return false, false
}

// step runs one instruction that neither jumps nor returns, and reports
// whether the program goes on.
func (m *machine) step(in Instruction) bool {
	switch in.Op {
	case LD | W | ABS:
		if m.bad = in.K >= dataSize || in.K%4 != 0; !m.bad {
			m.a = m.data[in.K/4]
		}
	case LD | IMM:
		m.a = in.K
	case LDX | IMM:
		m.x = in.K
	case LD | W | LEN:
		m.a = dataSize
	case LDX | W | LEN:
		m.x = dataSize
	case MISC | TAX:
		m.x = m.a
	case MISC | TXA:
		m.a = m.x
	case LD | MEM, LDX | MEM, ST, STX:
		m.scratch(in)
	default:
		if in.Op&7 != ALU {
			m.bad = true
			return true
		}
		return m.alu(in)
	}
	return true
}

func (m *machine) scratch(in Instruction) {
	if m.bad = in.K >= scratch; m.bad {
		return
	}
	switch in.Op {
	case LD | MEM:
		m.a = m.mem[in.K]
	case LDX | MEM:
		m.x = m.mem[in.K]
	case ST:
		m.mem[in.K] = m.a
	case STX:
		m.mem[in.K] = m.x
	}
}

func (m *machine) alu(in Instruction) bool {
	k := in.K
	if in.Op&X != 0 {
		k = m.x
	}
	switch in.Op & 0xf0 {
	case ADD:
		m.a += k
	case SUB:
		m.a -= k
	case MUL:
		m.a *= k
	case DIV:
		if k == 0 {
			return false
		}
		m.a /= k
	case OR:
		m.a |= k
	case AND:
		m.a &= k
	case XOR:
		m.a ^= k
	case LSH:
		// Since Linux 4.20 a shift by a register uses its low five bits.
		m.a <<= k & 31
	case RSH:
		m.a >>= k & 31
	case NEG:
		m.a = -m.a
	default:
		m.bad = true
	}
	return true
}
