package policy

import (
	"fmt"
	"slices"

	"github.com/belljar/belljar/syscalls"
)

// maxErrno is MAX_ERRNO: a higher number would not be an error to the program.
const maxErrno = 4095

// Validate returns the mistakes in a policy as *Error, or nil. Parse has
// validated what it returns; a policy made in Go should be validated once.
func (p *Policy) Validate() error {
	if err := p.validate(); err != nil {
		return err // never a typed nil
	}
	return nil
}

func (p *Policy) validate() *Error {
	bad := p.Default.validate(Pos{File: p.Name}.orZero())
	for i := range p.Rules {
		bad = bad.and(p.Rules[i].validate())
	}
	for _, c := range p.Counts {
		if IsGroup(c.Call) {
			bad = bad.and(errorAt(c.Pos, "count %s: a count is of one call, not of a group", c.Call))
			continue
		}
		bad = bad.and(checkCall(c.Call, c.Pos)).and(c.Do.validate(c.Pos))
	}
	return bad.and(p.Files.validate()).and(p.Network.validate())
}

// orZero drops a position that has no line.
func (p Pos) orZero() Pos {
	if p.Line == 0 {
		return Pos{}
	}
	return p
}

func (a Action) validate(pos Pos) *Error {
	switch {
	case a.Kind > Trap:
		return errorAt(pos, "unknown kind of action %d", a.Kind)
	case a.Kind == Deny && (a.Errno == 0 || a.Errno > maxErrno):
		return errorAt(pos, "deny needs an errno from 1 to %d, not %d", maxErrno, a.Errno)
	case a.Kind != Deny && a.Errno != 0:
		return errorAt(pos, "only deny has an errno")
	}
	return nil
}

func checkCall(name string, pos Pos) *Error {
	if IsGroup(name) {
		if _, ok := syscalls.Group(name); !ok {
			return unknown(pos, "group", name, syscalls.Groups())
		}
		return nil
	}
	if !syscalls.Known(name) {
		return unknown(pos, "system call", name, append(syscalls.Names(), syscalls.Groups()...))
	}
	return nil
}

func (r *Rule) validate() *Error {
	if err := checkCall(r.Call, r.Pos); err != nil {
		return err
	}
	if err := r.Do.validate(r.Pos); err != nil {
		return err
	}
	if IsGroup(r.Call) && len(r.When) > 0 {
		return errorAt(r.Pos, "conditions need one call: the arguments of %s mean different things", r.Call)
	}
	for _, c := range r.When {
		if err := c.validate(r); err != nil {
			return err
		}
	}
	for i := range syscalls.Args(r.Call) {
		if err := r.compatible(i); err != nil {
			return err
		}
	}
	return nil
}

func (c Cond) validate(r *Rule) *Error {
	where := fmt.Sprintf("%s, argument %d", r.Call, c.Arg)
	sig := syscalls.Args(r.Call)
	switch {
	case c.Arg < 0 || c.Arg > 5:
		return errorAt(r.Pos, "%s: a call has arguments 0 to 5", where)
	case sig.Count() > 0 && c.Arg >= sig.Count():
		return errorAt(r.Pos, "%s: %s takes %d arguments", where, r.Call, sig.Count())
	case c.Op > Mask:
		return errorAt(r.Pos, "%s: unknown comparison %d", where, c.Op)
	case len(c.Values) == 0, c.Op != In && len(c.Values) != 1:
		return errorAt(r.Pos, "%s: %s compares with one value, not %d", where, c.Op, len(c.Values))
	case c.Op != Mask && c.Mask != 0:
		return errorAt(r.Pos, "%s: only mask has a mask", where)
	case c.Op == Mask && c.Mask == 0:
		return errorAt(r.Pos, "%s: mask 0 looks at no bit", where)
	}
	if sig[c.Arg].IsPointer() && !c.aboutNull() {
		return errorAt(r.Pos, "%s: it is an address (%s), which only {eq: 0} and {ne: 0} can judge", where, sig[c.Arg])
	}
	return c.possible(r, where, sig[c.Arg].Bits())
}

// aboutNull reports whether the condition only asks whether there is a pointer.
func (c Cond) aboutNull() bool {
	return (c.Op == Eq || c.Op == Ne) && c.Values[0] == 0
}

// possible rejects conditions that no argument, or every one, satisfies.
func (c Cond) possible(r *Rule, where string, bits int) *Error {
	limit := low(^uint64(0), bits)
	for _, v := range c.Values {
		if n := Narrow(v, bits); n > limit {
			return errorAt(r.Pos, "%s: %#x does not fit, the kernel looks at %d bits", where, v, bits)
		}
	}
	v := Narrow(c.Values[0], bits)
	switch {
	case c.Op == Lt && v == 0, c.Op == Gt && v == limit:
		return errorAt(r.Pos, "%s: %s %#x is never true of an unsigned number", where, c.Op, c.Values[0])
	case c.Op == Ge && v == 0, c.Op == Le && v == limit:
		return errorAt(r.Pos, "%s: %s %#x is always true of an unsigned number", where, c.Op, c.Values[0])
	case c.Op == Mask && v&^low(c.Mask, bits) != 0:
		return errorAt(r.Pos, "%s: mask %#x is %#x is never true: the mask clears the bits %#x",
			where, c.Mask, c.Values[0], v&^low(c.Mask, bits))
	}
	return nil
}

// compatible rejects rules whose conditions on one argument rule each other
// out. It is exact unless a mask meets an ordering.
func (r *Rule) compatible(arg int) *Error {
	bits := syscalls.Args(r.Call)[arg].Bits()
	conds := slices.DeleteFunc(slices.Clone(r.When), func(c Cond) bool { return c.Arg != arg })
	if len(conds) < 2 {
		return nil
	}
	all := func(v uint64) bool {
		return !slices.ContainsFunc(conds, func(c Cond) bool { return !c.Holds(v, bits) })
	}
	if tries, ok := candidates(conds, bits); ok && !slices.ContainsFunc(tries, all) || !ok && !compatibleMasks(conds, bits) {
		return errorAt(r.Pos, "%s: the conditions on argument %d exclude each other", r.Call, arg)
	}
	return nil
}

// candidates returns values of which one fulfils all conditions if any value
// does; ok is false where a mask makes that too many.
func candidates(conds []Cond, bits int) (tries []uint64, ok bool) {
	for _, c := range conds {
		if c.Op == Eq || c.Op == In {
			return c.narrowed(bits), true
		}
	}
	for _, c := range conds {
		if c.Op == Mask {
			return nil, false
		}
		// A comparison changes its answer beside its value. Ne only cuts single
		// points, so some value beside all of them is free.
		v := Narrow(c.Values[0], bits)
		for n := uint64(0); n <= uint64(len(conds))+1; n++ {
			tries = append(tries, v+n, v-n)
		}
	}
	return tries, true
}

func (c Cond) narrowed(bits int) []uint64 {
	all := slices.Clone(c.Values)
	for i := range all {
		all[i] = Narrow(all[i], bits)
	}
	return all
}

// compatibleMasks reports whether no two masks ask for two values of the same bit.
func compatibleMasks(conds []Cond, bits int) bool {
	var known, value uint64
	for _, c := range conds {
		if c.Op != Mask {
			continue
		}
		mask, v := low(c.Mask, bits), Narrow(c.Values[0], bits)
		if (v^value)&known&mask != 0 {
			return false
		}
		known |= mask
		value |= v
	}
	return true
}

var opNames = [...]string{"eq", "ne", "lt", "le", "gt", "ge", "in", "mask"}

// String returns the YAML spelling, such as "eq".
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return fmt.Sprintf("Op(%d)", o)
}

func (n *Network) validate() *Error {
	bad := n.Default.validate(n.Pos)
	for i := range n.Rules {
		r := &n.Rules[i]
		if r.Verb != "connect" && r.Verb != "bind" {
			bad = bad.and(unknown(r.Pos, "network rule", r.Verb, []string{"connect", "bind"}))
		}
		if msg := r.badEndpoint(); msg != "" {
			e := errorAt(r.Pos, "%s %q: %s", r.Verb, r.Endpoint, msg)
			e.Hint = `write "tcp:127.0.0.1:5432", "udp:[::1]:53", "tcp:*:80" or "unix:/run/db.sock"`
			bad = bad.and(e)
		}
	}
	return bad
}
