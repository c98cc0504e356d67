package seccomp

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// family says which constants an argument of a call is made of, by the prefix
// of their names.
type family struct {
	call   string
	arg    int
	prefix string
	flags  bool // a set of bits
}

// families are of the calls that filters look into.
var families = []family{
	{"socket", 0, "AF_", false}, {"socketpair", 0, "AF_", false}, {"socket", 1, "SOCK_", false},
	{"ioctl", 1, "FIO", false}, {"ioctl", 1, "TC", false}, {"ioctl", 1, "TIO", false}, {"ioctl", 1, "SIOC", false},
	{"fcntl", 1, "F_", false}, {"fcntl64", 1, "F_", false}, {"prctl", 0, "PR_", false},
	{"arch_prctl", 0, "ARCH_", false}, {"clone", 0, "CLONE_", true}, {"unshare", 0, "CLONE_", true}, {"setns", 1, "CLONE_", true},
	{"mmap", 2, "PROT_", true}, {"mmap2", 2, "PROT_", true}, {"mprotect", 2, "PROT_", true}, {"pkey_mprotect", 2, "PROT_", true},
	{"mmap", 3, "MAP_", true}, {"madvise", 2, "MADV_", false}, {"seccomp", 0, "SECCOMP_SET_MODE_", false},
	{"open", 1, "O_", true}, {"openat", 2, "O_", true}, {"futex", 1, "FUTEX_", false},
	{"prlimit64", 1, "RLIMIT_", false}, {"setrlimit", 0, "RLIMIT_", false}, {"ptrace", 0, "PTRACE_", false},
	{"personality", 0, "PER_", false}, {"getrandom", 2, "GRND_", true}, {"keyctl", 0, "KEYCTL_", false},
}

// argValue spells a value that an argument is compared with: as the constants
// that it is made of, or as a number.
func argValue(call string, arg int, v uint64) string {
	for _, f := range families {
		if f.call != call || f.arg != arg {
			continue
		}
		if f.flags {
			if s := flagNames(f.prefix, v); s != "" {
				return s
			}
		} else if s := syscalls.ConstantName(f.prefix, v); s != "" {
			return s
		}
	}
	if syscalls.Args(call)[max(arg, 0)] == syscalls.Sig && v > 0 && v < 65 {
		return syscalls.SignalName(int(v))
	}
	return plainNumber(v)
}

// plainNumber is decimal where people write numbers so, and hexadecimal
// elsewhere.
func plainNumber(v uint64) string {
	if v < 1024 {
		return fmt.Sprint(v)
	}
	return fmt.Sprintf("%#x", v)
}

// flagNames spells a set of bits, "" if some bit has no name.
func flagNames(prefix string, v uint64) string {
	if v == 0 {
		return ""
	}
	var names []string
	for rest := v; rest != 0; rest &= rest - 1 {
		name := syscalls.ConstantName(prefix, 1<<bits.TrailingZeros64(rest))
		if name == "" {
			return ""
		}
		names = append(names, name)
	}
	return strings.Join(names, "|")
}

// archName names an AUDIT_ARCH.
func archName(audit uint32) string {
	for _, t := range tablesOf(audit) {
		return t.GOARCH
	}
	return fmt.Sprintf("arch %#x", audit)
}

// tablesOf returns the tables of an AUDIT_ARCH, by rising numbers.
func tablesOf(audit uint32) []*syscalls.Table {
	return slices.DeleteFunc(syscalls.Tables(), func(t *syscalls.Table) bool { return t.Audit != audit })
}

// comparisons spell how a test compares.
var comparisons = map[uint16]string{bpf.JEQ: "==", bpf.JGT: ">", bpf.JGE: ">=", bpf.JSET: "&"}

// conditionText spells conditions that all hold of the arguments of a call,
// which may be "" for any.
func conditionText(call string, conds []Cond) string {
	var out []string
	done := make([]bool, len(conds))
	for i, c := range conds {
		if done[i] {
			continue
		}
		if c.Ranges == nil {
			out = append(out, testText(call, c.Test))
			continue
		}
		word, arg := wordText(call, c.Offset)
		high := uint32(0)
		if j := otherHalf(conds, i); j >= 0 {
			done[j] = true
			low, other := c, conds[j]
			if low.Offset%8 != 0 {
				low, other = other, low
			}
			c, high, arg = low, other.Ranges[0].First, int(low.Offset-bpf.OffArg(0))/8
			word = fmt.Sprintf("arg %d", arg)
		}
		out = append(out, word+" "+rangesText(call, arg, c.Ranges, high))
	}
	return strings.Join(out, " and ")
}

// otherHalf finds the condition that completes a half of an argument: one half
// is a single value, and it is 0 or so is the other.
func otherHalf(conds []Cond, i int) int {
	c := conds[i]
	if c.Offset < bpf.OffArg(0) {
		return -1
	}
	return slices.IndexFunc(conds, func(o Cond) bool {
		if o.Offset != c.Offset^4 || o.Ranges == nil {
			return false
		}
		high := o
		if o.Offset%8 == 0 {
			high = c
		}
		return len(high.Ranges) == 1 && high.Ranges[0].First == high.Ranges[0].Last
	})
}

// rangesText spells the values of a word, or of an argument with a high half.
func rangesText(call string, arg int, ranges []Range, high uint32) string {
	value := func(v uint64) string {
		v |= uint64(high) << 32
		if arg >= 0 {
			return argValue(call, arg, v)
		}
		return plainNumber(v)
	}
	var out []string
	for _, r := range ranges {
		out = append(out, rangeText(uint64(r.First), uint64(r.Last), value))
	}
	if len(out) == 1 {
		switch r := ranges[0]; {
		case r.First == r.Last:
			return "== " + out[0]
		case r.Last == all32 && high == 0:
			return ">= " + value(uint64(r.First))
		case r.First == 0 && high == 0:
			return "<= " + value(uint64(r.Last))
		}
	}
	return "in " + strings.Join(out, ", ")
}

// testText spells one test, as in "arg 1 == TIOCSTI" or "arg 0 & CLONE_NEWNS".
func testText(call string, t bpf.Test) string {
	word, arg := wordText(call, t.Offset)
	value := plainNumber(uint64(t.K))
	switch {
	case t.Offset == bpf.OffArch:
		value = archName(t.K)
	case arg >= 0:
		value = argValue(call, arg, uint64(t.K))
	}
	if t.Op == bpf.JSET {
		return fmt.Sprintf("%s & %s != 0", word, value)
	}
	if t.Mask != all32 {
		word = fmt.Sprintf("%s & %#x", word, t.Mask)
	}
	return fmt.Sprintf("%s %s %s", word, comparisons[t.Op], value)
}

// wordText names a word of struct seccomp_data, and the argument whose low half
// it is, or -1. The low half of an argument that the kernel takes as 32 bits is
// all of it.
func wordText(call string, offset uint32) (text string, arg int) {
	switch offset {
	case bpf.OffNr:
		return "nr", -1
	case bpf.OffArch:
		return "arch", -1
	case 8, 12:
		return [...]string{"ip.low", "ip.high"}[(offset-8)/4], -1
	}
	arg = int(offset-bpf.OffArg(0)) / 8
	switch {
	case offset%8 != 0:
		return fmt.Sprintf("arg %d high", arg), -1
	case syscalls.Args(call)[arg].Bits() > 32:
		return fmt.Sprintf("arg %d low", arg), arg
	}
	return fmt.Sprintf("arg %d", arg), arg
}
