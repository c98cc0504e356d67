package landlock

import (
	"slices"

	"github.com/belljar/belljar/policy"
)

// allows reports whether a call with this action can be made in some case: a
// handler may allow what is trapped.
func (b *builder) allows(a policy.Action) bool {
	return a.Kind == policy.Allow || a.Kind == policy.Trap && b.options.Handler
}

// may reports whether the policy allows a call with any arguments.
func (b *builder) may(call string) bool {
	return b.mayIf(call, func(policy.Cond) truth { return unknown })
}

func (b *builder) mayAny(calls []string) bool { return slices.ContainsFunc(calls, b.may) }

// maySocket reports whether it allows a socket of a domain.
func (b *builder) maySocket(domain uint64) bool {
	return b.mayIf("socket", func(c policy.Cond) truth {
		switch {
		case c.Arg != 0:
			return unknown
		case c.Holds(domain, 32):
			return yes
		}
		return no
	})
}

type truth uint8

const (
	unknown truth = iota
	yes
	no
)

// mayIf reads the rules as policy.Policy.Decide does, with what is known of
// the arguments: the first rule that certainly holds ends it.
func (b *builder) mayIf(call string, holds func(policy.Cond) truth) bool {
	for i := range b.policy.Rules {
		r := &b.policy.Rules[i]
		if !r.Names(call) {
			continue
		}
		certain := yes
		for _, c := range r.When {
			switch holds(c) {
			case no:
				certain = no
			case unknown:
				certain = min(certain, unknown)
			}
			if certain == no {
				break
			}
		}
		if certain == no {
			continue
		}
		if b.allows(r.Do) {
			return true
		}
		if certain == yes {
			return false
		}
	}
	return b.allows(b.policy.Default)
}

// traps reports whether a handler decides any of the calls.
func (b *builder) traps(calls []string) bool {
	if !b.options.Handler {
		return false
	}
	return b.policy.Default.Kind == policy.Trap || b.names(calls, policy.Trap)
}

// namesAllowed reports whether a rule, and not just the default, allows any of
// the calls. A default that allows is no wish to mount: without capabilities
// nobody can.
func (b *builder) namesAllowed(calls []string) bool { return b.names(calls, policy.Allow) }

func (b *builder) names(calls []string, kind policy.Kind) bool {
	return slices.ContainsFunc(calls, func(call string) bool {
		for i := range b.policy.Rules {
			r := &b.policy.Rules[i]
			if !r.Names(call) {
				continue
			}
			if r.Do.Kind == kind {
				return true
			}
			if len(r.When) == 0 {
				return false
			}
		}
		return false
	})
}
