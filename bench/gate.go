package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/belljar/belljar/bench/internal/measure"
	"github.com/belljar/belljar/bench/internal/report"
)

// quickly is as much of a group as bars need, in less time.
func quickly(g measure.Group) measure.Group {
	g = g.Only(bars)
	g.Rounds = min(g.Rounds, 7)
	g.Budget = min(g.Budget, 15*time.Second)
	return g
}

// gate fails if a reading is worse than its band allows. What seems so is
// measured once more before: a neighbour's noise rarely comes twice.
func (b *bench) gate(ctx context.Context, readings []measure.Reading) error {
	bands, err := readBands()
	if err != nil {
		return err
	}
	var worse []string
	for _, r := range readings {
		band, known := bands[r.ID]
		if !known || r.Err == nil && !band.Exceeded(r.Median) {
			continue
		}
		if r, err = b.again(ctx, r.Bar); err != nil {
			return err
		}
		if r.Err != nil || band.Exceeded(r.Median) {
			worse = append(worse, fmt.Sprintf("%s: %s, the band ends at %.3g", r.ID, strings.TrimSpace(string(report.Text([]measure.Reading{r}))), band.Reference*(1+band.Noise)))
		}
	}
	if len(worse) > 0 {
		return fmt.Errorf("worse than %s allows:\n%s", bandsFile, strings.Join(worse, "\n"))
	}
	progress("nothing is worse than %s allows", bandsFile)
	return nil
}

// again measures one bar alone.
func (b *bench) again(ctx context.Context, bar measure.Bar) (measure.Reading, error) {
	for _, g := range groups() {
		if g.ID == bar.Group {
			if err := b.measure(ctx, g.Only([]measure.Bar{bar})); err != nil {
				return measure.Reading{}, err
			}
		}
	}
	return bar.Read(b.results[bar.Group]), nil
}

func readBands() (map[string]measure.Band, error) {
	f, err := os.Open(bandsFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	bands, err := measure.ParseBands(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", bandsFile, err)
	}
	return bands, nil
}

const bandsComment = `What the bars of bars.go read when they were last accepted, and the part by which
a reading may be worse before it is more than noise. make bench-accept writes this
file from a whole run: on a machine that does nothing else.
`

// accept writes the bands that readings give.
func accept(readings []measure.Reading) error {
	var bands []measure.Band
	for _, r := range readings {
		if r.Err != nil {
			progress("%s is not accepted: %v", r.ID, r.Err)
			continue
		}
		bands = append(bands, measure.NewBand(r))
	}
	return os.WriteFile(bandsFile, measure.FormatBands(bandsComment, bands), 0o644)
}
