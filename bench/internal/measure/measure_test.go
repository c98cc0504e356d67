package measure

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		want    Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3, 1}},
		{[]float64{4, 2}, Spread{3, 2.5, 3.5, 2}},
		{[]float64{9, 1, 5}, Spread{5, 3, 7, 3}},
		{[]float64{5, 1, 4, 2, 3}, Spread{3, 2, 4, 5}},
		{[]float64{1, 1, 1, 1, 1000}, Spread{1, 1, 1, 5}},
	} {
		given := slices.Clone(c.samples)
		if got := SpreadOf(c.samples); got != c.want {
			t.Errorf("%v: %+v, want %+v", given, got, c.want)
		}
		if !slices.Equal(given, c.samples) {
			t.Errorf("%v was sorted in place", given)
		}
	}
}

// TestInTurn checks that cells take turns, that a failing one is left out from
// then on, and that ratios compare samples of the same round.
func TestInTurn(t *testing.T) {
	var order string
	round := 0.0
	g := Group{ID: "g", Unit: "ns", Rounds: 4, Budget: time.Hour, Base: "a", Cells: []Cell{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	r, err := g.Run(context.Background(), func(_ context.Context, c Cell) (float64, error) {
		order += c.Name
		switch c.Name {
		case "a":
			round++ // the machine gets slower with each round
			return 10 * round, nil
		case "b":
			return 30 * round, nil
		}
		if round > 1 {
			return 0, errors.New("no")
		}
		return 1, nil
	})
	if err != nil || order != "abcabcabab" {
		t.Fatalf("%q, %v", order, err)
	}
	if got, ok := r.Ratio("b", "a"); !ok || got != (Spread{3, 3, 3, 4}) {
		t.Errorf("ratio %+v", got)
	}
	if _, ok := r.Value("c"); ok || r.Failed["c"] == nil {
		t.Error("a cell that failed has a value")
	}
	if _, ok := r.Ratio("c", "a"); ok {
		t.Error("a cell that failed has a ratio")
	}
}

func TestBudget(t *testing.T) {
	g := Group{Rounds: 100, Budget: 1, Cells: []Cell{{Name: "a"}}}
	r, err := g.Run(context.Background(), func(context.Context, Cell) (float64, error) { return 1, nil })
	if err != nil || r.Rounds != leastRounds {
		t.Errorf("%d rounds, %v", r.Rounds, err)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	g := Group{Rounds: 5, Budget: time.Hour, Cells: []Cell{{Name: "a"}}}
	_, err := g.Run(ctx, func(context.Context, Cell) (float64, error) { cancel(why); return 0, errors.New("killed") })
	if err != why {
		t.Errorf("%v", err)
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{0.5, "ns", "0.50 ns"}, {999.4, "ns", "999 ns"}, {999.6, "ns", "1.00 us"}, {12345, "ns", "12.3 us"},
		{2.5e9, "ns", "2.50 s"}, {4e12, "ns", "4000 s"}, {110000, "B", "110 kB"}, {5.5e6, "B", "5.50 MB"},
	} {
		if got := Format(c.v, c.unit); got != c.want {
			t.Errorf("%v %s: %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	good := Group{ID: "g", Unit: "ns", Base: "a", Rounds: 3, Budget: 1, Cells: []Cell{{Name: "a"}, {Name: "b", Base: "a"}}}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Group){
		"no such base":      func(g *Group) { g.Base = "c" },
		"no such cell base": func(g *Group) { g.Cells = []Cell{{Name: "a"}, {Name: "b", Base: "c"}} },
		"twice":             func(g *Group) { g.Cells = []Cell{{Name: "a"}, {Name: "a"}} },
		"unit":              func(g *Group) { g.Unit = "s" },
		"rounds":            func(g *Group) { g.Rounds = 1 },
	} {
		bad := good
		spoil(&bad)
		if bad.Check() == nil {
			t.Errorf("%s: nothing found", name)
		}
	}
}
