package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/seccomp/process"
)

func seccompDump() *cobra.Command {
	var format string
	var index int
	cmd := &cobra.Command{
		Use:   "dump PID | dump -- PROGRAM [ARG...]",
		Short: "Print the filters of a process, or those that a program installs",
		Long: `Print the filters of a process, or those that a program installs.

Reading the filters of a process needs root. A program is started as you, in no
sandbox, and followed to its end; that needs nothing.`,
		Example: `  belljar seccomp dump 4242
  belljar seccomp dump --index 0 --format raw -- ./server | belljar seccomp audit -`,
		Args: atLeast(1, "a process or, after --, a program"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var filters []named
			var err error
			if cmd.ArgsLenAtDash() < 0 {
				filters, err = filtersOf(args)
			} else {
				filters, err = watched(args)
			}
			if err != nil {
				return err
			}
			return writeFilters(cmd.OutOrStdout(), "", format, filters, index)
		},
	}
	cmd.Flags().StringVar(&format, "format", "text", "text, rules, raw or c")
	cmd.Flags().IntVar(&index, "index", -1, "only one filter, counted from 0")
	return cmd
}

// named is a filter and where it is from.
type named struct {
	from   string
	filter bpf.Program
}

func filtersOf(args []string) ([]named, error) {
	pid, err := strconv.ParseUint(args[0], 10, 31)
	if err != nil || len(args) > 1 {
		return nil, fmt.Errorf("%s is no process; write -- before a program", quote(args[0]))
	}
	filters, err := process.Filters(int(pid))
	if err != nil {
		return nil, err
	}
	var out []named
	for i, p := range filters {
		out = append(out, named{fmt.Sprintf("filter %d of process %d", i, pid), p})
	}
	return out, nil
}

func watched(args []string) ([]named, error) {
	program := exec.Command(args[0], args[1:]...)
	program.Stdin, program.Stderr = os.Stdin, os.Stderr
	program.Stdout = os.Stderr // ours is for the filters
	installed, err := process.Watch(program)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(args[0]), cause(err))
	}
	var out []named
	for i, f := range installed {
		out = append(out, named{fmt.Sprintf("filter %d, installed by process %d", i, f.PID), f.Filter})
	}
	return out, nil
}

// writeFilters writes one filter, or with index -1 all of them, which only
// formats for reading can.
func writeFilters(out io.Writer, file, format string, filters []named, index int) error {
	if index >= len(filters) {
		return fmt.Errorf("--index %d: there are %d filters, counted from 0", index, len(filters))
	}
	if index >= 0 {
		return writeFilter(out, file, format, filters[index].filter)
	}
	if format != "text" && format != "rules" && len(filters) > 1 {
		return fmt.Errorf("there are %d filters; choose one for --format %s with --index", len(filters), quote(format))
	}
	if len(filters) == 0 {
		return statusError{status: 1, err: errors.New("no filters")}
	}
	var text bytes.Buffer
	for _, f := range filters {
		if format == "text" || format == "rules" {
			fmt.Fprintf(&text, "# %s, %d instructions\n", f.from, len(f.filter))
		}
		if err := writeFilter(&text, "", format, f.filter); err != nil {
			return err
		}
	}
	return writeOutput(out, file, text.Bytes())
}
