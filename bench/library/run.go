package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/belljar/belljar"
)

// patience is for one run; a benchmark's own runs take a second at most.
const patience = time.Minute

// run times runs of a program by one Runner, or shows the output of one run.
func run(args []string) (float64, error) {
	s, program, err := parse("run", args)
	if err != nil {
		return 0, err
	}
	runner := belljar.NewRunner(s.options)
	defer runner.Close()
	cmd := belljar.Command{Args: program, Env: os.Environ()}
	if s.For == 0 {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	}
	return s.Plan.Run(func(int) error { return once(runner, cmd) })
}

// prepare times what a Runner does before its second run is as fast as any.
func prepare(args []string) (float64, error) {
	s, program, err := parse("prepare", args)
	if err != nil {
		return 0, err
	}
	cmd := belljar.Command{Args: program, Env: os.Environ()}
	return s.Plan.Run(func(int) error {
		runner := belljar.NewRunner(s.options)
		defer runner.Close()
		return once(runner, cmd)
	})
}

func once(runner *belljar.Runner, cmd belljar.Command) error {
	if len(cmd.Args) == 0 {
		return errors.New("no program")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := runner.Run(ctx, cmd)
	if err == nil && r.Verdict != belljar.OK {
		err = fmt.Errorf("%s: %s, exit code %d, violation %+v", cmd.Args[0], r.Verdict, r.ExitCode, r.Violation)
	}
	return err
}
