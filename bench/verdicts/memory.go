package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/belljar/belljar"
)

const mib = 1 << 20

// memory compares the peak in the result with what the program touched, from a
// small and a large parent, and sets limits a fifth above and below the peak.
// What the same program takes that touches nothing is no part of the error.
func (b *bench) memory(m mode) error {
	for _, parent := range []int{0, 400} {
		ballast := make([]byte, parent*mib)
		for i := 0; i < len(ballast); i += 4096 {
			ballast[i] = 1
		}
		err := b.peaks(m, parent)
		runtime.KeepAlive(ballast)
		if err != nil {
			return err
		}
	}
	debug.FreeOSMemory() // the ballast is no part of the next mode's small parent
	return nil
}

func (b *bench) peaks(m mode, parent int) error {
	empty, err := b.peak(m, belljar.Limits{}, 0)
	if err != nil {
		return err
	}
	from := ""
	if parent > 0 {
		from = fmt.Sprintf(", from a parent of %d MiB", parent)
	}
	b.line(m, "peak of a program that does nothing"+from, "2 MiB", fmt.Sprintf("%.2f MiB", in(empty)), empty <= 2*mib)
	for _, n := range []int64{1, 10, 100, 500} {
		got, err := b.peak(m, belljar.Limits{}, n)
		if err != nil {
			return err
		}
		off, atMost := max(got-empty-n*mib, n*mib-got+empty), n*mib/20+mib/2
		b.line(m, fmt.Sprintf("peak of %d MiB%s, off by", n, from), fmt.Sprintf("%.2f MiB", in(atMost)), fmt.Sprintf("%.2f MiB", in(off)), off <= atMost)
		if err := b.limits(m, n, got, from); err != nil {
			return err
		}
	}
	return nil
}

func in(bytes int64) float64 { return float64(bytes) / mib }

func (b *bench) peak(m mode, l belljar.Limits, n int64) (int64, error) {
	res, _, err := b.run(m, l, "touch", fmt.Sprint(max(n*mib, 1)))
	if err != nil {
		return 0, err
	}
	if res.Verdict != belljar.OK {
		return 0, fmt.Errorf("%d MiB: verdict %s", n, res.Verdict)
	}
	return res.MemoryPeak, nil
}

// limits sets limits around what a program needs, which is known up to the charge.
func (b *bench) limits(m mode, n, need int64, from string) error {
	least := need
	if m.options.Cgroup == belljar.On {
		least = max(n*mib, need-charge())
	}
	for _, t := range []struct {
		what  string
		limit int64
		want  belljar.Verdict
	}{
		{"20 % above the peak", need * 6 / 5, belljar.OK},
		{"20 % below what it needs", least * 4 / 5, belljar.MemoryLimit},
	} {
		good, runs := 0, max(1, b.runs/4)
		for range runs {
			res, _, err := b.run(m, belljar.Limits{Memory: t.limit}, "touch", fmt.Sprint(n*mib))
			if err != nil {
				return err
			}
			if res.Verdict == t.want {
				good++
			}
		}
		b.line(m, fmt.Sprintf("%d MiB, limit %s%s: %s", n, t.what, from, t.want), "always", fmt.Sprintf("%d of %d", good, runs), good == runs)
	}
	return nil
}

// charge is what a cgroup's peak may have more than the program has at once: each CPU takes
// pages in advance (MEMCG_CHARGE_BATCH) and under a limit gives them back.
func charge() int64 {
	const batch = 64
	return int64(batch * runtime.NumCPU() * os.Getpagesize())
}
