// Command bench measures Belljar beside the least that the kernel asks and
// beside its peers, all in one run, and writes docs/benchmarks.md with its chart.
// It is run in its own directory, by make bench and make bench-quick.
//
// groups.go is the table of what is measured, bars.go of what it must show, and
// bands.txt of what it showed last.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belljar/belljar/bench/internal/measure"
	"github.com/belljar/belljar/bench/internal/report"
)

const bandsFile = "bands.txt"

type options struct {
	quick, accept bool
	only          string
	docs          string
	rounds        int
}

func main() {
	log.SetFlags(0)
	// Samples die with the thread that starts them, and what they leave becomes
	// a child of this process.
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		log.Fatal("prctl: ", err)
	}
	var o options
	flag.BoolVar(&o.quick, "quick", false, "measure only what bars need, print it, and fail if a ratio is worse than "+bandsFile+" allows")
	flag.BoolVar(&o.accept, "accept", false, "write what was measured to "+bandsFile)
	flag.StringVar(&o.only, "only", "", "measure only groups whose ID matches this expression, and print instead of writing")
	flag.IntVar(&o.rounds, "rounds", 0, "take so many rounds instead of as many as the table says")
	flag.StringVar(&o.docs, "docs", "../docs", "the directory to write benchmarks.md and its charts to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, o); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, o options) (err error) {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	before, start := hostNow(), time.Now()
	s, err := open()
	if s != nil {
		defer func() { err = errors.Join(err, s.close()) }()
	}
	if err != nil {
		return err
	}
	state := state(ctx, s)
	if err := s.prepare(ctx); err != nil {
		return err
	}
	b := &bench{site: s, results: map[string]*measure.Result{}}
	for _, g := range groups() {
		if !only.MatchString(g.ID) {
			continue
		}
		if o.quick {
			g = quickly(g)
		}
		if o.rounds > 0 {
			g.Rounds = o.rounds
		}
		if err := b.measure(ctx, b.inTime(g)); err != nil {
			return err
		}
	}
	readings := b.readings()
	os.Stdout.Write(report.Text(readings))
	if o.accept {
		if err := accept(readings); err != nil {
			return err
		}
	}
	if o.quick {
		return b.gate(ctx, readings)
	}
	return b.publish(o, report.Document{Intro: intro, Charts: []string{leastChart, workChart}, Facts: facts(ctx, s, state, before, start),
		Readings: readings, Results: b.order, Absent: s.missing()})
}

// bench is what has been measured so far.
type bench struct {
	site    *site
	results map[string]*measure.Result
	order   []*measure.Result
	late    time.Duration // by which groups took longer than their budgets
}

// inTime makes up for groups before that took longer than they should have.
func (b *bench) inTime(g measure.Group) measure.Group {
	if g.Budget -= b.late; g.Budget <= 0 {
		g.Rounds = 1
	}
	return g
}

func (b *bench) measure(ctx context.Context, g measure.Group) error {
	if len(g.Cells) == 0 {
		return nil
	}
	progress("measuring: %s (%d things, %d rounds)", g.ID, len(g.Cells), g.Rounds)
	start := time.Now()
	r, err := g.Run(ctx, b.site.sample)
	if err != nil {
		return err
	}
	b.late = max(0, time.Since(start)-g.Budget)
	for _, c := range g.Cells {
		if err := r.Failed[c.Name]; err != nil {
			progress("  %s: %v", c.Name, err)
		}
	}
	b.results[g.ID] = r
	b.order = append(b.order, r)
	return nil
}

// readings are those of all bars whose groups were measured.
func (b *bench) readings() []measure.Reading {
	var all []measure.Reading
	for _, bar := range bars {
		if r := b.results[bar.Group]; r != nil {
			all = append(all, bar.Read(r))
		}
	}
	return all
}

const intro = `# Benchmarks

` + "`make bench`" + ` writes this page in one run. Things that are compared take turns, so that a ratio compares neighbours in
time; a figure is the median of all rounds, with the middle half of them beside it. A sample is the mean of as many
runs as fit in some 100 ms. Programs run as nobody, but under tools that start them as root. "ptrace" and "notify" are these supervisors without a private root, with
file rules; "unshare" is namespaces and a private root, with the filter and Landlock and no supervisor; "both" is the strongest;
"pooled" takes a parked sandbox; "belljar run" is the command. Floors are C programs of bench/c that do what the
kernel asks of anybody, and no more. Peers run with their usual protection; what could not be had is named.
`

// publish writes the page and its picture, or prints a part of it.
func (b *bench) publish(o options, d report.Document) error {
	if o.only != "" {
		d.Intro, d.Charts = "", nil
		_, err := os.Stdout.Write(d.Markdown())
		return err
	}
	for name, svg := range pictures(b.results) {
		if err := os.WriteFile(filepath.Join(o.docs, name), svg, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(o.docs, "benchmarks.md"), d.Markdown(), 0o644)
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
