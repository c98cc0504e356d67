package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belljar/belljar/seccomp"
)

// profileLimit is more than any container's profile needs, in bytes.
const profileLimit = 4 << 20

func seccompImport() *cobra.Command {
	var arches, caps []string
	var kernel, output string
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Turn a container's seccomp profile into a policy",
		Long: `Turn a container's seccomp profile (JSON of OCI, Docker or Podman) into a policy.

What a profile makes depend on the host is decided for the first --arch, these
capabilities and this version of Linux.`,
		Args: exactly(1, `a profile or "-"`),
		RunE: func(cmd *cobra.Command, args []string) error {
			tables, err := tablesFor(arches)
			if err != nil {
				return err
			}
			host := seccomp.Host{Table: tables[0], Caps: caps}
			if kernel != "" {
				if _, err := fmt.Sscanf(kernel, "%d.%d", &host.Kernel[0], &host.Kernel[1]); err != nil {
					return fmt.Errorf("--kernel %s: not a version such as 6.1", quote(kernel))
				}
			}
			src, err := readInput(args[0], profileLimit)
			if err != nil {
				return err
			}
			in, err := seccomp.ImportOCI(quote(args[0]), src, host)
			if err != nil {
				return err
			}
			if len(in.Unknown) > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "belljar: left out, no architecture here has them: %s\n", clean(strings.Join(in.Unknown, ", ")))
			}
			return writeOutput(cmd.OutOrStdout(), output, in.Policy.YAML())
		},
	}
	archFlag(cmd, &arches)
	cmd.Flags().StringSliceVar(&caps, "cap", nil, "capabilities that the container has, such as CAP_SYS_ADMIN")
	cmd.Flags().StringVar(&kernel, "kernel", "", "version of Linux, such as 6.1 (default: newer than all)")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to a file instead of standard output")
	return cmd
}

func seccompExport() *cobra.Command {
	var arches []string
	var output string
	cmd := &cobra.Command{
		Use:   "export FILE|PRESET",
		Short: "Turn a policy's rules on calls into a container's seccomp profile",
		Long: `Turn a policy's rules on calls into a container's seccomp profile (JSON of OCI,
which Docker and Podman take). It fails where the format has no words for a rule;
"belljar seccomp compile" has.`,
		Args:              exactly(1, "a policy file or preset"),
		ValidArgsFunction: completePolicyArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := loadPolicy(args[0])
			if err != nil {
				return err
			}
			tables, err := tablesFor(arches)
			if err != nil {
				return err
			}
			text, err := seccomp.ExportOCI(p, tables...)
			if err != nil {
				return fmt.Errorf("%s: %w", quote(args[0]), err)
			}
			return writeOutput(cmd.OutOrStdout(), output, text)
		},
	}
	archFlag(cmd, &arches)
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to a file instead of standard output")
	return cmd
}
