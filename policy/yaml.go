package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/belljar/belljar/syscalls"
)

// YAML writes the policy so that Parse returns an equivalent one: it decides
// every call and every path alike. Groups and what was extended are spelled
// out, since a policy that was merged from several levels has no other
// spelling at one level.
func (p *Policy) YAML() []byte {
	w := &writer{}
	w.line(0, "version: 1")
	w.line(0, "default: %s", spell(p.Default.OrKill()))
	w.syscalls(p)
	w.files(&p.Files)
	w.network(&p.Network)
	return []byte(w.String())
}

type writer struct{ strings.Builder }

func (w *writer) line(depth int, format string, args ...any) {
	w.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(w, format, args...)
	w.WriteByte('\n')
}

// spell is an action in YAML.
func spell(a Action) string {
	if a.Kind == Deny {
		return "{deny: " + errnoName(a.Errno) + "}"
	}
	return a.Kind.String()
}

// syscalls writes, for each call that some rule names, the rules that can
// still match it: conditional ones, and the first without conditions.
func (w *writer) syscalls(p *Policy) {
	final := map[Action][]string{}
	var order []Action
	var when []Rule
	for _, call := range named(p) {
		for i := range p.Rules {
			r := p.Rules[i]
			if !r.Names(call) {
				continue
			}
			do := r.Do.OrKill()
			if len(r.When) > 0 {
				// Only the first of two rules with the same conditions can match.
				if !slices.ContainsFunc(when, func(o Rule) bool { return o.Call == call && equalConds(o.When, r.When) }) {
					when = append(when, Rule{Call: call, When: r.When, Do: do})
				}
				continue
			}
			if final[do] == nil {
				order = append(order, do)
			}
			final[do] = append(final[do], call)
			break
		}
	}
	if len(order)+len(when)+len(p.Counts) == 0 {
		return
	}
	w.line(0, "syscalls:")
	w.lists(order, final)
	if len(when) > 0 {
		w.line(1, "when:")
		for _, r := range when {
			w.line(2, "- {call: %s, args: %s, do: %s}", r.Call, spellConds(r.When), spell(r.Do))
		}
	}
	if len(p.Counts) > 0 {
		w.line(1, "count:")
		for _, c := range p.Counts {
			w.line(2, "%s: {max: %d, do: %s}", c.Call, c.Max, spell(c.Do.OrKill()))
		}
	}
}

// named lists the calls that the rules name, sorted.
func named(p *Policy) []string {
	var all []string
	for _, r := range p.Rules {
		if !IsGroup(r.Call) {
			all = append(all, r.Call)
			continue
		}
		calls, _ := syscalls.Group(r.Call)
		all = append(all, calls...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// lists writes the unconditional rules by action.
func (w *writer) lists(order []Action, calls map[Action][]string) {
	var denials []Action
	for _, a := range order {
		if a.Kind == Deny {
			denials = append(denials, a)
			continue
		}
		w.line(1, "%s: [%s]", a.Kind, strings.Join(calls[a], ", "))
	}
	if len(denials) > 0 {
		w.line(1, "deny:")
	}
	for _, a := range denials {
		w.line(2, "%s: [%s]", errnoName(a.Errno), strings.Join(calls[a], ", "))
	}
}

// spellConds writes conditions by argument: a map of comparisons, or a list of
// maps where one kind of comparison occurs twice.
func spellConds(conds []Cond) string {
	var args []string
	for arg := range 6 {
		var ops []string
		var seen [Mask + 1]bool
		repeats := false
		for _, c := range conds {
			if c.Arg == arg {
				ops = append(ops, c.spell())
				repeats = repeats || seen[c.Op]
				seen[c.Op] = true
			}
		}
		switch {
		case repeats:
			args = append(args, fmt.Sprintf("%d: [{%s}]", arg, strings.Join(ops, "}, {")))
		case len(ops) > 0:
			args = append(args, fmt.Sprintf("%d: {%s}", arg, strings.Join(ops, ", ")))
		}
	}
	return "{" + strings.Join(args, ", ") + "}"
}

func (c Cond) spell() string {
	switch c.Op {
	case In:
		var values []string
		for _, v := range c.Values {
			values = append(values, hex(v))
		}
		return "in: [" + strings.Join(values, ", ") + "]"
	case Mask:
		return "mask: " + hex(c.Mask) + ", is: " + hex(c.Values[0])
	}
	return c.Op.String() + ": " + hex(c.Values[0])
}

func hex(v uint64) string { return "0x" + strconv.FormatUint(v, 16) }

// files writes the lists of patterns.
func (w *writer) files(f *Files) {
	if !f.Decides() {
		return
	}
	w.line(0, "files:")
	for _, n := range accessNames {
		var patterns []string
		for _, r := range f.Rules {
			if weakest(r.Grant)&n.access != 0 {
				patterns = append(patterns, r.Pattern)
			}
		}
		w.patterns(1, n.name, patterns)
	}
	refused := map[Action][]string{}
	var denials []Action
	for _, r := range f.Rules {
		if r.Grant != 0 {
			continue
		}
		if r.Do.Kind == Deny && refused[r.Do] == nil {
			denials = append(denials, r.Do)
		}
		refused[r.Do] = append(refused[r.Do], r.Pattern)
	}
	w.patterns(1, "kill", refused[Action{Kind: Kill}])
	if len(denials) > 0 {
		w.line(1, "deny:")
	}
	for _, a := range denials {
		w.patterns(2, errnoName(a.Errno), refused[a])
	}
	w.line(1, "default: %s", spell(f.Default.OrKill()))
}

// weakest drops from a grant what its other bits imply.
func weakest(a Access) Access {
	for _, n := range accessNames {
		if rest := a &^ n.access; rest.Implied()&n.access != 0 {
			a = rest
		}
	}
	return a
}

func (w *writer) patterns(depth int, name string, patterns []string) {
	if len(patterns) == 0 {
		return
	}
	w.line(depth, "%s:", name)
	for _, p := range patterns {
		w.line(depth+1, "- %s", quote(p))
	}
}

func (w *writer) network(n *Network) {
	if len(n.Rules) == 0 && n.Default.Kind == Unset {
		return
	}
	w.line(0, "network:")
	for _, verb := range []string{"connect", "bind"} {
		var endpoints []string
		for _, r := range n.Rules {
			if r.Verb == verb {
				endpoints = append(endpoints, r.Endpoint)
			}
		}
		w.patterns(1, verb, endpoints)
	}
	w.line(1, "default: %s", spell(n.Default.OrKill()))
}

// quote writes a string in YAML's single quotes, or in double quotes where
// bytes need escapes.
func quote(s string) string {
	printable := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r > 0x7e })
	if printable {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return strconv.Quote(s)
}
