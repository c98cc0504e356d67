package seccomp

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// ExportOCI writes a policy's rules on calls as an OCI runtime's seccomp
// profile for these architectures. That format has no order among the rules of
// a call, and after rules on a call's arguments it knows only the default;
// ExportOCI fails for what it could say only wrongly.
func ExportOCI(p *policy.Policy, tables ...*syscalls.Table) ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	out := ociProfile{}
	var err error
	if out.DefaultAction, out.DefaultErrno, err = ociActionName(p.Default); err != nil {
		return nil, fmt.Errorf("default: %w", err)
	}
	for _, t := range tables {
		for _, a := range ociArches {
			if a.goarch == t.GOARCH {
				out.Architectures = append(out.Architectures, a.scmp)
			}
		}
	}
	x := ociExporter{profile: &out, fallback: p.Default.OrKill(), plain: map[policy.Action]int{}}
	rules := rulesByCall(p)
	for _, name := range syscalls.Names() {
		if len(rules[name]) == 0 || !slices.ContainsFunc(tables, func(t *syscalls.Table) bool { _, ok := t.Number(name); return ok }) {
			continue
		}
		if err := x.call(name, rules[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	text, err := json.MarshalIndent(out, "", "\t")
	return append(text, '\n'), err
}

func ociActionName(a policy.Action) (name string, errno *uint16, err error) {
	switch a.OrKill().Kind {
	case policy.Allow:
		return "SCMP_ACT_ALLOW", nil, nil
	case policy.Deny:
		return "SCMP_ACT_ERRNO", &a.Errno, nil
	case policy.Kill:
		return "SCMP_ACT_KILL_PROCESS", nil, nil
	}
	return "", nil, fmt.Errorf("a trap has no handler in a container")
}

type ociExporter struct {
	profile  *ociProfile
	fallback policy.Action
	plain    map[policy.Action]int // which entry has the calls of an action without conditions
}

// call adds what decides one call.
func (x *ociExporter) call(name string, rules []*policy.Rule) error {
	last := x.fallback
	if i := slices.IndexFunc(rules, func(r *policy.Rule) bool { return len(r.When) == 0 }); i >= 0 {
		last, rules = rules[i].Do.OrKill(), rules[:i]
	}
	if len(rules) == 0 {
		if last == x.fallback {
			return nil
		}
		return x.add(name, last, nil)
	}
	for _, r := range rules {
		if r.Do != rules[0].Do {
			return fmt.Errorf("its conditions lead to different actions, and the format has no order among rules")
		}
	}
	do := rules[0].Do.OrKill()
	if do != x.fallback {
		for _, r := range rules {
			if err := x.conditional(name, do, r.When); err != nil {
				return err
			}
		}
	}
	if last == x.fallback {
		return nil
	}
	// The format has the default where no condition holds, so another answer
	// needs the opposite of the condition.
	opposite := negate(name, rules)
	if opposite == nil {
		return fmt.Errorf("what its conditions leave over is answered otherwise than by default, which the format cannot say")
	}
	for _, when := range opposite {
		if err := x.conditional(name, last, when); err != nil {
			return err
		}
	}
	return nil
}

// conditional adds one rule with conditions: one entry for each combination of
// the values of lists.
func (x *ociExporter) conditional(name string, do policy.Action, when []policy.Cond) error {
	args := [][]ociArg{nil}
	var compared [6]bool
	for _, c := range when {
		if compared[c.Arg] {
			return fmt.Errorf("argument %d is compared twice in one rule, which the format takes as alternatives", c.Arg)
		}
		compared[c.Arg] = true
		var longer [][]ociArg
		for _, a := range ociComparisons(name, do, c) {
			for _, before := range args {
				longer = append(longer, append(slices.Clone(before), a))
			}
		}
		if args = longer; len(args) > 1000 {
			return fmt.Errorf("its lists of values have more than 1000 combinations")
		}
	}
	for _, a := range args {
		if err := x.add(name, do, a); err != nil {
			return err
		}
	}
	return nil
}

// ociComparisons are the alternatives that make up a condition. The format's
// comparisons are of all 64 bits, of which the kernel may read fewer. Where the
// others would evade the rule it is made of equalities of the bits that count.
func ociComparisons(call string, do policy.Action, c policy.Cond) (out []ociArg) {
	width := syscalls.Args(call)[c.Arg].Bits()
	all := all64 >> (64 - width)
	arg := uint(c.Arg)
	v := policy.Narrow(c.Values[0], width)
	switch {
	case c.Op == policy.Mask:
		return []ociArg{{arg, c.Mask & all, v, "SCMP_CMP_MASKED_EQ"}}
	case c.Op == policy.Eq || c.Op == policy.In:
		for _, v := range c.Values {
			if v = policy.Narrow(v, width); width == 64 {
				out = append(out, ociArg{Index: arg, Value: v, Op: "SCMP_CMP_EQ"})
			} else {
				out = append(out, ociArg{arg, all, v, "SCMP_CMP_MASKED_EQ"})
			}
		}
		return out
	case width == 64, do.Kind == policy.Allow && (c.Op == policy.Lt || c.Op == policy.Le):
		// More bits than the kernel reads make this one stricter at most.
		for name, op := range ociOps {
			if op == c.Op {
				out = append(out, ociArg{Index: arg, Value: v, Op: name})
			}
		}
		return out
	}
	switch c.Op {
	case policy.Ne:
		for _, when := range otherBits(c.Arg, all, v) {
			out = append(out, ociArg{arg, when[0].Mask, when[0].Values[0], "SCMP_CMP_MASKED_EQ"})
		}
		return out
	case policy.Lt:
		return blocks(arg, 0, v-1, all)
	case policy.Le:
		return blocks(arg, 0, v, all)
	case policy.Ge:
		return blocks(arg, v, all, all)
	}
	return blocks(arg, v+1, all, all)
}

// blocks covers the numbers from first to last by equalities of leading bits.
func blocks(arg uint, first, last, all uint64) (out []ociArg) {
	for {
		// The largest block that begins at first and does not go beyond last.
		size := first & -first
		if first == 0 {
			size = (all >> 1) + 1
		}
		for size-1 > last-first {
			size >>= 1
		}
		out = append(out, ociArg{arg, all &^ (size - 1), first, "SCMP_CMP_MASKED_EQ"})
		if last-first < size {
			return out
		}
		first += size
	}
}

// negate returns rules that hold where a single condition does not, nil where
// the format has none.
func negate(call string, rules []*policy.Rule) [][]policy.Cond {
	if len(rules) != 1 || len(rules[0].When) != 1 || len(rules[0].When[0].Values) != 1 {
		return nil
	}
	c := rules[0].When[0]
	width := syscalls.Args(call)[c.Arg].Bits()
	all := all64 >> (64 - width)
	v := policy.Narrow(c.Values[0], width)
	switch c.Op {
	case policy.Mask:
		return otherBits(c.Arg, c.Mask&all, v)
	case policy.Eq, policy.In:
		if width < 64 {
			return otherBits(c.Arg, all, v)
		}
		return [][]policy.Cond{{{Arg: c.Arg, Op: policy.Ne, Values: c.Values}}}
	}
	opposite := map[policy.Op]policy.Op{policy.Ne: policy.Eq, policy.Lt: policy.Ge, policy.Ge: policy.Lt, policy.Le: policy.Gt, policy.Gt: policy.Le}
	return [][]policy.Cond{{{Arg: c.Arg, Op: opposite[c.Op], Values: c.Values}}}
}

// otherBits are the ways in which arg & mask can differ from v: one bit each.
func otherBits(arg int, mask, v uint64) (out [][]policy.Cond) {
	for rest := mask; rest != 0; rest &= rest - 1 {
		bit := uint64(1) << bits.TrailingZeros64(rest)
		out = append(out, []policy.Cond{{Arg: arg, Op: policy.Mask, Mask: bit, Values: []uint64{^v & bit}}})
	}
	return out
}

// add adds an entry; calls without conditions share one.
func (x *ociExporter) add(name string, do policy.Action, args []ociArg) error {
	entries := &x.profile.Syscalls
	if i, ok := x.plain[do]; ok && args == nil {
		(*entries)[i].Names = append((*entries)[i].Names, name)
		return nil
	}
	action, errno, err := ociActionName(do)
	if err != nil {
		return err
	}
	if args == nil {
		x.plain[do] = len(*entries)
	}
	*entries = append(*entries, ociRule{Names: []string{name}, Action: action, Errno: errno, Args: args})
	return nil
}
