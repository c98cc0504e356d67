package policy

import "strconv"

// conditions reads the list of {call: NAME, args: {N: COMPARISON}, do: ACTION}.
func (r *reader) conditions(t tree) *Error {
	if err := t.want(list, "when"); err != nil {
		return err
	}
	var bad *Error
	for _, item := range t.items {
		bad = bad.and(r.condition(item))
	}
	return bad
}

// condition reads one of them.
func (r *reader) condition(item tree) *Error {
	rule := Rule{Pos: item.pos}
	err := item.fields("an item of when", []field{
		{"call", func(t tree) *Error { rule.Call = t.text; return t.want(scalar, "call") }},
		{"args", func(t tree) (err *Error) { rule.When, err = t.args(); return err }},
		{"do", func(t tree) (err *Error) { rule.Do, err = t.action("do"); return err }},
	})
	if err != nil {
		return err
	}
	switch {
	case rule.Call == "":
		err = errorAt(item.pos, "an item of when has no call")
	case rule.Do.Kind == Unset:
		err = errorAt(item.pos, "%s: an item of when has no do", rule.Call)
	case len(rule.When) == 0:
		err = errorAt(item.pos, "%s: an item of when has no args", rule.Call)
		err.Hint = "a rule without conditions belongs into allow, deny, kill or trap"
	}
	if err != nil {
		return err
	}
	for _, other := range r.when {
		if other.Call == rule.Call && equalConds(other.When, rule.When) {
			return errorAt(rule.Pos, "%s: the same conditions are there twice%s", rule.Call, alsoAt(other.Pos))
		}
	}
	r.when = append(r.when, rule)
	return nil
}

// args reads {N: COMPARISON, ...}; all of them must hold.
func (t tree) args() ([]Cond, *Error) {
	if err := t.want(mapping, "args"); err != nil {
		return nil, err
	}
	var all []Cond
	for _, e := range t.entries {
		n, err := strconv.ParseUint(e.key.text, 0, 8)
		if err != nil || n > 5 {
			return nil, errorAt(e.key.pos, "argument %q: a call has arguments 0 to 5", e.key.text)
		}
		conds, bad := e.value.comparisons(int(n))
		if bad != nil {
			return nil, bad
		}
		all = append(all, conds...)
	}
	return all, nil
}

// comparisons reads {OP: VALUE, ...} of one argument, or a list of such maps.
func (t tree) comparisons(arg int) ([]Cond, *Error) {
	if t.kind == list && len(t.items) > 0 {
		var all []Cond
		for _, item := range t.items {
			if err := item.want(mapping, "a comparison"); err != nil {
				return nil, err
			}
			conds, err := item.comparisons(arg)
			if err != nil {
				return nil, err
			}
			all = append(all, conds...)
		}
		return all, nil
	}
	if t.kind != mapping {
		e := errorAt(t.pos, "argument %d is compared by a map, not %s", arg, t.kind)
		e.Hint = "write {eq: VALUE}, {in: [VALUE, ...]} or {mask: BITS, is: VALUE}"
		return nil, e
	}
	var conds []Cond
	var masks, is []tree
	fields := []field{
		{"mask", func(t tree) *Error { masks = append(masks, t); return nil }},
		{"is", func(t tree) *Error { is = append(is, t); return nil }},
		{"in", func(t tree) *Error {
			c, err := t.in(arg)
			conds = append(conds, c)
			return err
		}},
	}
	for op := Eq; op <= Ge; op++ {
		fields = append(fields, field{op.String(), func(t tree) *Error {
			v, err := t.number(op.String())
			conds = append(conds, Cond{Arg: arg, Op: op, Values: []uint64{v}})
			return err
		}})
	}
	if err := t.fields("a comparison", fields); err != nil {
		return nil, err
	}
	switch {
	case len(masks) != len(is):
		return nil, errorAt(t.pos, "mask and is belong together: {mask: BITS, is: VALUE}")
	case len(masks) == 1:
		c, err := masked(arg, masks[0], is[0])
		if err != nil {
			return nil, err
		}
		conds = append(conds, c)
	case len(conds) == 0:
		return nil, errorAt(t.pos, "argument %d is compared with nothing", arg)
	}
	return conds, nil
}

func (t tree) in(arg int) (Cond, *Error) {
	c := Cond{Arg: arg, Op: In}
	items, err := t.names("in")
	if err != nil {
		return c, err
	}
	if len(items) == 0 {
		return c, errorAt(t.pos, "argument %d is compared with an empty list", arg)
	}
	for _, item := range items {
		v, err := item.number("in")
		if err != nil {
			return c, err
		}
		for _, other := range c.Values {
			if other == v {
				return c, errorAt(item.pos, "%s is there twice", item.text)
			}
		}
		c.Values = append(c.Values, v)
	}
	return c, nil
}

func masked(arg int, mask, is tree) (Cond, *Error) {
	m, err := mask.number("mask")
	if err != nil {
		return Cond{}, err
	}
	v, err := is.number("is")
	return Cond{Arg: arg, Op: Mask, Mask: m, Values: []uint64{v}}, err
}

// equalConds compares what was written, not what it means.
func equalConds(a, b []Cond) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !a[i].equal(b[i]) {
			return false
		}
	}
	return true
}

func (c Cond) equal(d Cond) bool {
	if c.Arg != d.Arg || c.Op != d.Op || c.Mask != d.Mask || len(c.Values) != len(d.Values) {
		return false
	}
	for i := range c.Values {
		if c.Values[i] != d.Values[i] {
			return false
		}
	}
	return true
}
