// Package measure takes samples of several things in turn, and compares them
// round by round, so that what the machine does besides meets all of them alike.
package measure

import (
	"context"
	"fmt"
	"math"
	"time"
)

// Cell is one thing that is measured, by a command that prints a number.
type Cell struct {
	Name    string
	Command string
	Base    string // the cell that it is compared with, "" for the group's
}

// Group is cells that are comparable. Its Budget is for all samples together.
type Group struct {
	ID, Title string
	Unit      string // "ns" or "B"
	Base      string // the cell that others are compared with, "" for none
	Rounds    int
	Budget    time.Duration
	Cells     []Cell
}

// leastRounds are taken even if the budget is used up.
const leastRounds = 3

// Result is what a group's samples were. A cell that failed once has none, and
// its error.
type Result struct {
	Group   Group
	Rounds  int
	samples map[string][]float64
	Failed  map[string]error
}

// Sample runs a cell's command and returns the number.
type Sample func(ctx context.Context, c Cell) (float64, error)

// Run takes a sample of every cell in turn, and again, for as many rounds as
// there are or the budget allows. Only the context's end is an error.
func (g Group) Run(ctx context.Context, sample Sample) (*Result, error) {
	r := &Result{Group: g, samples: map[string][]float64{}, Failed: map[string]error{}}
	start := time.Now()
	for ; r.Rounds < g.Rounds; r.Rounds++ {
		if r.Rounds >= leastRounds && time.Since(start) > g.Budget {
			break
		}
		for _, c := range g.Cells {
			if r.Failed[c.Name] != nil {
				continue
			}
			v, err := sample(ctx, c)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err != nil {
				r.Failed[c.Name] = err
				delete(r.samples, c.Name)
				continue
			}
			r.samples[c.Name] = append(r.samples[c.Name], v)
		}
	}
	return r, nil
}

// Value is what a cell's samples say; ok is false for a cell that failed.
func (r *Result) Value(cell string) (s Spread, ok bool) {
	v := r.samples[cell]
	return SpreadOf(v), len(v) > 0
}

// Ratio compares two cells round by round.
func (r *Result) Ratio(over, under string) (s Spread, ok bool) {
	a, b := r.samples[over], r.samples[under]
	ratios := make([]float64, 0, len(a))
	for i := range min(len(a), len(b)) {
		if b[i] != 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	return SpreadOf(ratios), len(ratios) > 0
}

// BaseOf is the cell that another is compared with, "" for none.
func (g Group) BaseOf(c Cell) string {
	switch {
	case c.Base != "":
		return c.Base
	case c.Name == g.Base:
		return ""
	}
	return g.Base
}

// Check finds mistakes in a group's data.
func (g Group) Check() error {
	names := map[string]bool{}
	for _, c := range g.Cells {
		if names[c.Name] {
			return fmt.Errorf("group %s: two cells %q", g.ID, c.Name)
		}
		names[c.Name] = true
	}
	for _, c := range g.Cells {
		if base := g.BaseOf(c); base != "" && !names[base] {
			return fmt.Errorf("group %s: %q is compared with %q, which is no cell of it", g.ID, c.Name, base)
		}
	}
	if g.Unit != "ns" && g.Unit != "B" || g.Rounds < leastRounds || g.Budget <= 0 {
		return fmt.Errorf("group %s: unit %q, %d rounds, budget %v", g.ID, g.Unit, g.Rounds, g.Budget)
	}
	return nil
}

// Format writes a value in a unit that keeps it short.
func Format(v float64, unit string) string {
	scales := map[string][]string{"ns": {"ns", "us", "ms", "s"}, "B": {"B", "kB", "MB", "GB"}}[unit]
	for i, name := range scales {
		if math.Abs(v) < 999.5 || i == len(scales)-1 {
			return Short(v) + " " + name
		}
		v /= 1000
	}
	return Short(v)
}

// Short writes a number with three digits or so.
func Short(v float64) string {
	switch a := math.Abs(v); {
	case a < 9.995:
		return fmt.Sprintf("%.2f", v)
	case a < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
