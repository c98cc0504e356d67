package measure

import "fmt"

// Bar is a ratio that is watched, or a value, with the most that it may be.
type Bar struct {
	ID     string
	What   string
	Group  string
	Over   []string // of several cells the worst counts
	Under  string   // "" for the value of Over itself
	AtMost float64  // 0 for one that is only watched
	Why    string   // what is known of it where it is not met
}

// Reading is what was measured for a bar.
type Reading struct {
	Bar
	Spread
	Worst string // the cell that counted
	Err   error  // why there is nothing
}

// Met says whether the median is within the bar.
func (r Reading) Met() bool { return r.Err == nil && r.Median <= r.AtMost }

// Read finds a bar's reading in its group's result, which is nil for a group
// that was not run.
func (b Bar) Read(r *Result) Reading {
	reading := Reading{Bar: b}
	if r == nil {
		reading.Err = fmt.Errorf("group %s was not measured", b.Group)
		return reading
	}
	for _, over := range b.Over {
		s, ok := r.Value(over)
		if b.Under != "" {
			s, ok = r.Ratio(over, b.Under)
		}
		if !ok {
			reading.Err = fmt.Errorf("%s: %w", over, r.failure(over, b.Under))
			return reading
		}
		if s.Median >= reading.Median {
			reading.Spread, reading.Worst = s, over
		}
	}
	return reading
}

// failure is why there is no ratio of two cells.
func (r *Result) failure(over, under string) error {
	for _, cell := range []string{over, under} {
		if err := r.Failed[cell]; err != nil {
			return err
		}
	}
	return fmt.Errorf("not measured")
}

// Check finds mistakes in a bar's data.
func (b Bar) Check(groups []Group) error {
	for _, g := range groups {
		if g.ID != b.Group {
			continue
		}
		for _, cell := range append([]string{b.Under}, b.Over...) {
			if _, ok := g.cell(cell); !ok && cell != "" {
				return fmt.Errorf("bar %s: group %s has no cell %q", b.ID, g.ID, cell)
			}
		}
		if len(b.Over) == 0 {
			return fmt.Errorf("bar %s: nothing is measured", b.ID)
		}
		return nil
	}
	return fmt.Errorf("bar %s: no group %q", b.ID, b.Group)
}

func (g Group) cell(name string) (Cell, bool) {
	for _, c := range g.Cells {
		if c.Name == name {
			return c, true
		}
	}
	return Cell{}, false
}

// Only is the group with none but the cells that bars need.
func (g Group) Only(bars []Bar) Group {
	needed := map[string]bool{}
	for _, b := range bars {
		if b.Group == g.ID {
			needed[b.Under] = true
			for _, over := range b.Over {
				needed[over] = true
			}
		}
	}
	cells := g.Cells
	g.Cells = nil
	for _, c := range cells {
		if needed[c.Name] {
			g.Cells = append(g.Cells, c)
		}
	}
	return g
}
