package bpf

// Node is a place in a Graph: a test or an answer.
type Node int32

// Test compares one word of Data with a constant.
type Test struct {
	Offset uint32 // of the word in Data
	Mask   uint32 // the bits of the word that take part
	Op     uint16 // JEQ, JGT, JGE or JSET
	K      uint32
}

// Holds makes the test on a word.
func (t Test) Holds(word uint32) bool {
	held, _ := compare(t.Op, word&t.Mask, t.K)
	return held
}

// Graph is a filter as what it decides: tests that lead to other tests or to
// answers. Equal nodes are one node, so tails are shared whoever builds them,
// and a test that changes nothing is left out. Assemble chooses where loads
// and jumps go. The zero Graph is ready to use.
type Graph struct {
	nodes []node // a node's successors come before it
	index map[node]Node
}

// node is a test with its successors, or an answer if op is retOp.
type node struct {
	Test
	yes, no Node
}

const retOp = RET | K

// Return returns the node that ends the filter with an answer.
func (g *Graph) Return(answer uint32) Node {
	return g.intern(node{Test: Test{Op: retOp, K: answer}})
}

// Test returns the node that goes to yes where the test holds, and to no
// elsewhere.
func (g *Graph) Test(t Test, yes, no Node) Node {
	if yes == no {
		return yes
	}
	return g.intern(node{Test: t, yes: yes, no: no})
}

// Answer returns what a node answers if it is an answer, not a test.
func (g *Graph) Answer(n Node) (answer uint32, ok bool) {
	return g.nodes[n].K, g.nodes[n].Op == retOp
}

// Decide returns the answer to a call, test by test.
func (g *Graph) Decide(root Node, d Data) uint32 {
	words := d.words()
	n := &g.nodes[root]
	for n.Op != retOp {
		next := n.no
		if n.Holds(words[n.Offset/4]) {
			next = n.yes
		}
		n = &g.nodes[next]
	}
	return n.K
}

func (g *Graph) intern(n node) Node {
	if i, ok := g.index[n]; ok {
		return i
	}
	if g.index == nil {
		g.index, g.nodes = make(map[node]Node, 256), make([]node, 0, 256) // room for a preset's filter
	}
	i := Node(len(g.nodes))
	g.nodes, g.index[n] = append(g.nodes, n), i
	return i
}

// entry is where a jump enters a test, by what the accumulator holds already.
type entry uint8

const (
	atJump entry = iota // the masked word
	atMask              // the word, or more bits of it than the mask keeps
	atLoad              // something else
	entries
)

// entry says where a test is entered by what was last compared.
func (n *node) entry(from Test) entry {
	switch {
	case n.Op == retOp || from.Offset == n.Offset && from.Mask == n.Mask:
		return atJump
	case from.Offset == n.Offset && from.Mask&n.Mask == n.Mask:
		return atMask
	}
	return atLoad
}
