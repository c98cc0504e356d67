package bpf

import "slices"

// Assemble returns the program that starts at a node, checked as the kernel
// would.
//
// The program is written from its end, where the answers are, to its start:
// jumps only go forward, so each jump's distance is known when it is written.
// A conditional jump reaches 255 instructions. Where an answer is further off
// it is written again, and where a test is, an unconditional jump leads to it.
func (g *Graph) Assemble(root Node) (Program, error) {
	l := layout{Graph: g, at: make([][entries]int, len(g.nodes)), entered: make([][entries]bool, len(g.nodes))}
	l.measure(root)
	l.place(root)
	slices.Reverse(l.code)
	return l.code, l.code.Check()
}

// layout is one assembly. Positions count from the program's end.
type layout struct {
	*Graph
	code    Program         // the last instruction first
	at      [][entries]int  // by node: 1 + the position of each entry, 0 before it is written
	entered [][entries]bool // by node: which entries are jumped to
	size    []int           // by node: instructions of the tree below it, as if nothing were shared
	placed  []bool
}

// measure finds which entries the nodes need and how large they are.
func (l *layout) measure(root Node) {
	reached := make([]bool, len(l.nodes))
	l.size, l.placed = make([]int, len(l.nodes)), make([]bool, len(l.nodes))
	reached[root] = true
	l.entered[root][atLoad] = true
	for i := root; i >= 0; i-- {
		n := &l.nodes[i]
		if !reached[i] || n.Op == retOp {
			continue
		}
		for _, next := range []Node{n.yes, n.no} {
			reached[next] = true
			l.entered[next][l.nodes[next].entry(n.Test)] = true
		}
	}
	for i := range l.nodes[:root+1] {
		if n := &l.nodes[i]; reached[i] && n.Op != retOp {
			// Sharing can make the unshared size huge; only its order matters.
			l.size[i] = min(1+l.size[n.yes]+l.size[n.no], 1<<20)
		}
	}
}

// place writes a node and, before it, what it leads to. The smaller side is
// written last, which puts it next to the test: so the jump over it is short.
func (l *layout) place(i Node) {
	if l.placed[i] {
		return
	}
	l.placed[i] = true
	n := &l.nodes[i]
	if n.Op == retOp {
		l.write(Instruction{Op: retOp, K: n.K}, i, atJump)
		return
	}
	first, second := n.yes, n.no
	if l.size[first] < l.size[second] {
		first, second = second, first
	}
	l.place(first)
	l.place(second)
	for !l.near(i, n.yes) || !l.near(i, n.no) {
	}
	l.write(Instruction{Op: JMP | n.Op | K, K: n.K, Jt: uint8(l.skip(n, n.yes)), Jf: uint8(l.skip(n, n.no))}, i, atJump)
	if n.Mask != ^uint32(0) && (l.entered[i][atMask] || l.entered[i][atLoad]) {
		l.write(Instruction{Op: ALU | AND | K, K: n.Mask}, i, atMask)
	}
	if l.entered[i][atLoad] {
		l.write(Instruction{Op: LD | W | ABS, K: n.Offset}, i, atLoad)
	}
}

// write adds an instruction as an entry of a node.
func (l *layout) write(in Instruction, i Node, e entry) {
	l.code = append(l.code, in)
	l.at[i][e] = len(l.code)
}

// skip is how many instructions lie between the next one to be written, which
// is n's jump, and the place where n enters a successor.
func (l *layout) skip(n *node, to Node) int {
	return len(l.code) - l.at[to][l.nodes[to].entry(n.Test)]
}

// near reports whether a conditional jump of node i reaches a successor, and
// brings the successor nearer if not.
func (l *layout) near(i, to Node) bool {
	n, next := &l.nodes[i], &l.nodes[to]
	skip := l.skip(n, to)
	if skip <= 255 {
		return true
	}
	if next.Op == retOp {
		l.write(Instruction{Op: retOp, K: next.K}, to, atJump)
	} else {
		l.write(Instruction{Op: JMP | JA, K: uint32(skip)}, to, next.entry(n.Test))
	}
	return false
}
