// Command verdicts measures whether Belljar's limits and numbers are right: in
// each sandbox, with and without a cgroup, as root and as an ordinary user. It
// prints a table with what must hold and what was measured, and exits with 1 if
// something does not. A machine that is busy with other things makes it fail.
//
//	make evidence
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/policy"
)

//go:embed testdata/burn.c
var burnSource []byte

// nobody is the ordinary user that root becomes for the second half.
const nobody = 65534

// programVar names the compiled program, for the second half.
const programVar = "BELLJAR_BENCH_PROGRAM"

// bench is what all measurements have in common.
type bench struct {
	program string // compiled from burn.c
	runs    int    // of which the median counts
	limit   time.Duration
	only    string // a part of the names of the modes
	missed  int    // lines that do not hold
}

func main() {
	log.SetFlags(0)
	b := &bench{}
	flag.IntVar(&b.runs, "runs", 20, "runs of which the median counts")
	flag.DurationVar(&b.limit, "limit", time.Second, "the limit on CPU time")
	flag.StringVar(&b.only, "mode", "", "measure only modes with this in their names")
	parts := flag.String("parts", "cpu,accuracy,memory,pool", "what to measure")
	asNobody := flag.Bool("nobody", os.Geteuid() == 0, "do it again as uid 65534")
	flag.Parse()
	if err := b.perform(strings.Split(*parts, ","), *asNobody); err != nil {
		log.Fatal(err)
	}
	if b.missed > 0 {
		os.Exit(1)
	}
}

func (b *bench) perform(parts []string, asNobody bool) (err error) {
	dir, err := os.MkdirTemp("", "belljar-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := errors.Join(os.Chmod(dir, 0o755), b.compile(dir)); err != nil {
		return err
	}
	measure := map[string]func(mode) error{"cpu": b.cpu, "accuracy": b.accuracy, "memory": b.memory, "pool": b.pool}
	fmt.Printf(row, "uid", "mode", "what", "at most", "measured", "met")
	for _, m := range b.modes() {
		for _, part := range parts {
			f, ok := measure[part]
			if !ok {
				return fmt.Errorf("no part is called %q", part)
			}
			if err := f(m); err != nil {
				return fmt.Errorf("%s, %s: %w", m.name, part, err)
			}
		}
	}
	if asNobody && os.Geteuid() == 0 {
		return b.again(dir)
	}
	return nil
}

// compile compiles the program, unless another half of this did.
func (b *bench) compile(dir string) error {
	if b.program = os.Getenv(programVar); b.program != "" {
		return nil
	}
	b.program = filepath.Join(dir, "burn")
	cmd := exec.Command("gcc", "-O2", "-static", "-pthread", "-x", "c", "-o", b.program, "-")
	cmd.Stdin = bytes.NewReader(burnSource)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %w\n%s", err, out)
	}
	return nil
}

// again does the same as an ordinary user.
func (b *bench) again(dir string) error {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	copied := filepath.Join(dir, "verdicts")
	if err := os.WriteFile(copied, self, 0o755); err != nil {
		return err
	}
	cmd := exec.Command(copied, os.Args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = os.Stdout, os.Stderr, dir
	cmd.Env = append(os.Environ(), programVar+"="+b.program, "TMPDIR=/tmp")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	var exit *exec.ExitError
	if err := cmd.Run(); errors.As(err, &exit) {
		b.missed++
	} else if err != nil {
		return err
	}
	return nil
}

// row is a line of the table, which is printed as it is measured.
const row = "%-6s %-15s %-66s %10s  %-30s %s\n"

// line prints what must hold and whether it does.
func (b *bench) line(m mode, what, atMost, measured string, met bool) {
	word := "yes"
	if !met {
		word = "NO"
		b.missed++
	}
	fmt.Printf(row, fmt.Sprint(os.Geteuid()), m.name, what, atMost, measured, word)
}

// run runs the program in a mode.
func (b *bench) run(m mode, limits belljar.Limits, args ...string) (*belljar.Result, string, error) {
	var out bytes.Buffer
	opts := m.options
	opts.Limits = limits
	if opts.Limits.Wall == 0 {
		opts.Limits.Wall = time.Minute
	}
	opts.Policy = policy.Compile()
	res, err := belljar.Run(context.Background(), belljar.Command{Args: append([]string{b.program}, args...), Stdout: &out}, opts)
	return res, strings.TrimSpace(out.String()), err
}
