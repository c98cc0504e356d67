package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/trace"
)

// writeReport writes the page of --html, if it was asked for.
func (t *traceFlags) writeReport(r *belljar.Result, l belljar.Limits, program []string) error {
	if t.report == nil {
		return nil
	}
	words := make([]string, len(program))
	for i, w := range program {
		words[i] = shellWord(w)
	}
	s := trace.Summary{Command: strings.Join(words, " "), Verdict: string(r.Verdict)}
	s.Why = trace.Quote(strings.TrimPrefix(strings.TrimPrefix(fate(r), s.Verdict), ": "))
	s.Facts = [][2]string{{"CPU", seconds(r.CPU)}, {"wall", seconds(r.Wall)}, {"memory", byteSize(r.MemoryPeak)},
		{"processes", fmt.Sprint(r.ProcessesPeak)}, {"denied", fmt.Sprint(r.Denied)}, {"supervisor", string(r.Supervisor)}}
	s.Gauges = []trace.Gauge{
		timeGauge("CPU time", r.CPU, l.CPU), timeGauge("wall time", r.Wall, l.Wall),
		sizeGauge("memory", r.MemoryPeak, l.Memory), sizeGauge("output", r.OutputBytes, l.Output),
		{Name: "processes", Used: float64(r.ProcessesPeak), Limit: float64(l.Processes), Text: fmt.Sprint(r.ProcessesPeak)},
	}
	for _, o := range t.outputs {
		if o.sink == trace.Sink(t.report) {
			return t.report.HTML(o.buffer, s)
		}
	}
	return nil
}

func timeGauge(name string, used, limit time.Duration) trace.Gauge {
	g := trace.Gauge{Name: name, Used: used.Seconds(), Limit: limit.Seconds(), Text: seconds(used)}
	if limit > 0 {
		g.Text += " of " + seconds(limit)
	}
	return g
}

func sizeGauge(name string, used, limit int64) trace.Gauge {
	g := trace.Gauge{Name: name, Used: float64(used), Limit: float64(limit), Text: byteSize(used)}
	if limit > 0 {
		g.Text += " of " + byteSize(limit)
	}
	return g
}
