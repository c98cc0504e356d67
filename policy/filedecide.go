package policy

import (
	"slices"
	"strings"
)

// Decide returns what becomes of an access to the object at a path, as Allow,
// Deny or Kill, and the rule that says so; the rule is nil where the default
// decides. The path is the one that the kernel would reach, absolute and
// clean. One that begins elsewhere, such as "pipe:[7]", matches no rule, but
// where Stat is granted on every path, that counts for it, too; one that is
// absolute but not clean is killed, because no rule can be trusted on it.
//
// Of the rules that match, one loses to any whose pattern is strictly
// narrower. Of those that remain a refusal wins, a kill before a denial;
// otherwise their grants are united. Patterns that overlap without one being
// inside the other both remain, so a doubt is a refusal. Where no refusal
// remains, Stat of a directory that leads to a grant is allowed.
//
// Decide does not allocate once it has seen which rules match together, and its
// time grows with the number of rules that match the path, not with that of others.
func (s *FileSet) Decide(path string, want Access) (Action, *FileRule) {
	if want == 0 {
		want = Stat
	}
	if len(s.rules) == 0 || !strings.HasPrefix(path, "/") {
		if want == Stat && s.looks {
			return Action{Kind: Allow}, nil
		}
		return s.fallback, nil
	}
	if !isClean(path) {
		return Action{Kind: Kill}, nil
	}
	var room [32]int32
	matched, way := s.match(room[:0], path)
	var refusal, granter *FileRule
	var grants Access
	for _, m := range matched {
		if s.loses(m, matched) {
			continue
		}
		i := s.patterns[m].rule
		r := &s.rules[i]
		switch {
		case r.Grant == 0 && s.looked[i] && want == Stat: // as a grant on the same pattern says
		case r.Grant == 0:
			if refusal == nil || refusal.Do.Kind == Deny && r.Do.Kind == Kill {
				refusal = r
			}
		case granter == nil || r.Grant&want == want && granter.Grant&want != want:
			granter = r
		}
		grants |= r.Grant
	}
	switch {
	case refusal != nil:
		return refusal.Do, refusal
	case grants&want == want:
		return Action{Kind: Allow}, granter
	case want == Stat && way != 0:
		return Action{Kind: Allow}, &s.rules[way-1]
	}
	return s.fallback, nil
}

// loses reports whether another matching pattern is strictly narrower.
func (s *FileSet) loses(m int32, matched []int32) bool {
	for _, o := range matched {
		if s.narrower(o, m) {
			return true
		}
	}
	return false
}

// match appends the patterns that match a clean path. It walks all positions
// inside patterns at once, so its time is bounded by their number times the
// path's components, whatever the stars. way is not 0 on the way to a grant.
func (s *FileSet) match(out []int32, path string) (matched []int32, way int32) {
	var roomA, roomB [32]int32
	now, next := s.enter(roomA[:0], 0), roomB[:0]
	for rest := path[1:]; rest != "" && len(now) > 0; {
		c, after, _ := strings.Cut(rest, "/")
		rest = after
		next = next[:0]
		for _, at := range now {
			next = s.step(next, at, c)
		}
		now, next = next, now
	}
	for _, at := range now {
		out = append(out, s.nodes[at].ends...)
		way = max(way, s.nodes[at].way)
	}
	return out, way
}

// step adds the positions that component c leads to.
func (s *FileSet) step(next []int32, at int32, c string) []int32 {
	n := &s.nodes[at]
	if n.loops {
		next = s.enter(next, at)
	}
	if to, ok := n.literal[c]; ok {
		next = s.enter(next, to)
	}
	if n.globs != nil {
		next = s.stepGlobs(next, n.globs, c)
	}
	return next
}

// enter adds a position and those that "**" reaches by matching nothing.
func (s *FileSet) enter(set []int32, at int32) []int32 {
	for {
		if !slices.Contains(set, at) {
			set = append(set, at)
		}
		if at = s.nodes[at].deep; at == 0 {
			return set
		}
	}
}
