package bpf

import "fmt"

// Lift reads a program as the graph of what it decides, in the nodes of g. It
// fails for operations that only few filters use: arithmetic other than AND
// with a constant, the index register, scratch cells, the instruction pointer's
// own arithmetic. Run interprets those.
func (g *Graph) Lift(p Program) (Node, error) {
	if err := p.Check(); err != nil {
		return 0, err
	}
	return (&lifter{Graph: g, program: p, seen: map[lifted]Node{}}).from(lifted{})
}

// lifted is a place in a program with what the accumulator holds there.
type lifted struct {
	pc     int
	loaded bool // the masked word at offset
	offset uint32
	mask   uint32
	value  uint32 // where nothing is loaded
}

type lifter struct {
	*Graph
	program Program
	seen    map[lifted]Node
}

// maxLifted bounds the work for programs that reach the same place with many
// different masks.
const maxLifted = 1 << 16

func (l *lifter) from(s lifted) (Node, error) {
	if n, ok := l.seen[s]; ok {
		return n, nil
	}
	if len(l.seen) > maxLifted {
		return 0, fmt.Errorf("the program has too many ways to be read as rules")
	}
	begin := s
	for {
		in := l.program[s.pc]
		switch in.Op {
		case RET | K:
			return l.keep(begin, l.Return(in.K))
		case RET | A:
			if s.loaded {
				return 0, fmt.Errorf("instruction %d returns a part of the call's data", s.pc)
			}
			return l.keep(begin, l.Return(s.value))
		case LD | W | ABS:
			s.loaded, s.offset, s.mask, s.value = true, in.K, all32, 0
		case LD | IMM:
			s.loaded, s.offset, s.mask, s.value = false, 0, 0, in.K
		case ALU | AND | K:
			s.mask, s.value = s.mask&in.K, s.value&in.K
		case JMP | JA:
			s.pc += int(in.K)
		case JMP | JEQ | K, JMP | JGT | K, JMP | JGE | K, JMP | JSET | K:
			n, err := l.branch(s, in)
			if err != nil {
				return 0, err
			}
			return l.keep(begin, n)
		default:
			return 0, fmt.Errorf("instruction %d, %s, computes what is no comparison of the call's data", s.pc, in)
		}
		s.pc++
	}
}

func (l *lifter) keep(s lifted, n Node) (Node, error) {
	l.seen[s] = n
	return n, nil
}

func (l *lifter) branch(s lifted, in Instruction) (Node, error) {
	yes, no := s, s
	yes.pc += 1 + int(in.Jt)
	no.pc += 1 + int(in.Jf)
	op := in.Op & 0xf0
	if !s.loaded || s.mask == 0 {
		if held, _ := compare(op, s.value, in.K); held {
			return l.from(yes)
		}
		return l.from(no)
	}
	y, err := l.from(yes)
	if err != nil {
		return 0, err
	}
	n, err := l.from(no)
	if err != nil {
		return 0, err
	}
	return l.Test(Test{Offset: s.offset, Mask: s.mask, Op: op, K: in.K}, y, n), nil
}

// Node returns what a node tests and where that leads. It is false for answers.
func (g *Graph) Node(i Node) (t Test, yes, no Node, ok bool) {
	n := g.nodes[i]
	return n.Test, n.yes, n.no, n.Op != retOp
}
