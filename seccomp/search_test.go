package seccomp

import (
	"math/rand/v2"
	"testing"

	"github.com/belljar/belljar/seccomp/bpf"
)

// A search finds the span of every value, with at most one test per boundary.
func TestSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for round := range 200 {
		var g bpf.Graph
		spans := []span{{node: g.Return(0)}}
		limit := uint32(2 + r.IntN(6*(round+1)))
		for v := range limit {
			if v > 0 && r.IntN(3) > 0 {
				spans = append(spans, span{first: v, node: g.Return(r.Uint32N(4)), weight: r.Int32N(5)})
			}
		}
		if r.IntN(2) == 0 {
			spans = append(spans, span{first: all32, node: g.Return(9)})
		}
		p, err := g.Assemble(search(&g, bpf.OffNr, all32, spans))
		if err != nil {
			t.Fatal(err)
		}
		tests := 0
		for _, in := range p {
			if in.Op&7 == bpf.JMP && in.Op != bpf.JMP|bpf.JA {
				tests++
			}
		}
		if boundaries := len(joined(spans)) - 1; tests > boundaries {
			t.Errorf("round %d: %d tests for %d boundaries", round, tests, boundaries)
		}
		last := 0
		for v := range limit + 2 {
			for last+1 < len(spans) && spans[last+1].first <= v {
				last++
			}
			want, _ := g.Answer(spans[last].node)
			if got, _, err := p.Run(bpf.Data{Nr: int32(v)}); err != nil || got != want {
				t.Fatalf("round %d: %d leads to %d, %v, want %d\n%s", round, v, got, err, want, p)
			}
		}
	}
}

// What facts conclude about a test is so for every word that they allow.
func TestFacts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	concluded := 0
	for range 20000 {
		word := r.Uint32N(40)
		var f facts
		test := func() bpf.Test {
			return bpf.Test{Offset: 16, Mask: []uint32{all32, all32, 0xf, 0x18}[r.IntN(4)],
				Op: []uint16{bpf.JEQ, bpf.JGT, bpf.JGE, bpf.JSET}[r.IntN(4)], K: r.Uint32N(40)}
		}
		for range r.IntN(6) {
			if tt := test(); f.outcome(tt) == open {
				f = f.with(tt, tt.Holds(word))
			}
		}
		tt := test()
		if got := f.outcome(tt); got != open {
			concluded++
			if want := decided(tt.Holds(word)); got != want {
				t.Fatalf("%+v of %d: concluded %d, is %d, from %+v", tt, word, got, want, f)
			}
		}
	}
	if concluded < 2000 {
		t.Errorf("only %d conclusions", concluded)
	}
}
