package main

import (
	"fmt"
	"log"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "belljar-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := buildLibrary(dir)
	if err != nil {
		return err
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "policy\tfilter of\tinstructions\tmean, all calls\tmean, frequent calls\tworst\tdecided as the policy does")
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		if err := compare(out, name, p, program); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	in, err := docker(syscalls.AMD64)
	if err != nil {
		return err
	}
	if err := compare(out, "docker", in.Policy, program); err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	return out.Flush()
}

// compare prints one line for each maker of filters.
func compare(out *tabwriter.Writer, name string, p *policy.Policy, program string) error {
	t := syscalls.AMD64
	rs := flatten(p, t)
	makers := []struct {
		name string
		make func() (bpf.Program, error)
	}{
		{"belljar", func() (bpf.Program, error) { return seccomp.Compile(p, seccomp.Options{Table: t}) }},
		{"libseccomp", func() (bpf.Program, error) { return library(program, rs) }},
		{"elastic", func() (bpf.Program, error) { return goLibrary(rs) }},
	}
	for _, m := range makers {
		prog, err := m.make()
		if err != nil {
			fmt.Fprintf(out, "%s\t%s\t-\t-\t-\t-\t%v\n", name, m.name, err)
			continue
		}
		r, err := measure(prog, p, t)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		fmt.Fprintf(out, "%s\t%s\t%d\t%.2f\t%.2f\t%d\t%d of %d\n", name, m.name, len(prog), r.all.value(), r.frequent.value(), r.worst, r.same, r.calls)
	}
	return nil
}

// result is what calls cost.
type result struct {
	all, frequent mean
	worst         int
	same, calls   int
}

type mean struct{ sum, n int }

func (m *mean) add(n int) { m.sum, m.n = m.sum+n, m.n+1 }

func (m mean) value() float64 { return float64(m.sum) / float64(m.n) }

// frequent are the calls that a program makes most that reads, computes with
// threads and memory, and writes.
var frequent = []string{"read", "write", "pread64", "pwrite64", "lseek", "close", "futex", "mmap", "munmap", "madvise", "brk",
	"rt_sigprocmask", "epoll_wait", "poll", "clock_nanosleep", "sched_yield", "newfstatat", "openat", "fstat", "ioctl", "fcntl"}

// measure makes each call of the table: with all arguments 0, and with
// arguments that satisfy each of its rules.
func measure(prog bpf.Program, p *policy.Policy, t *syscalls.Table) (result, error) {
	var r result
	for nr, call := range t.Calls() {
		inputs := [][6]uint64{{}}
		conditional, _ := rulesOf(p, call)
		for _, c := range conditional {
			for _, when := range alternatives(c.when) {
				var args [6]uint64
				for _, cond := range when {
					args[cond.Arg] = satisfying(cond)
				}
				inputs = append(inputs, args)
			}
		}
		for _, args := range slices.Compact(inputs) {
			got, steps, err := prog.Run(bpf.Data{Nr: int32(nr), Arch: t.Audit, Args: args})
			if err != nil {
				return r, err
			}
			want, _ := p.Decide(t, nr, args)
			if got == answer(want) {
				r.same++
			}
			r.calls++
			r.all.add(steps)
			if slices.Contains(frequent, call) {
				r.frequent.add(steps)
			}
			r.worst = max(r.worst, steps)
		}
	}
	return r, nil
}

// satisfying is an argument for which a condition holds.
func satisfying(c policy.Cond) uint64 {
	switch v := c.Values[0]; c.Op {
	case policy.Ne, policy.Gt:
		return v + 1
	case policy.Lt:
		return v - 1
	default:
		return v
	}
}
