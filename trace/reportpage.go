package trace

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"

	_ "embed"
)

// first is the first part of a list, and final the last.
func first[T any](list []T, share int) []T { return list[:(len(list)+share-1)/share] }
func final[T any](list []T, share int) []T { return list[len(list)-len(list)/share:] }

// Summary is what stands at the top of a report.
type Summary struct {
	Command string      `json:"command"`
	Verdict string      `json:"verdict"`
	Why     string      `json:"why"`
	Facts   [][2]string `json:"facts"` // names and values, such as CPU time
	Gauges  []Gauge     `json:"gauges"`
}

// Gauge is one use of a run against its limit.
type Gauge struct {
	Name  string  `json:"name"`
	Used  float64 `json:"used"`
	Limit float64 `json:"limit"` // 0: none
	Text  string  `json:"text"`
}

//go:embed report.html
var page string

// HTML writes the page.
func (r *Report) HTML(w io.Writer, s Summary) error {
	r.init()
	processes := make([]*process, 0, len(r.order))
	for _, pid := range r.order {
		p := r.processes[pid]
		p.Busy = p.busy(r.end)
		processes = append(processes, p)
	}
	last := append(slices.Clone(r.last[r.at:]), r.last[:r.at]...)
	calls := slices.SortedFunc(maps.Values(r.calls), func(a, b *callSum) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	files := slices.SortedFunc(maps.Values(r.files), func(a, b *fileSum) int {
		// What was refused is the last to be left out.
		return cmp.Or(cmp.Compare(min(b.Refused, 1), min(a.Refused, 1)), cmp.Compare(a.Path, b.Path))
	})
	peers := slices.SortedFunc(maps.Values(r.peers), func(a, b *peerSum) int { return cmp.Compare(a.Call+a.Address, b.Call+b.Address) })
	var data []byte
	// Hostile text takes up to six times its length: list less until it fits.
	for share := 1; ; share *= 2 {
		head, tail, some := first(r.first, share), final(last, share), first(files, share)
		var err error
		// Marshal escapes <, > and &, so the text cannot end the script element.
		data, err = json.Marshal(map[string]any{
			"summary": s, "end": r.end.Microseconds(), "events": r.events, "first": head, "last": tail,
			"omitted": r.events - int64(len(head)+len(tail)), "refused": first(r.refused, share), "context": r.context,
			"processes": first(processes, share), "processesOmitted": r.gone + int64(len(processes)-len(first(processes, share))),
			"samples": r.samples, "calls": calls, "files": some, "filesOmitted": r.noFile + int64(len(files)-len(some)), "peers": first(peers, share),
		})
		if err != nil {
			return err
		}
		if len(data) <= reportSize || share > 1<<12 {
			break
		}
	}
	before, after, _ := strings.Cut(page, "{{data}}")
	for _, part := range []string{before, string(data), after} {
		if _, err := io.WriteString(w, part); err != nil {
			return err
		}
	}
	return nil
}
