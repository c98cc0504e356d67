package policy

// files reads the lists of patterns by access, the refusals and the default.
func (r *reader) files(t tree) *Error {
	f := &r.own.Files
	fields := []field{
		{"deny", r.refusals},
		{"kill", func(t tree) *Error { return r.patterns(t, "kill", 0, Action{Kind: Kill}) }},
		{"default", func(t tree) (err *Error) {
			f.Default, err = t.action("default")
			f.Pos = t.pos
			return err
		}},
	}
	for _, n := range accessNames {
		fields = append(fields, field{n.name, func(t tree) *Error {
			return r.patterns(t, n.name, n.access, Action{})
		}})
	}
	return t.fields("files", fields)
}

// refusals reads {ERRNO: [pattern, ...]}.
func (r *reader) refusals(t tree) *Error {
	if err := t.want(mapping, "deny"); err != nil {
		err.Hint = "write the errno first: deny: {EACCES: [pattern]}"
		return err
	}
	var bad *Error
	for _, e := range t.entries {
		a, err := e.key.denial()
		bad = bad.and(err).and(r.patterns(e.value, "deny", 0, a))
	}
	return bad
}

func (r *reader) patterns(t tree, what string, grant Access, do Action) *Error {
	items, err := t.names(what)
	if err != nil {
		return err
	}
	for _, item := range items {
		rule := FileRule{Pattern: item.text, Grant: grant, Do: do, Pos: item.pos}
		r.own.Files.Rules = append(r.own.Files.Rules, rule)
	}
	return nil
}

func (r *reader) network(t tree) *Error {
	n := &r.own.Network
	endpoints := func(verb string) field {
		return field{verb, func(t tree) *Error {
			items, err := t.names(verb)
			for _, item := range items {
				n.Rules = append(n.Rules, NetRule{Verb: verb, Endpoint: item.text, Pos: item.pos})
			}
			return err
		}}
	}
	return t.fields("network", []field{
		{"default", func(t tree) (err *Error) {
			n.Default, err = t.action("default")
			n.Pos = t.pos
			return err
		}},
		endpoints("connect"),
		endpoints("bind"),
	})
}
