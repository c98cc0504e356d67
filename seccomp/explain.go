package seccomp

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belljar/belljar/seccomp/bpf"
)

// Section is what a filter says to the calls of one AUDIT_ARCH.
type Section struct {
	Audit uint32
	Other bool // of every AUDIT_ARCH that the filter does not name
	// Spans are the ranges of numbers with one decision, over all numbers.
	Spans []Span
}

// Span is a range of numbers, First and Last included, and what decides them:
// the first of Ways whose tests all hold.
type Span struct {
	First, Last uint32
	Ways        []Way
}

// Way is one way through a filter to an answer.
type Way struct {
	When   []Cond // what must hold; the last way has none
	Answer uint32
}

// Cond is a test, or where there are Ranges, that the word at Test.Offset lies
// in one of them.
type Cond struct {
	bpf.Test
	Ranges []Range
}

// Range is the words from First to Last, both included.
type Range struct{ First, Last uint32 }

// maxWays bounds how many ways of one call are listed.
const maxWays = 256

// Explain returns what a filter decides, recovered from its instructions. It
// fails for filters that compute with more than comparisons; bpf.Program.Run
// runs those, too.
func Explain(p bpf.Program) ([]Section, error) {
	var g bpf.Graph
	root, err := g.Lift(p)
	if err != nil {
		return nil, err
	}
	x := &explainer{Graph: &g}
	seen := map[bpf.Node]bool{}
	audits := map[uint32]bool{}
	x.constants(root, bpf.OffArch, seen, func(t bpf.Test) { audits[t.K] = true })
	var out []Section
	others := facts(nil)
	for _, audit := range slices.Sorted(maps.Keys(audits)) {
		is := bpf.Test{Offset: bpf.OffArch, Mask: all32, Op: bpf.JEQ, K: audit}
		s := Section{Audit: audit}
		if s.Spans, err = x.spans(root, facts(nil).with(is, true)); err != nil {
			return nil, err
		}
		out = append(out, s)
		others = others.with(is, false)
	}
	s := Section{Other: true}
	s.Spans, err = x.spans(root, others)
	return append(out, s), err
}

// explainer walks a lifted filter.
type explainer struct {
	*bpf.Graph
	visits int // of nodes
}

// maxVisits bounds the work for filters that are made to be read by nobody.
const maxVisits = 1 << 22

var errTangled = errors.New("its ways to an answer are too many to list")

// constants calls f for each test of a word below a node.
func (x *explainer) constants(n bpf.Node, word uint32, seen map[bpf.Node]bool, f func(bpf.Test)) {
	x.visits++
	t, yes, no, ok := x.Node(n)
	if !ok || seen[n] {
		return
	}
	seen[n] = true
	if t.Offset == word {
		f(t)
	}
	x.constants(yes, word, seen, f)
	x.constants(no, word, seen, f)
}

// spans splits the numbers where the filter's answer can change.
func (x *explainer) spans(root bpf.Node, f facts) ([]Span, error) {
	starts := map[uint32]bool{}
	for _, r := range x.split(root, bpf.OffNr, f) {
		starts[r.First] = true
	}
	masked := false
	x.constants(root, bpf.OffNr, map[bpf.Node]bool{}, func(t bpf.Test) { masked = masked || t.Mask != all32 || t.Op == bpf.JSET })
	if masked {
		// Some bits of a number: look at each number that a call can have.
		for nr := range uint32(maxNumber) {
			starts[nr], starts[nr|x32Bit] = true, true
		}
		starts[maxNumber], starts[x32Bit|maxNumber], starts[all32] = true, true, true
	}
	var out []Span
	firsts := slices.Sorted(maps.Keys(starts))
	for i, first := range firsts {
		last := all32
		if i+1 < len(firsts) {
			last = firsts[i+1] - 1
		}
		ways, err := x.ways(root, f.with(bpf.Test{Offset: bpf.OffNr, Mask: all32, Op: bpf.JEQ, K: first}, true))
		if err != nil {
			return nil, fmt.Errorf("call %d: %w", first, err)
		}
		if n := len(out); n > 0 && slices.EqualFunc(out[n-1].Ways, ways, Way.equal) {
			out[n-1].Last = last
			continue
		}
		out = append(out, Span{first, last, ways})
	}
	return out, nil
}

// maxNumber is above all numbers of calls.
const maxNumber = 1024

func (w Way) equal(other Way) bool {
	return w.Answer == other.Answer && slices.EqualFunc(w.When, other.When, func(a, b Cond) bool {
		return a.Test == b.Test && slices.Equal(a.Ranges, b.Ranges)
	})
}

// ways lists the ways from a node to answers, of which the first whose
// conditions hold counts. So a way needs only what must hold on it: whoever
// failed one of the others took a way before it.
func (x *explainer) ways(n bpf.Node, f facts) ([]Way, error) {
	if x.visits++; x.visits > maxVisits {
		return nil, errTangled
	}
	t, yes, no, ok := x.Node(n)
	for ok && f.outcome(t) != open {
		next := no
		if f.outcome(t) == holds {
			next = yes
		}
		n = next
		t, yes, no, ok = x.Node(n)
	}
	if !ok {
		answer, _ := x.Answer(n)
		return []Way{{Answer: answer}}, nil
	}
	if t.Mask == all32 && t.Op != bpf.JSET {
		return x.ranges(n, t.Offset, f)
	}
	held, err := x.ways(yes, f.with(t, true))
	if err != nil {
		return nil, err
	}
	failed, err := x.ways(no, f.with(t, false))
	if len(held)+len(failed) > maxWays {
		return nil, errTangled
	}
	return joinWays(under(Cond{Test: t}, held), failed), err
}

// ranges splits the values of a word where the answer can change. The ranges
// that lead to the same come together, the widest last.
func (x *explainer) ranges(n bpf.Node, word uint32, f facts) ([]Way, error) {
	type group struct {
		ranges []Range
		size   uint64
		ways   []Way
	}
	var groups []group
	for _, r := range x.split(n, word, f) {
		ways, err := x.ways(n, within(f, word, r))
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(groups, func(g group) bool { return slices.EqualFunc(g.ways, ways, Way.equal) })
		if i < 0 {
			i, groups = len(groups), append(groups, group{ways: ways})
		}
		g := &groups[i]
		g.size += uint64(r.Last-r.First) + 1
		if last := len(g.ranges) - 1; last >= 0 && g.ranges[last].Last+1 == r.First {
			g.ranges[last].Last = r.Last
		} else {
			g.ranges = append(g.ranges, r)
		}
	}
	slices.SortStableFunc(groups, func(a, b group) int { return cmp.Compare(a.size, b.size) })
	out := groups[len(groups)-1].ways
	for _, g := range slices.Backward(groups[:len(groups)-1]) {
		out = joinWays(under(Cond{Test: bpf.Test{Offset: word, Mask: all32}, Ranges: g.ranges}, g.ways), out)
	}
	if len(out) > maxWays {
		return nil, errTangled
	}
	return out, nil
}

// split returns the ranges of a word in which no comparison below a node
// changes its outcome, as far as the facts leave them open.
func (x *explainer) split(n bpf.Node, word uint32, f facts) []Range {
	about := f.about(word)
	starts := map[uint32]bool{about.min: true}
	x.constants(n, word, map[bpf.Node]bool{}, func(t bpf.Test) {
		if t.Mask != all32 || t.Op == bpf.JSET {
			return
		}
		if t.Op != bpf.JGT {
			starts[t.K] = true
		}
		if t.Op != bpf.JGE && t.K != all32 {
			starts[t.K+1] = true
		}
	})
	firsts := slices.DeleteFunc(slices.Sorted(maps.Keys(starts)), func(v uint32) bool { return v < about.min || v > about.max })
	out := make([]Range, len(firsts))
	for i, first := range firsts {
		out[i] = Range{first, about.max}
		if i > 0 {
			out[i-1].Last = first - 1
		}
	}
	return out
}

// within adds that a word lies in a range.
func within(f facts, word uint32, r Range) facts {
	low := bpf.Test{Offset: word, Mask: all32, Op: bpf.JGE, K: r.First}
	high := bpf.Test{Offset: word, Mask: all32, Op: bpf.JGT, K: r.Last}
	return f.with(low, true).with(high, false)
}

// under puts ways under a condition.
func under(c Cond, ways []Way) []Way {
	out := make([]Way, len(ways))
	for i, w := range ways {
		out[i] = Way{append([]Cond{c}, w.When...), w.Answer}
	}
	return out
}

// joinWays puts ways before others. Those at the end that lead where the last
// one leads are not needed.
func joinWays(first, then []Way) []Way {
	if len(then) == 1 {
		for len(first) > 0 && first[len(first)-1].Answer == then[0].Answer {
			first = first[:len(first)-1]
		}
	}
	return append(first, then...)
}

// Name says whose calls the section is about, as GOARCH names architectures.
func (s Section) Name() string {
	if s.Other {
		return "any other architecture"
	}
	return archName(s.Audit)
}

// Rules spells a section, one rule a line: what is answered always, with all
// calls that are, then calls by their arguments. Of the answers, that to numbers
// beyond all known calls comes last.
func (s Section) Rules() []string {
	byAnswer := map[uint32][]string{}
	var order []uint32
	var conditional []string
	for _, span := range s.Spans {
		if len(span.Ways) > 1 {
			for _, name := range s.names(span) {
				for _, w := range span.Ways {
					conditional = append(conditional, w.rule(name))
				}
			}
			continue
		}
		answer := span.Ways[0].Answer
		if byAnswer[answer] == nil {
			order = append(order, answer)
		}
		byAnswer[answer] = append(byAnswer[answer], s.names(span)...)
	}
	rest, ok := s.beyond()
	if ok {
		order = append(slices.DeleteFunc(order, func(a uint32) bool { return a == rest }), rest)
		byAnswer[rest] = []string{"any other call"}
	}
	var out []string
	for _, answer := range order {
		out = append(out, bpf.AnswerString(answer)+": "+strings.Join(byAnswer[answer], ", "))
	}
	return slices.Concat(out[:max(len(out)-1, 0)], conditional, out[max(len(out)-1, 0):])
}

// beyond is the answer to the first number above all known calls, if it is
// always the same.
func (s Section) beyond() (answer uint32, ok bool) {
	next := uint32(0)
	for _, t := range tablesOf(s.Audit) {
		for nr := range t.Calls() {
			if nr < x32Bit {
				next = max(next, uint32(nr)+1)
			}
		}
	}
	for _, span := range s.Spans {
		if next >= span.First && next <= span.Last && len(span.Ways) == 1 {
			return span.Ways[0].Answer, true
		}
	}
	return 0, false
}

func (w Way) rule(call string) string {
	if len(w.When) == 0 {
		return bpf.AnswerString(w.Answer) + ": " + call + " otherwise"
	}
	return bpf.AnswerString(w.Answer) + ": " + call + " if " + conditionText(call, w.When)
}

// names lists the calls of a span; numbers without a name are one range each.
func (s Section) names(span Span) []string {
	var out []string
	hole := func(first, last uint64) { out = append(out, rangeText(first, last, plainNumber)) }
	next := uint64(span.First)
	for _, t := range tablesOf(s.Audit) {
		for nr, name := range t.Calls() {
			if uint32(nr) >= span.First && uint32(nr) <= span.Last {
				if uint64(nr) > next {
					hole(next, uint64(nr)-1)
				}
				out, next = append(out, name), uint64(nr)+1
			}
		}
	}
	if next <= uint64(span.Last) {
		hole(next, uint64(span.Last))
	}
	return out
}

func rangeText(first, last uint64, name func(uint64) string) string {
	if first == last {
		return name(first)
	}
	return name(first) + "-" + name(last)
}
