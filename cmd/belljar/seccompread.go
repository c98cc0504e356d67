package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

func seccompDisasm() *cobra.Command {
	var arches []string
	var rules bool
	cmd := &cobra.Command{
		Use:   "disasm FILE|-",
		Short: "List a filter's instructions, or its rules",
		Args:  exactly(1, `a filter or "-"`),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, _, err := filterFor(args[0], arches)
			if err != nil {
				return err
			}
			format := "text"
			if rules {
				format = "rules"
			}
			if err := writeFilter(cmd.OutOrStdout(), "", format, p); err != nil {
				return err
			}
			return takes(args[0], p)
		},
	}
	archFlag(cmd, &arches)
	cmd.Flags().BoolVar(&rules, "rules", false, "list what it decides, one rule a line, instead of instructions")
	return cmd
}

func seccompEmulate() *cobra.Command {
	var arches []string
	cmd := &cobra.Command{
		Use:   "emulate FILE|- CALL [ARG...]",
		Short: "Run one call through a filter, and show the way it takes",
		Long: `Run one call through a filter, and show the way it takes.

A call is a name or a number; an argument is a number, constants joined by "|",
or a path, which is an address to a filter.`,
		Args: atLeast(2, `a filter or "-", and a call`),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, table, err := filterFor(args[0], arches)
			if err != nil {
				return err
			}
			if err := takes(args[0], p); err != nil {
				return err
			}
			d, text, err := parseCall(table, args[1], args[2:])
			if err != nil {
				return err
			}
			return emulate(cmd.OutOrStdout(), p, d, text)
		},
	}
	archFlag(cmd, &arches)
	// A negative number is an argument of the call, not a flag.
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// parseCall reads what a filter sees of a call.
func parseCall(t *syscalls.Table, call string, words []string) (bpf.Data, string, error) {
	nr, ok := t.Number(call)
	if !ok {
		n, err := parseNumber(call)
		if err != nil || n != uint64(uint32(n)) && n != uint64(int64(int32(n))) {
			return bpf.Data{}, "", unknownCall(t, call)
		}
		nr = int(int32(n))
		if name := t.Name(nr); name != "" {
			call = name
		}
	}
	args, err := parseArguments(call, words)
	if err != nil {
		return bpf.Data{}, "", err
	}
	return bpf.Data{Nr: int32(nr), Arch: t.Audit, Args: args.regs}, args.String(), nil
}

func emulate(out io.Writer, p bpf.Program, d bpf.Data, call string) error {
	answer, path, err := p.Path(d)
	if err != nil {
		return err
	}
	lines := strings.Split(seccomp.Listing(p), "\n")
	for _, at := range path {
		fmt.Fprintln(out, lines[at])
	}
	cached := "no: the kernel runs the filter for each such call"
	if p.ConstantAllow(d.Nr, d.Arch) {
		cached = "yes: since Linux 5.11 the kernel allows such calls without running the filter"
	}
	_, err = fmt.Fprintf(out, "\n%-8s %s\n%-8s %s\n%-8s %d instructions of %d\n%-8s %s\n", "call", clean(call),
		"answer", bpf.AnswerString(answer), "took", len(path), len(p), "cached", cached)
	return err
}

func seccompAudit() *cobra.Command {
	return &cobra.Command{
		Use:   "audit FILE|-",
		Short: "Look for the mistakes that filters are known for; exit 1 if there are any",
		Args:  exactly(1, `a filter or "-"`),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := readFilter(args[0], syscalls.AMD64)
			if err != nil {
				return err
			}
			bad := false
			for _, f := range seccomp.Audit(p) {
				kind := "note"
				if f.Warning {
					kind, bad = "warning", true
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%-8s %-15s %s\n", kind, f.Rule, clean(f.Text))
			}
			if bad {
				return statusError{status: 1}
			}
			return nil
		},
	}
}
