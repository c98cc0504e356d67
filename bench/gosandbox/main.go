// Command gosandbox runs programs by the runners of github.com/criyle/go-sandbox,
// as command library does by Belljar's, and prints one number at the end.
//
//	gosandbox run [flags] ptrace|unshare|container PROGRAM [ARG...]
//	gosandbox parked N PROGRAM [ARG...]
//
// It is a program of its own, so that its containers, which are this program
// again, hold nothing of Belljar's.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/criyle/go-sandbox/container"
	"github.com/criyle/go-sandbox/runner"

	"github.com/belljar/belljar/bench/internal/timed"
)

// patience is for one run.
const patience = time.Minute

func main() {
	if err := container.Init(); err != nil {
		fail(err)
	}
	var result float64
	var err error
	switch {
	case len(os.Args) > 3 && os.Args[1] == "run":
		result, err = run(os.Args[2:])
	case len(os.Args) > 3 && os.Args[1] == "parked":
		result, err = parked(os.Args[2], os.Args[3:])
	default:
		err = fmt.Errorf("usage: gosandbox run [flags] ptrace|unshare|container PROGRAM [ARG...] | parked N PROGRAM [ARG...]")
	}
	if err != nil {
		fail(err)
	}
	if result > 0 {
		fmt.Printf("%.1f\n", result)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "gosandbox:", err)
	os.Exit(1)
}

// job is what is run, whoever runs it.
type job struct {
	program     []string
	env         []string
	files       []uintptr
	read, write []string // directories, ending with a slash, and files
	scratch     string   // a directory for roots
}

// runners make a function that runs the job; worker tells apart who calls it.
var runners = map[string]func(j *job, workers int) (run func(worker int) (runner.Result, error), end func(), err error){
	"ptrace": newPtrace, "unshare": newUnshare, "container": newContainers,
}

func run(args []string) (float64, error) {
	var plan timed.Plan
	j := &job{env: os.Environ()}
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	plan.Flags(f)
	f.Func("read", "DIR/|FILE", func(v string) error { j.read = append(j.read, v); return nil })
	f.Func("write", "DIR/|FILE", func(v string) error { j.write = append(j.write, v); return nil })
	if err := f.Parse(args); err != nil {
		return 0, err
	}
	start, ok := runners[f.Arg(0)]
	if !ok || f.NArg() < 2 {
		return 0, fmt.Errorf("%q is no runner, or there is no program", f.Arg(0))
	}
	j.program = f.Args()[1:]
	null, err := os.OpenFile("/dev/null", os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	j.files = []uintptr{null.Fd(), null.Fd(), null.Fd()}
	if plan.For == 0 {
		j.files = []uintptr{null.Fd(), 1, 2}
	}
	if j.scratch, err = os.MkdirTemp("", "gosandbox-"); err != nil {
		return 0, err
	}
	defer os.RemoveAll(j.scratch)
	once, end, err := start(j, plan.Workers)
	if err != nil {
		return 0, err
	}
	defer end()
	return plan.Run(func(worker int) error {
		r, err := once(worker)
		if err == nil && r.Status != runner.StatusNormal {
			err = fmt.Errorf("%s: %v", j.program[0], r)
		}
		return err
	})
}

// parked is the memory of one more container, this process's part included.
func parked(number string, program []string) (float64, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 2 {
		return 0, fmt.Errorf("%q is no number of at least 2", number)
	}
	scratch, err := os.MkdirTemp("", "gosandbox-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(scratch)
	j := &job{program: program, scratch: scratch}
	_, endFirst, err := newContainers(j, 1)
	if err != nil {
		return 0, err
	}
	defer endFirst()
	own, children, err := timed.Memory()
	if err != nil {
		return 0, err
	}
	_, end, err := newContainers(j, n-1)
	if err != nil {
		return 0, err
	}
	defer end()
	ownThen, childrenThen, err := timed.Memory()
	return float64(ownThen+childrenThen-own-children) / float64(n-1), err
}

func withPatience(run func(context.Context) runner.Result) runner.Result {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return run(ctx)
}
