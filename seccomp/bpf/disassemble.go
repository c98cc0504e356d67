package bpf

import (
	"fmt"
	"strings"
)

// operations spell the operations of ALU and JMP by their bits.
var (
	aluNames = map[uint16]string{ADD: "add", SUB: "sub", MUL: "mul", DIV: "div", OR: "or", AND: "and",
		LSH: "lsh", RSH: "rsh", XOR: "xor"}
	jumpNames = map[uint16]string{JEQ: "jeq", JGT: "jgt", JGE: "jge", JSET: "jset"}
)

// dataNames are the words of Data by offset/4.
var dataNames = [dataSize / 4]string{"nr", "arch", "ip.low", "ip.high",
	"args[0].low", "args[0].high", "args[1].low", "args[1].high", "args[2].low", "args[2].high",
	"args[3].low", "args[3].high", "args[4].low", "args[4].high", "args[5].low", "args[5].high"}

// String disassembles the program, one instruction a line, each with its
// number; a jump names the numbers of its targets.
func (p Program) String() string {
	var b strings.Builder
	for i, in := range p {
		fmt.Fprintf(&b, "%04d: %s\n", i, in.text(i))
	}
	return b.String()
}

// String disassembles one instruction; jumps are relative to it, as in "+2".
func (in Instruction) String() string { return in.text(-1) }

// text disassembles the instruction at a place, or at none if that is negative.
func (in Instruction) text(at int) string {
	if in.Op > 255 || !seccompOps[in.Op] {
		return fmt.Sprintf("unknown %#04x, %d, %d, %#x", in.Op, in.Jt, in.Jf, in.K)
	}
	switch in.Op & 7 {
	case LD, LDX, ST, STX:
		return in.move()
	case ALU:
		if in.Op == ALU|NEG {
			return "neg"
		}
		return aluNames[in.Op&0xf0] + " " + in.operand()
	case JMP:
		if in.Op == JMP|JA {
			return "ja " + target(at, uint64(in.K))
		}
		return fmt.Sprintf("%s %s, %s, %s", jumpNames[in.Op&0xf0], in.operand(),
			target(at, uint64(in.Jt)), target(at, uint64(in.Jf)))
	case RET:
		if in.Op&A != 0 {
			return "ret a"
		}
		return "ret " + AnswerString(in.K)
	}
	if in.Op == MISC|TAX {
		return "tax"
	}
	return "txa"
}

func (in Instruction) operand() string {
	if in.Op&X != 0 {
		return "x"
	}
	return fmt.Sprintf("#%#x", in.K)
}

func target(at int, skip uint64) string {
	if at < 0 {
		return fmt.Sprintf("+%d", skip+1)
	}
	return fmt.Sprintf("%04d", uint64(at)+skip+1)
}

// move disassembles loads and stores.
func (in Instruction) move() string {
	name := [...]string{LD: "ld", LDX: "ldx", ST: "st", STX: "stx"}[in.Op&7]
	switch {
	case in.Op&7 == ST || in.Op&7 == STX || in.Op&0xe0 == MEM:
		return fmt.Sprintf("%s mem[%d]", name, in.K)
	case in.Op&0xe0 == LEN:
		return name + " len"
	case in.Op&0xe0 == IMM:
		return fmt.Sprintf("%s #%#x", name, in.K)
	case in.K%4 == 0 && in.K < dataSize:
		return name + " " + dataNames[in.K/4]
	}
	return fmt.Sprintf("%s [%d]", name, in.K)
}

// answerNames spell what a filter returns, but for Errno.
var answerNames = map[uint32]string{KillProcess: "kill-process", KillThread: "kill-thread", TrapSignal: "trap",
	UserNotif: "user-notif", Trace: "trace", Log: "log", Allow: "allow"}

// AnswerString names what a filter returned, such as "errno 1" or "allow";
// data in the low 16 bits follows where it is not 0.
func AnswerString(k uint32) string {
	action, data := k&0xffff0000, k&0xffff
	name, ok := answerNames[action]
	switch {
	case action == Errno:
		return fmt.Sprintf("errno %d", data)
	case !ok:
		return fmt.Sprintf("%#x", k)
	case data != 0:
		return fmt.Sprintf("%s %d", name, data)
	}
	return name
}
