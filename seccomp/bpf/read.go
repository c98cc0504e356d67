package bpf

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/belljar/belljar/syscalls"
)

// Read reads a filter as raw bytes or as C: an array of { code, jt, jf, k }, or
// of BPF_STMT and BPF_JUMP, with the constants of the kernel's headers. Numbers
// of calls (__NR_read) are those of the table, which may be nil. Errors are
// *SyntaxError. Read checks no instruction; see Check.
func Read(src []byte, t *syscalls.Table) (Program, error) {
	if len(bytes.TrimSpace(src)) == 0 {
		return nil, &SyntaxError{Msg: "there is no instruction"}
	}
	// An operation is less than 256, so its high byte is 0, which no C has.
	if bytes.IndexByte(src, 0) >= 0 {
		return ReadRaw(src)
	}
	r := reader{src: src, table: t}
	p, err := r.program()
	if err != nil {
		return nil, err
	}
	return p, nil
}

// reader reads C, of which it knows the initialisers of filters.
type reader struct {
	src   []byte
	at    int
	table *syscalls.Table
	token string // the current one; "" at the end
	start int    // where it is
}

// program collects the instructions; what is between them is skipped.
func (r *reader) program() (Program, *SyntaxError) {
	var p Program
	for r.next(); r.token != ""; {
		var in Instruction
		var ok bool
		var err *SyntaxError
		switch r.token {
		case "{":
			in, ok, err = r.braces()
		case "BPF_STMT", "BPF_JUMP":
			in, err = r.macro()
			ok = true
		default:
			r.next()
		}
		if err != nil {
			return nil, err
		}
		if ok {
			p = append(p, in)
		}
		if len(p) > MaxLen {
			return nil, r.fail("the filter is longer than %d instructions", MaxLen)
		}
	}
	if len(p) == 0 {
		return nil, r.fail("there is no instruction: neither { code, jt, jf, k } nor BPF_STMT or BPF_JUMP")
	}
	return p, nil
}

// braces reads { code, jt, jf, k }. A brace that begins something else, such as
// the whole array, is skipped.
func (r *reader) braces() (in Instruction, ok bool, err *SyntaxError) {
	r.next()
	if r.token == "." {
		if r.next(); r.token == "code" || r.token == "jt" || r.token == "jf" || r.token == "k" {
			return in, false, r.fail("write { code, jt, jf, k } without the members' names")
		}
		return in, false, nil
	}
	if r.token == "{" || r.token == "}" || r.token == "BPF_STMT" || r.token == "BPF_JUMP" || !r.isValue() {
		return in, false, nil
	}
	values, err := r.values("}", 4, 0xffff, 0xff, 0xff, all32)
	if err != nil {
		return in, false, err
	}
	return Instruction{uint16(values[0]), uint8(values[1]), uint8(values[2]), uint32(values[3])}, true, nil
}

// macro reads BPF_STMT(code, k) or BPF_JUMP(code, k, jt, jf).
func (r *reader) macro() (Instruction, *SyntaxError) {
	jump := r.token == "BPF_JUMP"
	r.next()
	if r.token != "(" {
		return Instruction{}, r.fail("expected ( and found %s", r.found())
	}
	r.next()
	if !jump {
		v, err := r.values(")", 2, 0xffff, all32)
		if err != nil {
			return Instruction{}, err
		}
		return Instruction{Op: uint16(v[0]), K: uint32(v[1])}, nil
	}
	v, err := r.values(")", 4, 0xffff, all32, 0xff, 0xff)
	if err != nil {
		return Instruction{}, err
	}
	return Instruction{uint16(v[0]), uint8(v[2]), uint8(v[3]), uint32(v[1])}, nil
}

const all32 = ^uint32(0)

// values reads n expressions that end with a token, each at most its limit.
func (r *reader) values(end string, n int, limits ...uint32) ([]uint64, *SyntaxError) {
	var out []uint64
	for {
		start := r.start
		v, err := r.expression(0)
		if err != nil {
			return nil, err
		}
		if len(out) == n {
			return nil, r.failAt(start, "an instruction has %d values here", n)
		}
		if v > uint64(limits[len(out)]) {
			return nil, r.failAt(start, "%#x is more than %#x", v, limits[len(out)])
		}
		out = append(out, v)
		switch {
		case r.token == ",":
			r.next()
			if r.token != end {
				continue
			}
		case r.token != end:
			return nil, r.fail("expected , or %s and found %s", end, r.found())
		}
		if len(out) != n {
			return nil, r.fail("an instruction has %d values here, not %d", n, len(out))
		}
		r.next()
		return out, nil
	}
}

// maxNesting bounds how deep parentheses may go.
const maxNesting = 100

// expression reads values joined by | or +.
func (r *reader) expression(depth int) (uint64, *SyntaxError) {
	sum, err := r.value(depth)
	for err == nil && (r.token == "|" || r.token == "+") {
		op := r.token
		r.next()
		var v uint64
		if v, err = r.value(depth); op == "|" {
			sum |= v
		} else {
			sum += v
		}
	}
	return sum, err
}

func (r *reader) value(depth int) (uint64, *SyntaxError) {
	switch {
	case depth > maxNesting:
		return 0, r.fail("parentheses go deeper than %d", maxNesting)
	case r.token == "offsetof":
		return r.offsetOf()
	case r.token == "(":
		r.next()
		v, err := r.expression(depth + 1)
		if err == nil && r.token != ")" {
			return 0, r.fail("expected ) and found %s", r.found())
		}
		r.next()
		return v, err
	case r.token == "" || !r.isValue():
		return 0, r.fail("expected a number or a constant and found %s", r.found())
	}
	word := r.token
	v, err := strconv.ParseUint(strings.TrimRight(word, "uUlL"), 0, 64)
	if err != nil {
		var ok bool
		if v, ok = r.constant(word); !ok {
			return 0, r.fail("unknown constant %s", r.found())
		}
	}
	r.next()
	return v, nil
}

// offsetOf reads offsetof(struct seccomp_data, nr) and other members.
func (r *reader) offsetOf() (uint64, *SyntaxError) {
	start := r.start
	var words []string
	for r.next(); r.token != ")" && r.token != "" && len(words) < 16; r.next() {
		words = append(words, r.token)
	}
	offset, ok := members()[strings.Join(words, " ")]
	if !ok || r.token != ")" {
		return 0, r.failAt(start, "no member of struct seccomp_data")
	}
	r.next()
	return offset, nil
}

var members = sync.OnceValue(func() map[string]uint64 {
	const head = "( struct seccomp_data , "
	m := map[string]uint64{head + "nr": OffNr, head + "arch": OffArch, head + "instruction_pointer": 8}
	for i := range 6 {
		m[fmt.Sprintf("%sargs [ %d ]", head, i)] = uint64(OffArg(i))
	}
	return m
})

// constants are those of linux/bpf_common.h and linux/seccomp.h that the
// tables of package syscalls lack or that belong to filters.
var constants = map[string]uint64{
	"BPF_LD": LD, "BPF_LDX": LDX, "BPF_ST": ST, "BPF_STX": STX, "BPF_ALU": ALU, "BPF_JMP": JMP, "BPF_RET": RET, "BPF_MISC": MISC,
	"BPF_W": W, "BPF_IMM": IMM, "BPF_ABS": ABS, "BPF_MEM": MEM, "BPF_LEN": LEN,
	"BPF_ADD": ADD, "BPF_SUB": SUB, "BPF_MUL": MUL, "BPF_DIV": DIV, "BPF_OR": OR, "BPF_AND": AND, "BPF_LSH": LSH,
	"BPF_RSH": RSH, "BPF_NEG": NEG, "BPF_XOR": XOR,
	"BPF_JA": JA, "BPF_JEQ": JEQ, "BPF_JGT": JGT, "BPF_JGE": JGE, "BPF_JSET": JSET,
	"BPF_K": K, "BPF_X": X, "BPF_A": A, "BPF_TAX": TAX, "BPF_TXA": TXA,
	"SECCOMP_RET_KILL_PROCESS": uint64(KillProcess), "SECCOMP_RET_KILL_THREAD": uint64(KillThread),
	"SECCOMP_RET_KILL": uint64(KillThread), "SECCOMP_RET_TRAP": uint64(TrapSignal), "SECCOMP_RET_ERRNO": uint64(Errno),
	"SECCOMP_RET_USER_NOTIF": uint64(UserNotif), "SECCOMP_RET_TRACE": uint64(Trace), "SECCOMP_RET_LOG": uint64(Log),
	"SECCOMP_RET_ALLOW": uint64(Allow), "SECCOMP_RET_DATA": 0xffff,
	"AUDIT_ARCH_X86_64": 0xc000003e, "AUDIT_ARCH_I386": 0x40000003, "AUDIT_ARCH_AARCH64": 0xc00000b7,
	"AUDIT_ARCH_ARM": 0x40000028, "AUDIT_ARCH_RISCV64": 0xc00000f3, "X32_SYSCALL_BIT": 0x40000000, "__X32_SYSCALL_BIT": 0x40000000,
}

func (r *reader) constant(name string) (uint64, bool) {
	if v, ok := constants[name]; ok {
		return v, true
	}
	for _, prefix := range []string{"__NR_", "SYS_"} {
		if call, ok := strings.CutPrefix(name, prefix); ok && r.table != nil {
			nr, ok := r.table.Number(call)
			return uint64(nr), ok
		}
	}
	if n, ok := syscalls.Errno(name); ok {
		return uint64(n), true
	}
	return syscalls.Constant(name)
}
