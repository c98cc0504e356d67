package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/policy"
)

// poolRuns is how many runs must leave nothing behind.
const poolRuns = 10000

// pool runs a program in parked sandboxes, by 8 workers, and compares the memory of
// this process after a tenth of the runs with that after all, and what it has open
// before and after them.
func (b *bench) pool(m mode) error {
	if os.Geteuid() != 0 || m.options.Unshare != belljar.On {
		return nil // only root has parked sandboxes
	}
	opts := m.options
	opts.Containers, opts.Policy = 8, policy.Judge()
	// What Belljar opens once and keeps is open after a first runner.
	first := belljar.NewRunner(opts)
	if err := errors.Join(b.manyRuns(first, 100), first.Close()); err != nil {
		return err
	}
	before, err := observe()
	if err != nil {
		return err
	}
	runner := belljar.NewRunner(opts)
	if err := b.manyRuns(runner, poolRuns/10); err != nil {
		return err
	}
	early, err := observe()
	if err != nil {
		return err
	}
	if err := b.manyRuns(runner, poolRuns-poolRuns/10); err != nil {
		return err
	}
	late, err := observe()
	if err != nil {
		return err
	}
	b.line(m, fmt.Sprintf("memory of the parent after %d runs, of that after a tenth", poolRuns), "1.25",
		fmt.Sprintf("%.2f (%d KiB)", float64(late.kib)/float64(early.kib), late.kib), float64(late.kib) <= 1.25*float64(early.kib))
	// Before it is closed a pool has now one sandbox more, now one less.
	if err := runner.Close(); err != nil {
		return err
	}
	after, err := observe()
	b.line(m, "descriptors, children and mounts that a closed runner leaves", "0", fmt.Sprint(after.things-before.things), after.things <= before.things)
	return err
}

func (b *bench) manyRuns(r *belljar.Runner, n int) error {
	var all sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, 8)
	for range 8 {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				res, err := r.Run(context.Background(), belljar.Command{Args: []string{b.program, "nothing"}})
				if err == nil && res.Verdict != belljar.OK {
					err = fmt.Errorf("verdict %s", res.Verdict)
				}
				if err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

// state is what could pile up.
type state struct {
	kib    int // resident
	things int // descriptors, children, mounts, cgroups of ours
}

func observe() (s state, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return s, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rest, &s.kib); err != nil {
		return s, fmt.Errorf("VmRSS: %w", err)
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return s, err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return s, err
	}
	s.things = len(fds) + strings.Count(string(mounts), "\n")
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return s, err
	}
	for _, task := range tasks {
		children, err := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		if err == nil { // a thread may have ended
			s.things += len(strings.Fields(string(children)))
		}
	}
	return s, nil
}
