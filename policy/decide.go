package policy

import (
	"slices"
	"strings"

	"github.com/belljar/belljar/syscalls"
)

// IsGroup reports whether a rule's Call names a group.
func IsGroup(call string) bool { return strings.HasPrefix(call, "@") }

// Decide returns what the policy says about a call of an architecture with
// these raw arguments, and the rule that says so; the rule is nil where the
// default decides. It reads the rules one by one: whatever enforces a policy
// must give the same answer. Counts and files are decided apart from it.
func (p *Policy) Decide(t *syscalls.Table, nr int, args [6]uint64) (Action, *Rule) {
	if name := t.Name(nr); name != "" {
		for i := range p.Rules {
			if r := &p.Rules[i]; r.Names(name) && r.holds(t, name, args) {
				return r.Do.OrKill(), r
			}
		}
	}
	return p.Default.OrKill(), nil
}

// OrKill returns the action, with Unset read as Kill.
func (a Action) OrKill() Action {
	if a.Kind == Unset {
		a.Kind = Kill
	}
	return a
}

// Lets reports whether the policy lets some form of a call through in which all
// the conditions hold: on its way to the kernel, or to a handler. It may say so
// of a form that does not exist, but never denies one that does.
func (p *Policy) Lets(call string, when ...Cond) bool {
	for i := range p.Rules {
		r := &p.Rules[i]
		if !r.Names(call) {
			continue
		}
		if r.Do.lets() && r.Meets(call, when...) {
			return true
		}
		if !r.Do.lets() && len(r.When) == 0 {
			return false
		}
	}
	return p.Default.lets()
}

// lets reports whether the action lets the kernel, or a handler, see the call.
func (a Action) lets() bool { return a.Kind == Allow || a.Kind == Trap }

// Meets reports whether the conditions of the rule and these can hold of one
// call. As in Lets, a doubt is a yes.
func (r *Rule) Meets(call string, when ...Cond) bool {
	both := Rule{Call: call, When: slices.Concat(r.When, when)}
	for arg := range syscalls.Args(call) {
		if both.compatible(arg) != nil {
			return false
		}
	}
	return true
}

// Names reports whether the rule speaks of a call, by name or by group.
func (r *Rule) Names(call string) bool {
	if IsGroup(r.Call) {
		return syscalls.InGroup(r.Call, call)
	}
	return r.Call == call
}

func (r *Rule) holds(t *syscalls.Table, call string, args [6]uint64) bool {
	for _, c := range r.When {
		if c.Arg < 0 || c.Arg >= len(args) || !c.Holds(args[c.Arg], t.ArgBits(call, c.Arg)) {
			return false
		}
	}
	return true
}

// Holds reports whether the condition is true of a register, of which the
// kernel looks only at the low bits; see Narrow for the values' side.
func (c Cond) Holds(arg uint64, bits int) bool {
	arg = low(arg, bits)
	if c.Op == In {
		for _, v := range c.Values {
			if arg == Narrow(v, bits) {
				return true
			}
		}
		return false
	}
	if len(c.Values) != 1 {
		return false
	}
	v := Narrow(c.Values[0], bits)
	switch c.Op {
	case Eq:
		return arg == v
	case Ne:
		return arg != v
	case Lt:
		return arg < v
	case Le:
		return arg <= v
	case Gt:
		return arg > v
	case Ge:
		return arg >= v
	case Mask:
		return arg&c.Mask == v
	}
	return false
}

// Narrow returns a condition's value as the low bits of a register hold it. A
// negative number loses its sign's copies, so -100 (AT_FDCWD) means an int
// argument however the program extended it. Any other number stays as it is:
// one that does not fit is equal to no argument, rather than to a wrong one.
func Narrow(v uint64, bits int) uint64 {
	shift := 64 - bits
	if uint64(int64(v<<shift)>>shift) == v {
		return low(v, bits)
	}
	return v
}

func low(v uint64, bits int) uint64 { return v << (64 - bits) >> (64 - bits) }
