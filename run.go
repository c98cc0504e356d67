package belljar

import (
	"context"
	"errors"
	"time"

	"github.com/belljar/belljar/supervise/ptrace"
	"github.com/belljar/belljar/unshare"
)

// Run runs a command and reports what became of it. An error means that the
// command was not run, or not to its end, for a reason outside of it: see
// [SetupError], [FeatureError] and policy.Error. If ctx ends first, the run is
// killed and ctx's error is returned beside the result. For many runs under
// the same options a [Runner] is faster.
func Run(ctx context.Context, cmd Command, opts Options) (*Result, error) {
	r := NewRunner(opts)
	res, err := r.Run(ctx, cmd)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return res, err
}

// Run runs cmd with the runner's options, as the function [Run] does.
func (r *Runner) Run(ctx context.Context, cmd Command) (*Result, error) {
	begin := time.Now()
	presumed, why := unshare.Presume()
	res, err := r.run(ctx, cmd, begin, unshare.Presume)
	if _, failed := errors.AsType[*SetupError](err); !failed || why != nil || r.opts.Unshare == Off {
		return res, err
	}
	// The presumption may have been wrong. No program has run.
	if user, why := unshare.Available(); why == nil && user == presumed {
		return res, err
	}
	return r.run(ctx, cmd, begin, unshare.Available)
}

// run is Run with what available tells of namespaces.
func (r *Runner) run(ctx context.Context, cmd Command, begin time.Time, available func() (bool, error)) (*Result, error) {
	p, err := r.plan(cmd, available)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := p.prepare()
	if err != nil {
		return nil, err
	}
	defer s.close()
	outcome, err := s.runOnThread(ctx)
	groupErr := s.closeGroup()
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	copyErr := s.files.wait()
	res := s.result(outcome, begin)
	if err := ctx.Err(); err != nil && res.Limit == "" && s.cancelled() {
		return res, err
	}
	return res, errors.Join(copyErr, groupErr)
}

// runOnThread runs the session on a goroutine of its own, because the caller's
// may be locked to a thread that other children depend on.
func (s *session) runOnThread(ctx context.Context) (outcome *ptrace.Outcome, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		outcome, err = s.run(ctx)
	}()
	<-done
	if outcome == nil && err == nil {
		err = errors.New("the handler ended its goroutine")
	}
	return outcome, err
}

// Plan is what a run would do.
type Plan struct {
	Steps       []string // of the launch, one process after another
	Supervisor  Supervisor
	Enforcement []Layer
}

// Explain returns what Run would do, and runs nothing.
func Explain(cmd Command, opts Options) (*Plan, error) {
	p, err := NewRunner(opts).plan(cmd, unshare.Available)
	if err != nil {
		return nil, err
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = nil, nil, nil
	s, err := p.prepare()
	if err != nil {
		return nil, err
	}
	defer s.close()
	first := s.program
	if s.sandbox != nil {
		first = s.sandbox.Process
	}
	return &Plan{Steps: first.Explain(), Supervisor: p.supervisor, Enforcement: p.layers}, s.closeGroup()
}
