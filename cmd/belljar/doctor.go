package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/belljar/belljar"
)

func doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Print what this host can enforce, and the commands that would change it",
		Args:  exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			found := belljar.Doctor()
			if asJSON {
				lines := json.NewEncoder(cmd.OutOrStdout())
				lines.SetIndent("", "  ")
				return lines.Encode(found)
			}
			return printFindings(cmd, found)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an array of objects")
	return cmd
}

func printFindings(cmd *cobra.Command, found []belljar.Finding) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LAYER\tSTATE\tWHY")
	for _, f := range found {
		fmt.Fprintf(table, "%s\t%s\t%s\n", f.Layer, f.State, f.Why)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, f := range found {
		if f.Fix != "" {
			fmt.Fprintf(cmd.OutOrStdout(), "\n%s could be better: %s\n", f.Layer, strings.TrimSpace(f.Fix))
		}
	}
	return nil
}
