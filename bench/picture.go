package main

import (
	"github.com/belljar/belljar/bench/internal/chart"
	"github.com/belljar/belljar/bench/internal/measure"
)

// picture is one panel each for calls and for starting programs, and one for all
// real work by the ways that somebody may choose between.
func picture(results map[string]*measure.Result) []byte {
	panels := []chart.Panel{
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
	return chart.SVG("Belljar beside its peers: ratios of time", append(panels, work))
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
