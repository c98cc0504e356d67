package report

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/belljar/belljar/bench/internal/measure"
)

func document(t *testing.T) Document {
	t.Helper()
	g := measure.Group{ID: "g", Title: "A group", Unit: "ns", Base: "native", Rounds: 3, Budget: time.Hour,
		Cells: []measure.Cell{{Name: "native"}, {Name: "slow"}, {Name: "a|b"}}}
	r, err := g.Run(context.Background(), func(_ context.Context, c measure.Cell) (float64, error) {
		switch c.Name {
		case "native":
			return 100, nil
		case "slow":
			return 250, nil
		}
		return 0, errors.New("not installed")
	})
	if err != nil {
		t.Fatal(err)
	}
	bars := []measure.Bar{
		{What: "met", Group: "g", Over: []string{"slow"}, Under: "native", AtMost: 3},
		{What: "missed", Group: "g", Over: []string{"slow", "native"}, Under: "native", AtMost: 2, Why: "because"},
		{What: "watched", Group: "g", Over: []string{"slow"}, Under: "native"},
		{What: "absent", Group: "g", Over: []string{"a|b"}, Under: "native", AtMost: 1},
		{What: "size", Group: "g", Over: []string{"slow"}, AtMost: 1 << 20},
	}
	d := Document{Intro: "# Title\n", Charts: []string{"c.svg", "d.svg"}, Facts: []Fact{{"kernel", "6.18"}}, Absent: []Fact{{"runc", "not installed"}}, Results: []*measure.Result{r}}
	for _, b := range bars {
		d.Readings = append(d.Readings, b.Read(r))
	}
	return d
}

func TestMarkdown(t *testing.T) {
	got := string(document(t).Markdown())
	for _, want := range []string{
		"# Title\n", "![ratios](c.svg)\n\n![ratios](d.svg)\n",
		"2 of 4 are met.",
		"| met | 3.00 | 2.50 | 2.50 .. 2.50 | met |",
		"| missed | 2.00 | 2.50 | 2.50 .. 2.50 | **not met** (the worst: slow) |",
		"- missed: because",
		"| watched | - | 2.50 | 2.50 .. 2.50 | watched |",
		"| absent | 1.00 | - | - | not measured: a\\|b: not installed |",
		"| size | 1.00 MiB | 0.00 MiB",
		"| kernel | 6.18 |", "| runc | not measured: not installed |",
		"## A group\n\nMedians of 3 rounds.",
		"| native | 100 ns | 100 ns .. 100 ns | | | |",
		"| slow | 250 ns | 250 ns .. 250 ns | 2.50 | 2.50 .. 2.50 | native |",
		"| a\\|b | - | | | | failed: not installed |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestText(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(string(Text(document(t).Readings))), "\n")
	for i, want := range []string{"at most 3.00", "NOT MET", "at most -", "not measured: a|b", "at most 1.00 MiB"} {
		if i >= len(lines) || !strings.Contains(lines[i], want) {
			t.Errorf("line %d has no %q: %q", i, want, lines)
		}
	}
}
