package policy

import "slices"

// Uniform reports whether the rules grant want on a directory and on everything
// that is or could be below it. dir is a canonical path.
func (s *FileSet) Uniform(dir string, want Access) bool {
	below := append(literals(dir), component{deep, anyDepth})
	var covers []*pattern // that grant want on all of it
	for i := range s.patterns {
		p := &s.patterns[i]
		if s.rules[p.rule].Grant&want == want && subset(below, p.components) {
			covers = append(covers, p)
		}
	}
	if len(covers) == 0 && s.fallback.Kind != Allow {
		return false
	}
	for i := range s.patterns {
		p := &s.patterns[i]
		grant := s.rules[p.rule].Grant
		if s.looked[p.rule] {
			grant = Stat
		}
		if grant&want == want || !touches(p.components, below[:len(below)-1]) {
			continue
		}
		if !outdone(p, grant, covers) {
			return false
		}
	}
	return true
}

// Looks reports whether the rules grant Stat on everything, whether it has a
// path or not. Then no call that only looks needs a decision.
func (s *FileSet) Looks() bool { return s.looks }

// everywhere reports whether some rule, or the default, grants something on
// every path. Few policies have one, and only those are worth a closer look.
func (s *FileSet) everywhere() bool {
	if s.fallback.Kind == Allow {
		return true
	}
	for i := range s.patterns {
		p := &s.patterns[i]
		if s.rules[p.rule].Grant != 0 && !slices.ContainsFunc(p.components, func(c component) bool { return c.kind != anyDepth }) {
			return true
		}
	}
	return false
}

// outdone reports whether a rule that lacks a right changes nothing where
// others grant it: a refusal loses to a narrower grant, and what a rule grants
// is added to what others grant unless it is narrower itself.
func outdone(p *pattern, grant Access, covers []*pattern) bool {
	for _, c := range covers {
		if grant == 0 && narrower(c.components, p.components) || grant != 0 && !narrower(p.components, c.components) {
			return true
		}
	}
	return false
}

// touches reports whether a pattern matches dir or some path below it. Where it
// is too long for a set in one machine word it counts as if it did.
func touches(p, dir []component) bool {
	if len(p) > 62 {
		return true
	}
	set := closure(1, p)
	for _, c := range dir {
		set = advance(set, c, p)
	}
	return set != 0
}
