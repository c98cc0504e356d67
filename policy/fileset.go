package policy

import (
	"fmt"
	"strings"
)

// FileSet is a Files section, compiled for one directory. It is read-only, so
// any number of goroutines may use it.
type FileSet struct {
	rules    []FileRule
	looked   []bool // by rule: a refusal of all but Stat
	looks    bool   // Stat is granted on everything
	fallback Action
	nodes    []node    // a trie over components; 0 is the root
	patterns []pattern // what the trie's nodes end
	ranks    ranks
}

// pattern is one spelling of one rule.
type pattern struct {
	rule       int
	components []component
	exact      bool // it matches one path
}

// node is a position inside patterns.
type node struct {
	literal map[string]int32
	globs   *globs // nil: none
	deep    int32  // the node of a "**" that follows here, 0 for none
	loops   bool   // this node is a "**": every component leads back to it
	ends    []int32
	way     int32 // a rule that grants something below this literal path, plus 1
}

// Compile prepares the rules for deciding. Relative patterns count from dir,
// the command's directory. canon, where not nil, maps a path without wildcards
// to the path that the kernel would reach, such as /lib to /usr/lib; a rule
// applies to both spellings of the part of its pattern before any wildcard.
//
// A grant lets a program look (Stat) at the directories that lead to it, since
// realpath(3) asks about each. Where dir is the root, relative patterns with
// wildcards grant nothing: "./**" means the program's own directory, and no
// program owns them all.
func (f *Files) Compile(dir string, canon func(string) string) (*FileSet, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	s := &FileSet{rules: append([]FileRule(nil), f.Rules...), looked: looked(f.Rules), fallback: f.Default.OrKill(), nodes: make([]node, 1, 1+3*len(f.Rules)), patterns: make([]pattern, 0, len(f.Rules))}
	if !f.Decides() {
		s.fallback = Action{Kind: Allow}
	}
	for i := range s.rules {
		r := &s.rules[i]
		r.Grant = r.Grant.Implied()
		if !strings.HasPrefix(r.Pattern, "/") && !isClean(dir) {
			return nil, fmt.Errorf("files: pattern %q counts from directory %q, which is not absolute and clean", r.Pattern, dir)
		}
		spelled := components(r.Pattern, dir)
		if r.Grant != 0 && dir == "/" && !strings.HasPrefix(r.Pattern, "/") && hasWildcard(spelled) {
			continue
		}
		s.add(i, spelled)
		if reached := reachedBy(spelled, canon); reached != nil {
			s.add(i, reached)
		}
	}
	s.looks = s.everywhere() && s.Uniform("/", Stat)
	return s, nil
}

// reachedBy returns the pattern with its literal prefix as canon has it, nil
// where that is no other pattern.
func reachedBy(spelled []component, canon func(string) string) []component {
	n := 0
	for n < len(spelled) && spelled[n].kind == literal {
		n++
	}
	if canon == nil || n == 0 {
		return nil
	}
	var prefix strings.Builder
	for _, c := range spelled[:n] {
		prefix.WriteString("/" + c.text)
	}
	reached := canon(prefix.String())
	if reached == prefix.String() || !isClean(reached) {
		return nil
	}
	return append(literals(reached), spelled[n:]...)
}

// add puts one pattern of a rule into the trie.
func (s *FileSet) add(rule int, cs []component) {
	at, literalSoFar := int32(0), true
	for _, c := range cs {
		if literalSoFar && s.rules[rule].Grant != 0 && s.nodes[at].way == 0 {
			s.nodes[at].way = int32(rule) + 1
		}
		literalSoFar = literalSoFar && c.kind == literal
		at = s.child(at, c)
	}
	s.nodes[at].ends = append(s.nodes[at].ends, int32(len(s.patterns)))
	s.patterns = append(s.patterns, pattern{rule: rule, components: cs, exact: !hasWildcard(cs)})
}

// child returns the node that a component leads to, made if need be.
func (s *FileSet) child(at int32, c component) int32 {
	n := &s.nodes[at]
	fresh := int32(len(s.nodes))
	switch c.kind {
	case anyDepth:
		if n.deep != 0 {
			return n.deep
		}
		n.deep = fresh
	case glob:
		if n.globs == nil {
			n.globs = new(globs)
		}
		if to := n.globs.find(c.text); to != 0 {
			return to
		}
		n.globs.add(globEdge{c.text, fresh})
	default:
		if to, ok := n.literal[c.text]; ok {
			return to
		}
		if n.literal == nil {
			n.literal = map[string]int32{}
		}
		n.literal[c.text] = fresh
	}
	s.nodes = append(s.nodes, node{loops: c.kind == anyDepth})
	return fresh
}

func hasWildcard(cs []component) bool {
	for _, c := range cs {
		if c.kind != literal {
			return true
		}
	}
	return false
}

// isClean reports whether a path is absolute and has neither "." nor ".." nor
// empty components.
func isClean(path string) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	for rest := path[1:]; rest != ""; {
		c, after, more := strings.Cut(rest, "/")
		if c == "" || c == "." || c == ".." || more && after == "" {
			return false
		}
		rest = after
	}
	return true
}
