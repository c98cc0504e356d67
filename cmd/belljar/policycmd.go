package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belljar/belljar/policy"
)

func policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Check, print and explain policies",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(policyCheck(), policyShow(), policyExplain())
	return cmd
}

// completePolicyArg offers presets beside the shell's file names.
func completePolicyArg(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return policy.Presets(), cobra.ShellCompDirectiveDefault
}

func policyCheck() *cobra.Command {
	return &cobra.Command{
		Use:               "check FILE|PRESET...",
		Short:             "Print the mistakes in policies; exit 1 if there are any",
		Args:              atLeast(1, "a policy file"),
		ValidArgsFunction: completePolicyArg,
		RunE: func(cmd *cobra.Command, files []string) error {
			bad := false
			for _, name := range files {
				if slices.Contains(policy.Presets(), name) {
					continue // they are tested
				}
				src, err := readPolicy(name)
				if err != nil {
					return err
				}
				if _, err := policy.Parse(name, src); err != nil {
					bad = true
					printMistakes(cmd.ErrOrStderr(), src, err)
				}
			}
			if bad {
				return statusError{status: 1}
			}
			return nil
		},
	}
}

// printMistakes prints errors of a policy.
func printMistakes(w io.Writer, src []byte, err error) {
	first, ok := errors.AsType[*policy.Error](err)
	if !ok {
		fmt.Fprintln(w, clean(err.Error()))
		return
	}
	for _, mistake := range first.All() {
		printMistake(w, src, mistake)
	}
}

// printMistake prints one with the line it is about and a mark below the column.
func printMistake(w io.Writer, src []byte, mistake *policy.Error) {
	fmt.Fprintf(w, "%s:%d:%d: %s\n", quote(mistake.Pos.File), mistake.Pos.Line, mistake.Pos.Col, clean(mistake.Msg))
	lines := strings.Split(string(src), "\n")
	if n := mistake.Pos.Line; n >= 1 && n <= len(lines) {
		line := strings.ReplaceAll(strings.TrimSuffix(lines[n-1], "\r"), "\t", " ")
		fmt.Fprintf(w, "%5d | %s\n      | %s^\n", n, clean(line), strings.Repeat(" ", max(0, mistake.Pos.Col-1)))
	}
	if mistake.Hint != "" {
		fmt.Fprintf(w, "      = %s\n", clean(mistake.Hint))
	}
}

func policyShow() *cobra.Command {
	var asYAML bool
	cmd := &cobra.Command{
		Use:               "show FILE|PRESET",
		Short:             "Print a policy with everything that it extends merged in",
		Args:              exactly(1, "a policy file or preset"),
		ValidArgsFunction: completePolicyArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := loadPolicy(args[0])
			if err != nil {
				return err
			}
			if asYAML {
				_, err = cmd.OutOrStdout().Write(p.YAML())
				return err
			}
			return printRules(cmd.OutOrStdout(), p)
		},
	}
	cmd.Flags().BoolVar(&asYAML, "yaml", false, "print it as a policy file")
	return cmd
}

// atLeast and exactly are cobra's checks of arguments, with errors that say
// what is missing.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return fmt.Errorf("%s needs %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if n == 0 && len(args) > 0 {
			return fmt.Errorf("%s takes no arguments, not %q", cmd.CommandPath(), args[0])
		}
		if len(args) > n {
			return fmt.Errorf("%s takes only %s, not %q as well", cmd.CommandPath(), what, args[n])
		}
		return atLeast(n, what)(cmd, args)
	}
}
