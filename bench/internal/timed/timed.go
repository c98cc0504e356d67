// Package timed runs something again and again for a while and tells what one
// run took. What is timed is the mean of all runs, garbage collections and
// other bills that come due later included.
package timed

import (
	"flag"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Plan says for how long and by how many workers at once something is run.
type Plan struct {
	For     time.Duration // 0 is once
	Workers int
	Ballast int // MiB of memory that this process holds meanwhile
}

// Flags adds the plan's flags.
func (p *Plan) Flags(f *flag.FlagSet) {
	f.DurationVar(&p.For, "for", 0, "run it again and again for so long and print the mean time in ns; 0 runs it once and shows its output")
	f.IntVar(&p.Workers, "workers", 1, "run so many at once, and print the time by the number of all runs")
	f.IntVar(&p.Ballast, "ballast", 0, "hold so many MiB of memory meanwhile")
}

// Run calls run, first once by each worker unmeasured and then until time is up,
// and returns the nanoseconds of one. worker tells workers apart. What is made
// once for many runs, such as a pool's sandboxes, is not part of what one takes.
func (p Plan) Run(run func(worker int) error) (float64, error) {
	ballast := touched(p.Ballast << 20)
	defer runtime.KeepAlive(ballast)
	if p.For == 0 {
		return 0, run(0)
	}
	if _, err := p.round(run, 0); err != nil {
		return 0, err
	}
	start := time.Now()
	runs, err := p.round(run, p.For)
	return float64(time.Since(start).Nanoseconds()) / float64(runs), err
}

// round has each worker call run until time is up, once at least, and returns
// how many calls that were, and the first error.
func (p Plan) round(run func(worker int) error, length time.Duration) (int64, error) {
	var (
		wg    sync.WaitGroup
		runs  atomic.Int64
		once  sync.Once
		first error
	)
	start := time.Now()
	for worker := range p.Workers {
		wg.Go(func() {
			for done := false; !done; done = time.Since(start) >= length {
				if err := run(worker); err != nil {
					once.Do(func() { first = err })
					return
				}
				runs.Add(1)
			}
		})
	}
	wg.Wait()
	return runs.Load(), first
}

// touched is memory whose every page is there.
func touched(size int) []byte {
	b := make([]byte, size)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	return b
}
