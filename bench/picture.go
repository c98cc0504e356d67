package main

import (
	"github.com/belljar/belljar/bench/internal/chart"
	"github.com/belljar/belljar/bench/internal/measure"
)

const leastChart, workChart = "benchmarks.svg", "benchmarks-work.svg"

// pictures are the charts by their files' names: one of calls and of starting
// programs, and one of all real work by the ways that somebody may choose between.
func pictures(results map[string]*measure.Result) map[string][]byte {
	least := []chart.Panel{
		{Title: "open and close, by the kernel alone = 1", Rows: rows(results["open"], nil)},
		{Title: "running a program that does nothing, vfork + exec + wait = 1", Rows: rows(results["start"], nil)},
	}
	work := chart.Panel{Title: "real work, without a sandbox = 1"}
	for _, p := range programs[1:] {
		if own := rows(results[p.name], []string{"ptrace", "notify", "unshare, pooled", "belljar run", "bubblewrap", "crun", "go-sandbox ptrace"}); len(own) > 0 {
			work.Rows = append(work.Rows, chart.Row{Label: p.title})
			work.Rows = append(work.Rows, own...)
		}
	}
	return map[string][]byte{
		leastChart: chart.SVG("What calls and starts cost, by the kernel's least", least),
		workChart:  chart.SVG("How long real work takes, by what it takes without a sandbox", []chart.Panel{work}),
	}
}

// rows are the ratios of a group's cells, or of some of them.
func rows(r *measure.Result, only []string) []chart.Row {
	if r == nil {
		return nil
	}
	wanted := map[string]bool{}
	for _, name := range only {
		wanted[name] = true
	}
	var all []chart.Row
	for _, c := range r.Group.Cells {
		if len(only) > 0 && !wanted[c.Name] {
			continue
		}
		if ratio, ok := r.Ratio(c.Name, r.Group.Base); ok && c.Name != r.Group.Base {
			all = append(all, chart.Row{Label: c.Name, Kind: kindOf(c.Name), Value: ratio})
		}
	}
	return all
}
