package policy

// narrower reports whether p matches a proper subset of the paths q matches.
func narrower(p, q []component) bool { return subset(p, q) && !subset(q, p) }

// subset reports whether q matches every path that p matches.
//
// It is exact, because patterns are simpler than regular expressions: q
// matches all that a component of p stands for if it matches one generic
// instance of it, where each star is a byte that occurs in no pattern. So p is
// a word over generic components with loops for "**", and q, as a set of
// positions, must accept all such words. Where q is too long for a set in one
// machine word the answer is no, which keeps both rules and so fails closed.
func subset(p, q []component) bool {
	if len(q) > 62 {
		return false
	}
	type state struct {
		at  int    // position in p
		set uint64 // positions of q that the same components lead to
	}
	start := state{0, closure(1, q)}
	seen := map[state]bool{start: true}
	for todo := []state{start}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if s.at == len(p) {
			if s.set>>len(q)&1 == 0 {
				return false
			}
			continue
		}
		next := []state{{s.at + 1, advance(s.set, p[s.at], q)}}
		if p[s.at].kind == anyDepth {
			next = []state{{s.at + 1, s.set}, {s.at, advance(s.set, p[s.at], q)}}
		}
		for _, n := range next {
			if n.set == 0 {
				return false
			}
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return true
}

// closure adds the positions that "**" reaches by matching no component.
func closure(set uint64, q []component) uint64 {
	for i, c := range q {
		if set>>i&1 == 1 && c.kind == anyDepth {
			set |= 1 << (i + 1)
		}
	}
	return set
}

// advance moves all positions over one generic instance of c.
func advance(set uint64, c component, q []component) uint64 {
	var next uint64
	for i := range q {
		switch {
		case set>>i&1 == 0:
		case q[i].kind == anyDepth:
			next |= 1 << i
		case q[i].covers(c):
			next |= 1 << (i + 1)
		}
	}
	return closure(next, q)
}

// covers reports whether c matches all that the generic instance of d stands
// for. A star of d is a byte that only a star of c matches, and c's text has
// no other use for the byte "*", so d's text serves as its own instance.
func (c component) covers(d component) bool {
	switch {
	case c.kind == literal:
		return d == c
	case d.kind == anyDepth:
		return c.text == "*"
	}
	return matchComponent(c.text, d.text)
}
