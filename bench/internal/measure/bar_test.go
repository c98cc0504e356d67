package measure

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// results runs a group once, with samples that are the cells' numbers.
func results(t *testing.T, values map[string]float64) *Result {
	t.Helper()
	g := Group{ID: "g", Rounds: 3, Budget: time.Hour}
	for name := range values {
		g.Cells = append(g.Cells, Cell{Name: name})
	}
	r, err := g.Run(context.Background(), func(_ context.Context, c Cell) (float64, error) {
		if values[c.Name] < 0 {
			return 0, errors.New("no such tool")
		}
		return values[c.Name], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestBar(t *testing.T) {
	r := results(t, map[string]float64{"native": 10, "slow": 30, "slower": 40, "missing": -1})
	for name, c := range map[string]struct {
		bar    Bar
		median float64
		worst  string
		met    bool
		err    string
	}{
		"met":             {Bar{Over: []string{"slow"}, Under: "native", AtMost: 3}, 3, "slow", true, ""},
		"not met":         {Bar{Over: []string{"slow"}, Under: "native", AtMost: 2.9}, 3, "slow", false, ""},
		"the worst":       {Bar{Over: []string{"slower", "slow"}, Under: "native", AtMost: 3}, 4, "slower", false, ""},
		"a value":         {Bar{Over: []string{"slow"}, AtMost: 30}, 30, "slow", true, ""},
		"missing":         {Bar{Over: []string{"slow", "missing"}, Under: "native", AtMost: 9}, 0, "", false, "no such tool"},
		"missing beneath": {Bar{Over: []string{"slow"}, Under: "missing", AtMost: 9}, 0, "", false, "no such tool"},
	} {
		got := c.bar.Read(r)
		if c.err != "" {
			if got.Err == nil || !strings.Contains(got.Err.Error(), c.err) || got.Met() {
				t.Errorf("%s: %+v", name, got)
			}
			continue
		}
		if got.Err != nil || got.Median != c.median || got.Worst != c.worst || got.Met() != c.met {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := (Bar{AtMost: 1}).Read(nil); got.Err == nil || got.Met() {
		t.Error("a bar is met whose group was not measured")
	}
}

func TestOnly(t *testing.T) {
	g := Group{ID: "g", Cells: []Cell{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	got := g.Only([]Bar{{Group: "g", Over: []string{"c"}, Under: "a"}, {Group: "other", Over: []string{"b"}}}).Cells
	if len(got) != 2 || got[0].Name != "a" || got[1].Name != "c" || len(g.Cells) != 3 {
		t.Errorf("%v of %v", got, g.Cells)
	}
}

func TestBands(t *testing.T) {
	reading := func(id string, median, low, high float64) Reading {
		return Reading{Bar: Bar{ID: id}, Spread: Spread{Median: median, Low: low, High: high}}
	}
	steady := NewBand(reading("steady", 2, 1.99, 2.01))
	noisy := NewBand(reading("noisy", 2, 1.9, 2.1))
	wild := NewBand(reading("wild", 2, 1, 3))
	text := FormatBands("first line\nsecond line\n", []Band{steady, noisy, wild})
	bands, err := ParseBands(bytes.NewReader(text))
	if err != nil || len(bands) != 3 {
		t.Fatalf("%v, %v\n%s", bands, err, text)
	}
	for id, most := range map[string]float64{"steady": 2.2, "noisy": 2.6, "wild": 3} {
		if b := bands[id]; b.Exceeded(most*0.999) || !b.Exceeded(most*1.001) {
			t.Errorf("%s: %+v does not end at %v", id, b, most)
		}
	}
	for _, bad := range []string{"a", "a 1", "a x 1", "a 0 1", "a 1 -1", "a 1 1\na 1 1"} {
		if _, err := ParseBands(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
