package bpf

import (
	"errors"
	"fmt"
)

// Instruction has the layout of struct sock_filter.
type Instruction struct {
	Op     uint16
	Jt, Jf uint8 // how many instructions a conditional jump skips
	K      uint32
}

// Program is a filter. The kernel takes 1 to MaxLen instructions.
type Program []Instruction

// MaxLen is BPF_MAXINSNS.
const MaxLen = 4096

// Instruction classes, widths, modes, operations and sources, as in
// linux/bpf_common.h. An Op is the sum of one of each that applies.
const (
	LD, LDX, ST, STX, ALU, JMP, RET, MISC = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07

	W                  = 0x00
	IMM, ABS, MEM, LEN = 0x00, 0x20, 0x60, 0x80

	ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, NEG, XOR = 0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0xa0

	JA, JEQ, JGT, JGE, JSET = 0x00, 0x10, 0x20, 0x30, 0x40

	K, X, A  = 0x00, 0x08, 0x10
	TAX, TXA = 0x00, 0x80
)

// What a filter returns, as in linux/seccomp.h. The low 16 bits are data.
const (
	KillProcess uint32 = 0x80000000
	KillThread  uint32 = 0x00000000
	TrapSignal  uint32 = 0x00030000 // SECCOMP_RET_TRAP: SIGSYS
	Errno       uint32 = 0x00050000
	UserNotif   uint32 = 0x7fc00000
	Trace       uint32 = 0x7ff00000
	Log         uint32 = 0x7ffc0000
	Allow       uint32 = 0x7fff0000
)

// scratch is BPF_MEMWORDS, the number of cells that ST and LD MEM reach.
const scratch = 16

// dataSize is sizeof(struct seccomp_data), see Data.
const dataSize = 64

// seccompOps is the list of seccomp_check_filter (kernel/seccomp.c): classic
// BPF without packet access and, unlike socket filters, without MOD.
var seccompOps = func() (ok [256]bool) {
	for _, op := range []uint16{
		LD | W | ABS, LD | W | LEN, LD | IMM, LD | MEM, LDX | W | LEN, LDX | IMM, LDX | MEM, ST, STX,
		MISC | TAX, MISC | TXA, RET | K, RET | A, ALU | NEG, JMP | JA,
	} {
		ok[op] = true
	}
	for _, op := range []uint16{ADD, SUB, MUL, DIV, AND, OR, XOR, LSH, RSH} {
		ok[ALU|op|K], ok[ALU|op|X] = true, true
	}
	for _, op := range []uint16{JEQ, JGT, JGE, JSET} {
		ok[JMP|op|K], ok[JMP|op|X] = true, true
	}
	return ok
}()

// LengthError says that a program is longer than the kernel takes.
type LengthError struct{ Len int }

func (e *LengthError) Error() string {
	return fmt.Sprintf("program has %d instructions, the kernel takes %d", e.Len, MaxLen)
}

// Check reports whether seccomp(2) would take the program, by the rules of
// bpf_check_classic (net/core/filter.c) and seccomp_check_filter.
func (p Program) Check() error {
	if len(p) == 0 {
		return errors.New("empty program")
	}
	if len(p) > MaxLen {
		return &LengthError{len(p)}
	}
	for i, in := range p {
		if err := p.checkOne(i, in); err != nil {
			return fmt.Errorf("instruction %d: %w", i, err)
		}
	}
	if p[len(p)-1].Op&7 != RET {
		return errors.New("program does not end with a return")
	}
	return p.checkScratch()
}

func (p Program) checkOne(i int, in Instruction) error {
	if in.Op > 255 || !seccompOps[in.Op] {
		return fmt.Errorf("unknown operation %#x", in.Op)
	}
	left := uint64(len(p) - i - 1)
	switch in.Op {
	case ALU | DIV | K:
		if in.K == 0 {
			return errors.New("division by zero")
		}
	case ALU | LSH | K, ALU | RSH | K:
		if in.K >= 32 {
			return fmt.Errorf("shift by %d", in.K)
		}
	case LD | MEM, LDX | MEM, ST, STX:
		if in.K >= scratch {
			return fmt.Errorf("no scratch cell %d", in.K)
		}
	case LD | W | ABS:
		if in.K >= dataSize || in.K%4 != 0 {
			return fmt.Errorf("load from offset %d", in.K)
		}
	case JMP | JA:
		if uint64(in.K) >= left {
			return errors.New("jump past the end")
		}
	default:
		if in.Op&7 == JMP && uint64(max(in.Jt, in.Jf)) >= left {
			return errors.New("jump past the end")
		}
	}
	return nil
}

// checkScratch rejects a read of a scratch cell that some path has not
// written, as check_load_and_stores does.
func (p Program) checkScratch() error {
	written := make([]uint16, len(p)+1)
	for i := range written {
		written[i] = 1<<scratch - 1
	}
	var now uint16
	for i, in := range p {
		now &= written[i]
		switch {
		case in.Op == ST || in.Op == STX:
			now |= 1 << in.K
		case in.Op == LD|MEM || in.Op == LDX|MEM:
			if now&(1<<in.K) == 0 {
				return fmt.Errorf("instruction %d: scratch cell %d may be unwritten", i, in.K)
			}
		case in.Op == JMP|JA:
			written[i+1+int(in.K)] &= now
			now = 1<<scratch - 1
		case in.Op&7 == JMP:
			written[i+1+int(in.Jt)] &= now
			written[i+1+int(in.Jf)] &= now
			now = 1<<scratch - 1
		}
	}
	return nil
}
