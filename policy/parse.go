package policy

import (
	"slices"
	"strconv"

	"github.com/belljar/belljar/syscalls"
)

// Parse reads a policy from YAML. file names the source in errors and in the
// rules' positions. What the policy extends has been merged into the result.
// Every mistake is an *Error.
func Parse(file string, src []byte) (*Policy, error) {
	p, err := parse(file, src)
	if err != nil {
		return nil, err // never a typed nil
	}
	return p, nil
}

func parse(file string, src []byte) (*Policy, *Error) {
	t, err := parseTree(file, src)
	if err != nil {
		return nil, err
	}
	r := reader{own: Policy{Name: file}}
	if err := r.document(t); err != nil {
		return nil, err
	}
	own := r.level()
	if err := own.validate(); err != nil {
		return nil, err
	}
	p := &own
	// The last of those extended is evaluated first.
	for _, base := range slices.Backward(r.bases) {
		p = Extend(base, p)
	}
	return p, nil
}

// reader collects one file. Its rules are one level: conditions come first,
// then explicit names, then groups, whatever their order in the file.
type reader struct {
	own                 Policy
	bases               []*Policy
	when, names, groups []Rule
	versioned           bool
}

func (r *reader) level() Policy {
	p := r.own
	p.Rules = slices.Concat(r.when, r.names, r.groups)
	return p
}

func (r *reader) document(t tree) *Error {
	err := t.fields("a policy", []field{
		{"version", r.version},
		{"extends", r.extends},
		{"default", func(t tree) (err *Error) { r.own.Default, err = t.action("default"); return err }},
		{"syscalls", r.syscalls},
		{"files", r.files},
		{"network", r.network},
	})
	if err == nil && !r.versioned {
		err = errorAt(t.pos, "there is no version")
		err.Hint = `begin with "version: 1"`
	}
	return err
}

func (r *reader) version(t tree) *Error {
	r.versioned = true
	if t.kind != scalar || t.text != "1" {
		return errorAt(t.pos, "this version of Belljar reads policies of version 1")
	}
	return nil
}

func (r *reader) extends(t tree) *Error {
	items, err := t.names("extends")
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	var bad *Error
	for _, item := range items {
		base, ok := Preset(item.text)
		switch {
		case !ok:
			bad = bad.and(unknown(item.pos, "preset", item.text, Presets()))
		case seen[item.text]:
			bad = bad.and(errorAt(item.pos, "preset %q is extended twice", item.text))
		}
		seen[item.text] = true
		r.bases = append(r.bases, base)
	}
	return bad
}

func (r *reader) syscalls(t tree) *Error {
	err := t.fields("syscalls", []field{
		{"allow", func(t tree) *Error { return r.calls(t, "allow", Action{Kind: Allow}) }},
		{"kill", func(t tree) *Error { return r.calls(t, "kill", Action{Kind: Kill}) }},
		{"trap", func(t tree) *Error { return r.calls(t, "trap", Action{Kind: Trap}) }},
		{"deny", r.denied},
		{"when", r.conditions},
		{"count", r.counts},
	})
	if err != nil {
		return err
	}
	return r.unambiguous()
}

// denied reads {ERRNO: [call, ...]}.
func (r *reader) denied(t tree) *Error {
	if err := t.want(mapping, "deny"); err != nil {
		err.Hint = "write the errno first: deny: {EPERM: [call]}"
		return err
	}
	var bad *Error
	for _, e := range t.entries {
		a, err := e.key.denial()
		bad = bad.and(err).and(r.calls(e.value, "deny", a))
	}
	return bad
}

// calls reads a list of names and groups that share an action.
func (r *reader) calls(t tree, what string, do Action) *Error {
	items, err := t.names(what)
	if err != nil {
		return err
	}
	var bad *Error
	for _, item := range items {
		if err := checkCall(item.text, item.pos); err != nil {
			bad = bad.and(err)
			continue
		}
		to := &r.names
		if IsGroup(item.text) {
			to = &r.groups
		}
		for _, other := range *to {
			if other.Call == item.text {
				bad = bad.and(errorAt(item.pos, "%s is there twice%s", item.text, alsoAt(other.Pos)))
				break
			}
		}
		*to = append(*to, Rule{Call: item.text, Do: do, Pos: item.pos})
	}
	return bad
}

// unambiguous rejects a call that two groups treat differently and that no
// explicit rule settles.
func (r *reader) unambiguous() *Error {
	settled := map[string]bool{}
	for _, n := range r.names {
		settled[n.Call] = true
	}
	first := map[string]*Rule{}
	for i := range r.groups {
		g := &r.groups[i]
		calls, _ := syscalls.Group(g.Call)
		for _, call := range calls {
			other := first[call]
			if other == nil {
				first[call] = g
				continue
			}
			if other.Do != g.Do && !settled[call] {
				e := errorAt(g.Pos, "%s is in %s (%s) and in %s (%s)", call, other.Call, other.Do, g.Call, g.Do)
				e.Hint = "name " + call + " itself to settle it"
				return e
			}
		}
	}
	return nil
}

// counts reads {call: N} and {call: {max: N, do: ACTION}}.
func (r *reader) counts(t tree) *Error {
	if err := t.want(mapping, "count"); err != nil {
		return err
	}
	var bad *Error
	for _, e := range t.entries {
		c := Count{Call: e.key.text, Pos: e.key.pos}
		limit := e.value
		if limit.kind == mapping {
			limit = tree{pos: e.value.pos}
			err := e.value.fields("a count", []field{
				{"max", func(t tree) *Error { limit = t; return nil }},
				{"do", func(t tree) (err *Error) { c.Do, err = t.action("do"); return err }},
			})
			if err != nil {
				bad = bad.and(err)
				continue
			}
		}
		n, err := strconv.ParseUint(limit.text, 0, 64)
		if err != nil {
			bad = bad.and(errorAt(limit.pos, "count %s: how many calls is a number, as in {%s: 5}", c.Call, c.Call))
		}
		c.Max = n
		r.own.Counts = append(r.own.Counts, c)
	}
	return bad
}
