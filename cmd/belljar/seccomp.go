package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

func seccompCommand() *cobra.Command {
	cmd := &cobra.Command{
		SuggestionsMinimumDistance: 2,

		Use:   "seccomp",
		Short: "Compile, read, try and judge seccomp filters",
		Long: `Compile policies to seccomp filters, and read anybody's: list their instructions
and rules, try single calls, look for mistakes.

A filter is a file, or "-" for standard input: raw bytes (struct sock_filter) or
C, as an array of { code, jt, jf, k } or of BPF_STMT and BPF_JUMP.`,
		Example: `  belljar seccomp compile judge
  belljar seccomp compile judge --format raw | belljar seccomp audit -
  belljar seccomp disasm --rules filter.h
  belljar seccomp emulate filter.bpf openat AT_FDCWD /etc/passwd O_RDONLY`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(seccompCompile(), seccompDisasm(), seccompEmulate(), seccompAudit(),
		seccompImport(), seccompExport(), seccompDump())
	return cmd
}

// filterLimit is more than any filter needs, in bytes; C is longer than raw.
const filterLimit = 8 << 20

// readFilter reads a filter from a file or standard input.
func readFilter(name string, t *syscalls.Table) (bpf.Program, error) {
	src, err := readInput(name, filterLimit)
	if err != nil {
		return nil, err
	}
	p, err := bpf.Read(src, t)
	if err != nil {
		between := ": "
		if syntax, ok := errors.AsType[*bpf.SyntaxError](err); ok && syntax.Line > 0 {
			between = ":"
		}
		return nil, fmt.Errorf("%s%s%w", quote(name), between, err)
	}
	return p, nil
}

// filterFor reads a filter, for calls of the first architecture.
func filterFor(name string, arches []string) (bpf.Program, *syscalls.Table, error) {
	tables, err := tablesFor(arches)
	if err != nil {
		return nil, nil, err
	}
	p, err := readFilter(name, tables[0])
	return p, tables[0], err
}

// takes says why the kernel would not take a filter, nil if it would.
func takes(name string, p bpf.Program) error {
	if err := p.Check(); err != nil {
		return fmt.Errorf("%s: the kernel would not take this filter: %w", quote(name), err)
	}
	return nil
}

// readInput reads a file, or standard input for "-".
func readInput(name string, limit int64) ([]byte, error) {
	if name != "-" {
		src, err := readLimited(name, limit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", quote(name), cause(err))
		}
		return src, nil
	}
	src, err := io.ReadAll(io.LimitReader(os.Stdin, limit+1))
	if err == nil && int64(len(src)) > limit {
		err = errors.New("too long")
	}
	if err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return src, nil
}

// archFlag adds --arch, of which the first is the program's own.
func archFlag(cmd *cobra.Command, arches *[]string) {
	cmd.Flags().StringSliceVar(arches, "arch", []string{runtime.GOARCH}, "architectures, as GOARCH names them")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("arch", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return archNames(), cobra.ShellCompDirectiveNoFileComp
	}))
}

func archNames() []string {
	var names []string
	for _, t := range syscalls.Tables() {
		names = append(names, t.GOARCH)
	}
	return names
}

func tablesFor(arches []string) ([]*syscalls.Table, error) {
	var tables []*syscalls.Table
	for _, name := range arches {
		t := syscalls.ForGOARCH(name)
		if t == nil {
			return nil, fmt.Errorf("--arch %s: not one of %s", quote(name), strings.Join(archNames(), ", "))
		}
		tables = append(tables, t)
	}
	if len(tables) == 0 {
		return nil, errors.New("--arch needs an architecture")
	}
	return tables, nil
}

// policyFor loads a policy, and the tables of the architectures that it is for.
func policyFor(name string, arches []string) (*policy.Policy, []*syscalls.Table, error) {
	p, err := loadPolicy(name)
	if err != nil {
		return nil, nil, err
	}
	tables, err := tablesFor(arches)
	return p, tables, err
}

func seccompCompile() *cobra.Command {
	var arches []string
	var format, output string
	var index int
	cmd := &cobra.Command{
		Use:   "compile FILE|PRESET",
		Short: "Compile a policy's rules on calls to a filter",
		Long: `Compile a policy's rules on calls to a filter. Rules on files, networks and
counts need a supervisor and are not in it.

A policy that is too long for one filter (4096 instructions) is compiled to
several, to be installed in this order.`,
		Args:              exactly(1, "a policy file or preset"),
		ValidArgsFunction: completePolicyArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, tables, err := policyFor(args[0], arches)
			if err != nil {
				return err
			}
			compiled, err := seccomp.CompileAll(p, seccomp.Options{Table: tables[0], Also: tables[1:]})
			if err != nil {
				return err
			}
			if len(compiled) == 1 && index < 0 {
				return writeFilter(cmd.OutOrStdout(), output, format, compiled[0])
			}
			var filters []named
			for i, f := range compiled {
				filters = append(filters, named{fmt.Sprintf("filter %d of %d", i, len(compiled)), f})
			}
			return writeFilters(cmd.OutOrStdout(), output, format, filters, index)
		},
	}
	archFlag(cmd, &arches)
	cmd.Flags().IntVar(&index, "index", -1, "only one filter, counted from 0")
	cmd.Flags().StringVar(&format, "format", "text", "text, rules, raw or c")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to a file instead of standard output")
	return cmd
}

// filterFormats are how a filter can be written.
var filterFormats = map[string]func(bpf.Program) ([]byte, error){
	"text":  func(p bpf.Program) ([]byte, error) { return []byte(seccomp.Listing(p)), nil },
	"rules": func(p bpf.Program) ([]byte, error) { return rulesText(p) },
	"raw":   func(p bpf.Program) ([]byte, error) { return p.Raw(), nil },
	"c":     func(p bpf.Program) ([]byte, error) { return []byte(p.C("filter")), nil },
}

func writeFilter(out io.Writer, file, format string, p bpf.Program) error {
	write := filterFormats[format]
	if write == nil {
		return fmt.Errorf("--format %s: not one of text, rules, raw, c", quote(format))
	}
	text, err := write(p)
	if err != nil {
		return err
	}
	return writeOutput(out, file, text)
}

func writeOutput(out io.Writer, file string, text []byte) error {
	if file != "" {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", quote(file), cause(err))
		}
		return nil
	}
	_, err := out.Write(text)
	return err
}

// rulesText recovers a filter's rules.
func rulesText(p bpf.Program) ([]byte, error) {
	sections, err := seccomp.Explain(p)
	if err != nil {
		return nil, fmt.Errorf("the filter's rules cannot be recovered: %w", err)
	}
	var b strings.Builder
	for _, s := range sections {
		fmt.Fprintf(&b, "%s\n", s.Name())
		for _, rule := range s.Rules() {
			fmt.Fprintf(&b, "  %s\n", rule)
		}
	}
	return []byte(b.String()), nil
}
