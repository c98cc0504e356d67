package policy

import (
	"strconv"
	"strings"

	"github.com/belljar/belljar/syscalls"
)

// eperm is what a plain deny returns.
const eperm = 1

// action reads allow, kill, trap, deny (with EPERM) or {deny: ERRNO}.
func (t tree) action(what string) (Action, *Error) {
	if t.kind == mapping && len(t.entries) == 1 && t.entries[0].key.text == "deny" {
		return t.entries[0].value.denial()
	}
	if t.kind == scalar {
		for _, k := range kindNames {
			if k.name == t.text && k.kind == Deny {
				return Action{Deny, eperm}, nil
			} else if k.name == t.text {
				return Action{Kind: k.kind}, nil
			}
		}
		return Action{}, unknown(t.pos, "action", t.text, []string{"allow", "deny", "kill", "trap"})
	}
	e := errorAt(t.pos, "%s is an action, not %s", what, t.kind)
	e.Hint = "write allow, deny, kill, trap or {deny: ERRNO}"
	return Action{}, e
}

// kindNames spell the kinds in YAML.
var kindNames = []struct {
	name string
	kind Kind
}{{"allow", Allow}, {"deny", Deny}, {"kill", Kill}, {"trap", Trap}}

// String returns the kind's name, "unset" for Unset.
func (k Kind) String() string {
	for _, n := range kindNames {
		if n.kind == k {
			return n.name
		}
	}
	return "unset"
}

// String returns "allow", "kill", "trap", "unset" or "deny EPERM".
func (a Action) String() string {
	if a.Kind == Deny {
		return "deny " + errnoName(a.Errno)
	}
	return a.Kind.String()
}

// errnoName is the errno's name, or its number where it has none.
func errnoName(n uint16) string {
	if name := syscalls.ErrnoName(n); name != "" {
		return name
	}
	return strconv.Itoa(int(n))
}

// denial reads an errno's name or number.
func (t tree) denial() (Action, *Error) {
	if err := t.want(scalar, "an errno"); err != nil {
		return Action{}, err
	}
	if n, ok := syscalls.Errno(t.text); ok {
		return Action{Deny, n}, nil
	}
	n, err := strconv.ParseUint(t.text, 0, 16)
	if err != nil {
		return Action{}, unknown(t.pos, "errno", t.text, syscalls.ErrnoNames())
	}
	a := Action{Deny, uint16(n)}
	return a, a.validate(t.pos)
}

// number reads a decimal, hexadecimal (0x), octal (0o) or negative number, the
// name of a constant, or several of them joined by "|". Negative numbers
// become two's complement.
func (t tree) number(what string) (uint64, *Error) {
	if err := t.want(scalar, what); err != nil {
		return 0, err
	}
	var all uint64
	for _, part := range strings.Split(t.text, "|") {
		n, err := t.one(what, strings.TrimSpace(part))
		if err != nil {
			return 0, err
		}
		all |= n
	}
	return all, nil
}

func (t tree) one(what, text string) (uint64, *Error) {
	if n, err := strconv.ParseUint(text, 0, 64); err == nil {
		return n, nil
	}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		return uint64(n), nil
	}
	if n, ok := syscalls.Constant(text); ok {
		return n, nil
	}
	if n, ok := syscalls.Signal(text); ok {
		return uint64(n), nil
	}
	switch {
	case text == "":
		return 0, errorAt(t.pos, "%s is a number or a constant, and here is none", what)
	case syscalls.Varies(text):
		e := errorAt(t.pos, "%s has a different value on each architecture", text)
		e.Hint = "write the number, and use the policy on one architecture only"
		return 0, e
	case text[0] >= '0' && text[0] <= '9' || text[0] == '-':
		return 0, errorAt(t.pos, "%q is not a number of 64 bits", text)
	}
	return 0, unknown(t.pos, "constant", text, syscalls.Constants())
}
