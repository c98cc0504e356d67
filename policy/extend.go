package policy

import "slices"

// Extend returns own on top of base: own's rules are evaluated first, its
// counts and file rules replace base's of the same call and pattern, and its
// defaults count where they are set. Neither argument is changed.
func Extend(base, own *Policy) *Policy {
	p := &Policy{Name: own.Name, Default: own.Default}
	if p.Default.Kind == Unset {
		p.Default = base.Default
	}
	p.Rules = slices.Concat(own.Rules, base.Rules)

	p.Counts = slices.Clone(own.Counts)
	for _, c := range base.Counts {
		if !slices.ContainsFunc(own.Counts, func(o Count) bool { return o.Call == c.Call }) {
			p.Counts = append(p.Counts, c)
		}
	}

	p.Files = Files{Rules: slices.Clone(own.Files.Rules), Default: own.Files.Default, Pos: own.Files.Pos}
	if p.Files.Default.Kind == Unset {
		p.Files.Default, p.Files.Pos = base.Files.Default, base.Files.Pos
	}
	replaced := map[string]bool{}
	for _, r := range own.Files.Rules {
		replaced[canonical(r.Pattern)] = true
	}
	for _, r := range base.Files.Rules {
		if !replaced[canonical(r.Pattern)] {
			p.Files.Rules = append(p.Files.Rules, r)
		}
	}

	p.Network = Network{Rules: slices.Clone(own.Network.Rules), Default: own.Network.Default, Pos: own.Network.Pos}
	if p.Network.Default.Kind == Unset {
		p.Network.Default, p.Network.Pos = base.Network.Default, base.Network.Pos
	}
	for _, r := range base.Network.Rules {
		if !slices.ContainsFunc(own.Network.Rules, func(o NetRule) bool {
			return o.Verb == r.Verb && o.Endpoint == r.Endpoint
		}) {
			p.Network.Rules = append(p.Network.Rules, r)
		}
	}
	return p
}
