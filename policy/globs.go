package policy

import (
	"slices"
	"strings"
)

// globs are the components with stars that may follow at one place in patterns.
// They are found by what they begin with, or end with if that is longer, so that
// the time to find those that match does not grow with the number of others.
type globs struct{ heads, tails affixes }

type globEdge struct {
	text string
	to   int32
}

// affixes are globs by the text in front of their first star, or behind their
// last.
type affixes struct {
	sizes []int // of these texts, rising
	edges map[string][]globEdge
}

// affixOf says under which text, and of which of the two, a glob is kept.
func (g *globs) affixOf(text string) (*affixes, string) {
	head := text[:strings.IndexByte(text, '*')]
	tail := text[strings.LastIndexByte(text, '*')+1:]
	if len(tail) > len(head) {
		return &g.tails, tail
	}
	return &g.heads, head
}

// find returns where a glob of exactly this text leads, 0 if there is none.
func (g *globs) find(text string) int32 {
	a, affix := g.affixOf(text)
	for _, e := range a.edges[affix] {
		if e.text == text {
			return e.to
		}
	}
	return 0
}

func (g *globs) add(e globEdge) {
	a, affix := g.affixOf(e.text)
	if a.edges == nil {
		a.edges = make(map[string][]globEdge)
	}
	a.edges[affix] = append(a.edges[affix], e)
	if i, found := slices.BinarySearch(a.sizes, len(affix)); !found {
		a.sizes = slices.Insert(a.sizes, i, len(affix))
	}
}

// stepGlobs adds the positions to which globs lead that match component c.
func (s *FileSet) stepGlobs(next []int32, g *globs, c string) []int32 {
	for _, size := range g.heads.sizes {
		if size > len(c) {
			break
		}
		next = s.stepEdges(next, g.heads.edges[c[:size]], c)
	}
	for _, size := range g.tails.sizes {
		if size > len(c) {
			break
		}
		next = s.stepEdges(next, g.tails.edges[c[len(c)-size:]], c)
	}
	return next
}

func (s *FileSet) stepEdges(next []int32, edges []globEdge, c string) []int32 {
	for _, e := range edges {
		if matchComponent(e.text, c) {
			next = s.enter(next, e.to)
		}
	}
	return next
}
