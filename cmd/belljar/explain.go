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
	fmt.Fprintln(out, "LAUNCH")
	for _, step := range p.Steps {
		fmt.Fprintf(out, "  %s\n", clean(step))
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nENFORCEMENT\n")
	for _, l := range p.Enforcement {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", l.Name, l.State, clean(l.Why))
	}
	return table.Flush()
}
