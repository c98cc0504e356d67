package seccomp

import (
	"math"
	"slices"

	"github.com/belljar/belljar/seccomp/bpf"
)

// span is a range of values of one word that all lead to the same node. It
// starts at first and ends where the next span starts.
type span struct {
	first  uint32
	node   bpf.Node
	weight int32 // how often a value of the span is looked up, relative to others
}

// search builds the tests that find the span of a word: a tree of ">="
// comparisons, whose last steps may be "==" tests of single values. It
// minimises the weighted sum of tests on the way plus the number of tests.
// spans must begin at 0 and be sorted; neighbours with the same node are joined.
func search(g *bpf.Graph, offset, mask uint32, spans []span) bpf.Node {
	s := searcher{graph: g, word: bpf.Test{Offset: offset, Mask: mask}, spans: joined(spans)}
	return s.node(0, len(s.spans))
}

// searcher finds the cheapest tree by dynamic programming over ranges of spans.
type searcher struct {
	graph *bpf.Graph
	word  bpf.Test // all of a test but how it compares
	spans []span

	// Of a block of n spans that begins at span base: the weights before each
	// span, and for the range from span i up to j, at row[i]+j, what the
	// cheapest tree costs and what it does first: split before a span, or test
	// single values. Touching memory for the first time is much of the time that a
	// compilation takes, so there is room for i < j only, and a byte for a span.
	base, n int
	before  []int32
	row     []int
	cost    []int32
	first   []uint8
}

const (
	// maxBlock bounds the quadratic search; a longer list is halved first.
	maxBlock = math.MaxUint8 + 1
	// maxSingles is how many single values are tested one after another.
	maxSingles = 4
	// maxSinglesRange is the longest range of spans with so few single values.
	maxSinglesRange = 2*maxSingles + 1
	// sizeCost is what one more instruction costs beside the time it takes.
	sizeCost = 1
	// testSingles in searcher.first says that single values are tested: nothing
	// is split before span 0.
	testSingles = 0
)

// joined returns the spans without those that lead where their predecessor does.
func joined(spans []span) []span {
	out := append(make([]span, 0, len(spans)), spans[0])
	for _, s := range spans[1:] {
		last := &out[len(out)-1]
		if last.node == s.node {
			last.weight += s.weight
		} else {
			out = append(out, s)
		}
	}
	return out
}

// node returns the tree for the spans from i up to j.
func (s *searcher) node(i, j int) bpf.Node {
	if j-i > maxBlock {
		return s.split(i, (i+j)/2, j)
	}
	s.solve(i, j)
	return s.cheapest(i, j)
}

// split tests whether the word is at or above the start of span m.
func (s *searcher) split(i, m, j int) bpf.Node {
	return s.greater(m, s.node(m, j), s.node(i, m))
}

func (s *searcher) greater(m int, yes, no bpf.Node) bpf.Node {
	return s.test(bpf.JGE, s.spans[m].first, yes, no)
}

func (s *searcher) test(op uint16, k uint32, yes, no bpf.Node) bpf.Node {
	t := s.word
	t.Op, t.K = op, k
	return s.graph.Test(t, yes, no)
}

// solve fills the tables for the spans from i up to j.
func (s *searcher) solve(i, j int) {
	s.base, s.n = i, j-i
	s.before = make([]int32, s.n+1)
	for k := range s.n {
		s.before[k+1] = s.before[k] + s.spans[i+k].weight
	}
	s.row = make([]int, s.n)
	for k := range s.n {
		s.row[k] = k*s.n - k*(k+1)/2 - 1
	}
	room := s.n * (s.n + 1) / 2
	s.cost, s.first = make([]int32, room), make([]uint8, room)
	// The parts of a range come before it: those that start later, and those
	// that start where it does and end earlier.
	for start := s.n - 2; start >= 0; start-- {
		for end := start + 2; end <= s.n; end++ {
			s.solveOne(start, end)
		}
	}
}

// at is where the tables hold the range from span i up to j of the block.
func (s *searcher) at(i, j int) int { return s.row[i] + j }

// solveOne finds the best first step for one range. As in Knuth's search for
// optimal trees, the best split lies between those of the range without its
// last span and without its first one; with single tests in play that is no
// theorem, but it misses little and keeps the search quadratic.
func (s *searcher) solveOne(i, j int) {
	low, high := i+1, j-1
	here, below := s.row[i], s.row[i+1]
	if j-i > 2 {
		if k := s.first[here+j-1]; k != testSingles {
			low = int(k)
		}
		if k := s.first[below+j]; k != testSingles {
			high = max(low, int(k))
		}
	}
	best, first := int32(math.MaxInt32), 0
	cost := s.cost
	left := cost[here+low : here+high+1]
	for n, row := range s.row[low : high+1] {
		if c := left[n] + cost[row+j]; c < best {
			best, first = c, low+n
		}
	}
	best += s.before[j] - s.before[i] + sizeCost
	if j-i <= maxSinglesRange {
		if c, ok := s.singlesCost(i, j); ok && c <= best {
			best, first = c, testSingles
		}
	}
	cost[here+j], s.first[here+j] = best, uint8(first)
}

// cheapest builds the tree that solve found.
func (s *searcher) cheapest(i, j int) bpf.Node {
	if j-i == 1 {
		return s.spans[i].node
	}
	if m := s.first[s.at(i-s.base, j-s.base)]; m != testSingles {
		middle := s.base + int(m)
		return s.greater(middle, s.cheapest(middle, j), s.cheapest(i, middle))
	}
	list, _ := s.singles(i, j)
	node := list.base
	for _, single := range slices.Backward(list.spans[:list.n]) {
		node = s.test(bpf.JEQ, single.first, single.node, node)
	}
	return node
}

// singles is a range of spans as single values within others that all lead to
// one node.
type singles struct {
	base  bpf.Node
	spans [maxSingles]span // the most frequent first
	n     int
}

func (s *searcher) singles(i, j int) (list singles, ok bool) {
	list.base = s.baseNode(i, j)
	for k := i; k < j; k++ {
		sp := s.spans[k]
		if sp.node == list.base {
			continue
		}
		if !s.single(k) || list.n == maxSingles {
			return list, false
		}
		at := list.n
		for ; at > 0 && list.spans[at-1].weight < sp.weight; at-- {
			list.spans[at] = list.spans[at-1]
		}
		list.spans[at] = sp
		list.n++
	}
	return list, true
}

// baseNode is where the first wide span of a range leads, or if there is none
// the last span.
func (s *searcher) baseNode(i, j int) bpf.Node {
	for k := i; k < j; k++ {
		if !s.single(k) {
			return s.spans[k].node
		}
	}
	return s.spans[j-1].node
}

// single reports whether a span has one value.
func (s *searcher) single(k int) bool {
	if k == len(s.spans)-1 {
		return s.spans[k].first == all32
	}
	return s.spans[k+1].first == s.spans[k].first+1
}

// singlesCost is what testing the single values of a range of the block costs,
// which is no longer than maxSinglesRange.
func (s *searcher) singlesCost(i, j int) (int32, bool) {
	list, ok := s.singles(s.base+i, s.base+j)
	if !ok {
		return 0, false
	}
	cost, rest := sizeCost*int32(list.n), s.before[j]-s.before[i]
	for _, single := range list.spans[:list.n] {
		cost += rest
		rest -= single.weight
	}
	return cost, true
}
