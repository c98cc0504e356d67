package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"text/tabwriter"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) > 1 {
		if err := caller(os.Args[1]); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	dir, err := os.MkdirTemp("", "belljar-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program, err := buildLibrary(dir)
	if err != nil {
		return err
	}
	policies, err := policies()
	if err != nil {
		return err
	}
	var targets []target
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "policy\tfilter of\tinstructions\tmean, all calls\tmean, frequent calls\tworst\tdecided as the policy does\trun since 5.11")
	for _, p := range policies {
		results, err := compare(out, p, program)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		more := results.targets(p)
		targets = append(targets, more...)
		fmt.Fprintf(out, "%s\tany program of comparisons, at least\t-\t%.2f\t%.2f\t-\t-\t-\n", p.Name, more[1].least, more[2].least)
	}
	for _, more := range []func() (target, error){compileTime, overhead} {
		t, err := more()
		if err != nil {
			return err
		}
		targets = append(targets, t)
	}
	fmt.Fprintln(out, "\ntarget\tat most\tmeasured\t")
	for _, t := range targets {
		fmt.Fprintln(out, t)
	}
	return out.Flush()
}

// policies are the presets and Docker's default profile.
func policies() ([]*policy.Policy, error) {
	var out []*policy.Policy
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		p.Name = name
		out = append(out, p)
	}
	in, err := docker(syscalls.AMD64)
	if err != nil {
		return nil, err
	}
	in.Policy.Name = "docker"
	return append(out, in.Policy), nil
}

// comparison is what filters of the same rules cost, by who made them. Who
// could not make one is not in it.
type comparison map[string]result

// compare prints one line for each maker of filters.
func compare(out io.Writer, p *policy.Policy, program string) (comparison, error) {
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
	results := comparison{}
	for _, m := range makers {
		prog, err := m.make()
		if err != nil {
			fmt.Fprintf(out, "%s\t%s\t-\t-\t-\t-\t%v\t\n", p.Name, m.name, err)
			continue
		}
		r, err := measure(prog, p, t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		results[m.name] = r
		fmt.Fprintf(out, "%s\t%s\t%d\t%.2f\t%.2f\t%d\t%d of %d\t%.1f %%\n",
			p.Name, m.name, r.length, r.all.value(), r.frequent.value(), r.worst, r.same, r.calls, 100*r.run.value())
	}
	return results, nil
}

// target is a number that a measurement is to stay below.
type target struct {
	what               string
	atMost, measured   float64
	unit, circumstance string
	least              float64 // of a mean, in instructions: no program of comparisons takes less
}

func (t target) String() string {
	verdict := "met"
	if t.measured > t.atMost {
		verdict = "NOT MET"
	}
	return fmt.Sprintf("%s\t%.4g%s\t%.4g%s\t%s%s", t.what, t.atMost, t.unit, t.measured, t.unit, verdict, t.circumstance)
}

// targets are what a policy's filter is to be, beside those of others: no longer,
// and at most half as many instructions on the way of a call.
func (c comparison) targets(p *policy.Policy) []target {
	ours, theirs := c["belljar"], c["libseccomp"]
	shortest := theirs.length
	if other, ok := c["elastic"]; ok {
		shortest = min(shortest, other.length)
	}
	return []target{
		{what: p.Name + ": instructions", atMost: float64(shortest), measured: float64(ours.length)},
		half(p, "all calls", false, ours.all.value(), theirs.all.value()),
		half(p, "frequent calls", true, ours.frequent.value(), theirs.frequent.value()),
	}
}

// half compares a mean with half of libseccomp's and says what is possible where
// that is more.
func half(p *policy.Policy, which string, frequent bool, ours, theirs float64) target {
	t := target{what: p.Name + ": mean, " + which + " / libseccomp's", atMost: 0.5, measured: ours / theirs}
	wanted := t.atMost * theirs
	if ours <= wanted {
		wanted = 0 // no need to know more
	}
	t.least = leastAbove(p, frequent, wanted)
	switch {
	case ours <= wanted || wanted == 0:
	case anyFilter > wanted:
		t.circumstance = fmt.Sprintf(" (%.3f is the least of any filter: %d instructions)", anyFilter/theirs, anyFilter)
	case t.least > wanted:
		t.circumstance = fmt.Sprintf(" (no program of comparisons takes less than %.3f)", t.least/theirs)
	default:
		t.circumstance = fmt.Sprintf(" (comparisons take at least %.3f)", t.least/theirs)
	}
	return t
}
