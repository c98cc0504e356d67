package bpf_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/belljar/belljar/seccomp/bpf"
)

const all = ^uint32(0)

func ExampleGraph() {
	var g bpf.Graph
	kill, allow := g.Return(bpf.KillProcess), g.Return(bpf.Allow)
	small := g.Test(bpf.Test{Offset: bpf.OffNr, Mask: all, Op: bpf.JGE, K: 3}, kill, allow)
	native := g.Test(bpf.Test{Offset: bpf.OffArch, Mask: all, Op: bpf.JEQ, K: 0xc000003e}, small, kill)
	p, err := g.Assemble(native)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(p)
	// Output:
	// 0000: ld arch
	// 0001: jeq #0xc000003e, 0002, 0005
	// 0002: ld nr
	// 0003: jge #0x3, 0005, 0004
	// 0004: ret allow
	// 0005: ret kill-process
}

// randomGraph makes a graph of tests on few words, so that loads and masks can
// be shared, and returns its root.
func randomGraph(r *rand.Rand, g *bpf.Graph, tests int) bpf.Node {
	nodes := []bpf.Node{g.Return(1), g.Return(2), g.Return(3)}
	near := func() bpf.Node {
		if r.IntN(8) == 0 {
			return nodes[r.IntN(len(nodes))]
		}
		return nodes[len(nodes)-1-r.IntN(min(4, len(nodes)))]
	}
	for range tests {
		t := bpf.Test{Offset: 16 + 4*uint32(r.IntN(3)), Mask: []uint32{all, all, 0xffff, 0xff}[r.IntN(4)],
			Op: []uint16{bpf.JEQ, bpf.JGT, bpf.JGE, bpf.JSET}[r.IntN(4)], K: r.Uint32N(16)}
		nodes = append(nodes, g.Test(t, near(), near()))
	}
	return nodes[len(nodes)-1]
}

// An assembled graph answers what its tests say, with jumps of any length and
// whatever the accumulator holds on the way.
func TestGraphAssembles(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	longest := 0
	for round := range 300 {
		var g bpf.Graph
		root := randomGraph(r, &g, 1+r.IntN(1+4*round))
		p, err := g.Assemble(root)
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, len(p))
		for range 50 {
			d := bpf.Data{Args: [6]uint64{uint64(r.Uint32N(20)) | uint64(r.Uint32N(20))<<32, uint64(r.Uint32N(1 << 17))}}
			want := g.Decide(root, d)
			got, steps, err := p.Run(d)
			if err != nil || got != want || steps > len(p) {
				t.Fatalf("round %d: got %d in %d steps, %v, want %d\n%s", round, got, steps, err, want, p)
			}
		}
	}
	if longest < 700 {
		t.Errorf("the longest program has %d instructions; far jumps were not tested", longest)
	}
}

func TestGraphTooLong(t *testing.T) {
	var g bpf.Graph
	n := g.Return(0)
	for i := range uint32(bpf.MaxLen + 1) {
		n = g.Test(bpf.Test{Mask: all, Op: bpf.JEQ, K: i}, g.Return(bpf.Allow), n)
	}
	if _, err := g.Assemble(n); err == nil || !strings.Contains(err.Error(), "4096") {
		t.Errorf("got %v", err)
	}
}

// What the kernel's emulator says about calls that no argument decides.
func TestConstantAllow(t *testing.T) {
	var g bpf.Graph
	allow, kill := g.Return(bpf.Allow), g.Return(bpf.KillProcess)
	arg := g.Test(bpf.Test{Offset: bpf.OffArg(0), Mask: all, Op: bpf.JEQ, K: 1}, allow, kill)
	n := g.Test(bpf.Test{Offset: bpf.OffNr, Mask: all, Op: bpf.JEQ, K: 7}, arg, kill)
	n = g.Test(bpf.Test{Offset: bpf.OffNr, Mask: 0xf0, Op: bpf.JEQ, K: 0x20}, allow, n)
	n = g.Test(bpf.Test{Offset: bpf.OffArch, Mask: all, Op: bpf.JEQ, K: 5}, n, kill)
	p, err := g.Assemble(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		nr   int32
		arch uint32
		want bool
	}{{0x23, 5, true}, {0x123, 5, true}, {0x33, 5, false}, {7, 5, false}, {0x23, 6, false}} {
		if got := p.ConstantAllow(test.nr, test.arch); got != test.want {
			t.Errorf("%#x of %d: %v, want %v", test.nr, test.arch, got, test.want)
		}
	}
}
