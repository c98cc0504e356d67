package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/syscalls"
)

// profileLimit is more than any container's profile needs, in bytes.
const profileLimit = 4 << 20

func seccompImport() *cobra.Command {
	var arches, caps []string
	var format, sets, kernel, output string
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Turn a container's profile or a unit of systemd into a policy",
		Long: `Turn a container's seccomp profile (JSON of OCI, Docker or Podman) into a policy,
or with --format systemd the SystemCallFilter= lines of a unit. systemd's sets of
calls differ from version to version, so --sets names a file with what
"systemd-analyze syscall-filter" prints.

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
			var in *seccomp.Profile
			switch format {
			case "oci":
				in, err = seccomp.ImportOCI(quote(args[0]), src, host)
			case "systemd":
				in, err = importUnit(quote(args[0]), src, sets)
			default:
				return fmt.Errorf("--format %s: not one of oci, systemd", quote(format))
			}
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
	cmd.Flags().StringVar(&format, "format", "oci", "oci or systemd")
	cmd.Flags().StringVar(&sets, "sets", "", "what systemd-analyze syscall-filter prints, for --format systemd")
	cmd.Flags().StringSliceVar(&caps, "cap", nil, "capabilities that the container has, such as CAP_SYS_ADMIN")
	cmd.Flags().StringVar(&kernel, "kernel", "", "version of Linux, such as 6.1 (default: newer than all)")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to a file instead of standard output")
	return cmd
}

func importUnit(name string, src []byte, setsFile string) (*seccomp.Profile, error) {
	sets, err := readSets(setsFile)
	if err != nil {
		return nil, err
	}
	return seccomp.ImportSystemd(name, src, sets)
}

func readSets(file string) (seccomp.SystemdSets, error) {
	if file == "" {
		return nil, errors.New("--format systemd needs --sets FILE, with what systemd-analyze syscall-filter prints")
	}
	text, err := readInput(file, profileLimit)
	if err != nil {
		return nil, err
	}
	sets, err := seccomp.ReadSystemdSets(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", quote(file), err)
	}
	return sets, nil
}

func seccompExport() *cobra.Command {
	var arches []string
	var format, sets, output string
	cmd := &cobra.Command{
		Use:   "export FILE|PRESET",
		Short: "Turn a policy's rules on calls into a container's profile or a unit's lines",
		Long: `Turn a policy's rules on calls into a container's seccomp profile (JSON of OCI,
which Docker and Podman take), or with --format systemd into SystemCallFilter=
lines of a unit. It fails where the format has no words for a rule; "belljar
seccomp compile" has.`,
		Args:              exactly(1, "a policy file or preset"),
		ValidArgsFunction: completePolicyArg,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, tables, err := policyFor(args[0], arches)
			if err != nil {
				return err
			}
			text, err := export(p, format, sets, tables)
			if err != nil {
				return fmt.Errorf("%s: %w", quote(args[0]), err)
			}
			return writeOutput(cmd.OutOrStdout(), output, text)
		},
	}
	archFlag(cmd, &arches)
	cmd.Flags().StringVar(&format, "format", "oci", "oci or systemd")
	cmd.Flags().StringVar(&sets, "sets", "", "what systemd-analyze syscall-filter prints, for --format systemd")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to a file instead of standard output")
	return cmd
}

func export(p *policy.Policy, format, setsFile string, tables []*syscalls.Table) ([]byte, error) {
	switch format {
	case "oci":
		return seccomp.ExportOCI(p, tables...)
	case "systemd":
		sets, err := readSets(setsFile)
		if err != nil {
			return nil, err
		}
		return seccomp.ExportSystemd(p, sets, tables...)
	}
	return nil, fmt.Errorf("--format %s: not one of oci, systemd", quote(format))
}
