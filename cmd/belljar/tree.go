package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// statusError is an error whose status is not statusFailed; err is nil where
// everything has been said already.
type statusError struct {
	status int
	err    error
}

func (e statusError) Error() string { return fmt.Sprint(e.err) }

// executeTree runs every command but run and a demo's victims.
func executeTree(args []string) (int, error) {
	root := commandTree()
	root.SetArgs(args)
	err := root.Execute()
	if s, ok := errors.AsType[statusError](err); ok {
		return s.status, s.err
	}
	if err != nil {
		// cobra's suggestions come on lines of their own.
		return statusFailed, errors.New(strings.Join(strings.Fields(err.Error()), " "))
	}
	return 0, nil
}

func commandTree() *cobra.Command {
	root := &cobra.Command{
		Use:   "belljar",
		Short: "Run programs nobody trusts, and see what they do",
		Long: `Belljar runs programs nobody trusts on Linux: it holds each under a policy and
limits, and reports its true fate.

  belljar run -- ./a.out              run it under the judge preset
  belljar doctor                      see what this host can enforce
  belljar demo                        watch hostile programs fail`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; %s --help lists the flags", err, cmd.CommandPath())
	})
	root.AddCommand(runCommand(), traceCommand(), learnCommand(), policyCommand(), seccompCommand(), doctorCommand(), demoCommand(), versionCommand())
	return root
}

func unknownCommand(cmd *cobra.Command, name string) error {
	cmd.SuggestionsMinimumDistance = 2
	hint := cmd.CommandPath() + " --help lists them"
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		hint = fmt.Sprintf("did you mean %q?", near[0])
	}
	return fmt.Errorf("unknown command %q; %s", name, hint)
}

// runCommand is there for help and completion: dispatch runs it without cobra.
func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [flags] -- PROGRAM [ARG...]",
		Short: "Run a program under a policy and limits",
		Long: `Run a program under a policy and limits, and report its fate.

The program's output goes where Belljar's goes. Belljar adds one line on
standard error, or with --result the JSON of the result. What follows "--", or
the first word that is no flag, is the program and its arguments.

The program's environment is PATH=/usr/local/bin:/usr/bin:/bin, LANG=C.UTF-8,
HOME=/tmp and what --env sets. A rule that a flag adds wins over the policy's,
and reports name it "--flag:N", for the Nth such flag.`,
		Example: `  belljar run --cpu 1s --memory 256M --stdin 1.in --stdout 1.out -- ./a.out
  belljar run --policy compile --wall 30s --bind .:/src:rw --dir /src -- gcc -O2 a.c
  belljar run --explain -- /bin/true`,
		RunE: func(_ *cobra.Command, args []string) error { return nil },
	}
	runsProgram(cmd, nil)
	return cmd
}

// runsProgram gives a command the flags of run and more, for help and
// completion.
func runsProgram(cmd *cobra.Command, more []flagGroup) {
	set := (&runFlags{more: more}).flagSet()
	set.SetInterspersed(false)
	cmd.Flags().AddFlagSet(set)
	cmd.Flags().SetInterspersed(false)
	for _, g := range slices.Concat(more, runFlagTable) {
		for _, row := range g.flags {
			if row.complete != nil {
				names := row.complete
				cobra.CheckErr(cmd.RegisterFlagCompletionFunc(row.name,
					func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
						return names(), cobra.ShellCompDirectiveDefault
					}))
			}
		}
	}
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n\nUsage:\n  belljar %s\n\nExamples:\n%s\n\n%s%s",
			cmd.Long, cmd.Use, cmd.Example, runUsage(more), statusHelp)
	})
}

const statusHelp = `Exit status:
  the program's own on ok and nonzero-exit, 128+N when signal N ended it,
  124 time-limit, 121 memory-limit, 122 output-limit, 123 violation,
  125 Belljar failed, 126 not executable, 127 not found
`

func completePolicies() []string { return policy.Presets() }

func completeCalls() []string { return append(syscalls.Groups(), syscalls.Names()...) }

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(0, ""),
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), "belljar "+version())
		},
	}
}

// version is what the build recorded: a tag for a released module, else the
// commit.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = "devel " + s.Value[:min(12, len(s.Value))]
		}
	}
	return fmt.Sprintf("%s %s", v, info.GoVersion)
}

// terminal reports whether a file is a terminal, as far as package os tells:
// a character device that is not the null device.
func terminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(info, null)
}
