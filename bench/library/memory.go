package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/bench/internal/timed"
)

// parked is the memory that one more parked sandbox takes, Belljar's own
// included: the difference that n of them make.
func parked(args []string) (float64, error) {
	n, s, program, err := crowd("parked", args)
	if err != nil {
		return 0, err
	}
	s.options.Containers = n
	runner := belljar.NewRunner(s.options)
	defer runner.Close()
	// One run before: what there is once, whatever the number, does not count.
	if err := together(runner, 1, program, nil); err != nil {
		return 0, err
	}
	own, children, err := timed.Memory()
	if err != nil {
		return 0, err
	}
	if err := together(runner, n, program, nil); err != nil {
		return 0, err
	}
	ownThen, childrenThen, err := timed.Memory()
	return float64(ownThen+childrenThen-own-children) / float64(n-1), err
}

// running is the memory that Belljar itself takes for one more run.
func running(args []string) (float64, error) {
	n, s, program, err := crowd("running", args)
	if err != nil {
		return 0, err
	}
	runner := belljar.NewRunner(s.options)
	defer runner.Close()
	if err := together(runner, 1, program, nil); err != nil {
		return 0, err
	}
	own, _, err := timed.Memory()
	if err != nil {
		return 0, err
	}
	var then int64
	err = together(runner, n, program, func() (err error) {
		then, _, err = timed.Memory()
		return err
	})
	return float64(then-own) / float64(n), err
}

func crowd(command string, args []string) (int, *settings, []string, error) {
	if len(args) == 0 {
		return 0, nil, nil, errors.New("how many?")
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 2 {
		return 0, nil, nil, fmt.Errorf("%q is no number of at least 2", args[0])
	}
	s, program, err := parse(command, args[1:])
	return n, s, program, err
}

// together runs n of a program that says when it runs and waits for the end of
// its input, and calls then when all do.
func together(runner *belljar.Runner, n int, program []string, then func() error) error {
	in, end, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	said, out, err := os.Pipe()
	if err != nil {
		end.Close()
		return err
	}
	defer said.Close()
	var wg sync.WaitGroup
	errs := make(chan error, n)
	for range n {
		wg.Go(func() {
			errs <- once(runner, belljar.Command{Args: program, Env: os.Environ(), Stdin: in, Stdout: out})
		})
	}
	go func() {
		wg.Wait()
		out.Close() // a run that failed says nothing: reading ends here
	}()
	for range n {
		if _, err = said.Read(make([]byte, 1)); err != nil {
			break
		}
	}
	if err == nil && then != nil {
		err = then()
	}
	end.Close()
	wg.Wait()
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	return err
}
