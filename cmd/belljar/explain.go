package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/belljar/belljar"
)

// explainRun prints what a run would do. It opens and changes no file that a
// flag names.
func explainRun(f *runFlags, program []string) (int, error) {
	opts, err := f.options()
	if err != nil {
		return statusFailed, err
	}
	plan, err := belljar.Explain(belljar.Command{Args: program, Env: f.environment(), Dir: f.dir}, opts)
	if err != nil {
		return runFailure(err, program[0], opts.Unshare != belljar.Off)
	}
	return 0, printPlan(os.Stdout, plan)
}

func printPlan(out io.Writer, p *belljar.Plan) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ENFORCEMENT")
	for _, l := range p.Enforcement {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", l.Name, l.State, clean(l.Why))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nLAUNCH\n")
	for _, step := range p.Steps {
		if _, err := fmt.Fprintf(out, "  %s\n", clean(step)); err != nil {
			return err
		}
	}
	return nil
}
