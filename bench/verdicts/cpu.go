package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/belljar/belljar"
)

// cpu measures how far beyond its limit on CPU time a program gets.
func (b *bench) cpu(m mode) error {
	for _, t := range []struct {
		what   string
		atMost time.Duration
		args   []string
	}{
		{"a spinning program", 10 * time.Millisecond, []string{"spin", "1"}},
		{"8 spinning threads", 20 * time.Millisecond, []string{"spin", "8"}},
		{"a fork bomb", 20 * time.Millisecond, []string{"crowd"}},
	} {
		var over []time.Duration
		for range b.runs {
			res, _, err := b.run(m, belljar.Limits{CPU: b.limit, Processes: 100}, t.args...)
			if err != nil {
				return err
			}
			if res.Verdict != belljar.TimeLimit || res.Limit != "cpu" {
				return fmt.Errorf("%s: verdict %s, limit %q", t.what, res.Verdict, res.Limit)
			}
			over = append(over, res.CPU-b.limit)
		}
		slices.Sort(over)
		middle := over[len(over)/2]
		b.line(m, t.what+", beyond its limit on CPU time", t.atMost.String(),
			fmt.Sprintf("%v (%v to %v)", round(middle), round(over[0]), round(over[len(over)-1])), middle <= t.atMost)
	}
	return nil
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// accuracy compares the CPU time in the result with what the program itself
// was told by getrusage(2) at its end.
func (b *bench) accuracy(m mode) error {
	const atMost = 0.02
	for _, what := range []string{"self", "threads", "child", "calls"} {
		var off []float64
		for range max(1, b.runs/4) {
			res, out, err := b.run(m, belljar.Limits{}, what, "0.5")
			if err != nil {
				return err
			}
			inside, err := strconv.ParseFloat(out, 64)
			if err != nil || res.Verdict != belljar.OK {
				return fmt.Errorf("%s: verdict %s, output %q", what, res.Verdict, out)
			}
			off = append(off, math.Abs(float64(res.CPU)-inside)/inside)
		}
		slices.Sort(off)
		b.line(m, "CPU time of "+what+", off from getrusage", "2 %", fmt.Sprintf("%.2f %% (worst %.2f %%)", off[len(off)/2]*100, off[len(off)-1]*100),
			off[len(off)/2] <= atMost)
	}
	return nil
}
