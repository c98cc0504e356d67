package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

func policyExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain FILE|PRESET [CALL [ARG...]]",
		Short: "Print what enforces each rule, or what decides one call",
		Long: `Print, for each rule or for one call, the decision, where it was written, what
enforces it, whether that is free of races, and what it costs.

An argument is a number, constants joined by "|", or a path. Paths are resolved
as the kernel would for a program that starts in this directory.`,
		Example: `  belljar policy explain judge
  belljar policy explain judge openat AT_FDCWD /etc/passwd O_RDONLY
  belljar policy explain compile socket AF_INET SOCK_STREAM`,
		Args: atLeast(1, "a policy file or preset"),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := newExplainer(args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return e.rules(cmd.OutOrStdout())
			}
			return e.call(cmd.OutOrStdout(), args[1], args[2:])
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
			switch len(args) {
			case 0:
				return completePolicyArg(cmd, args, text)
			case 1:
				return syscalls.Names(), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
	}
	// A negative number is an argument of the call, not a flag.
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// mechanism is what enforces a decision. The costs are those of design
// measurements on one machine: orders of magnitude, not promises.
type mechanism struct{ name, raceFree, cost string }

var (
	byFilter = mechanism{"filter", "yes", "< 0.1 us a call"}
	byCount  = mechanism{"supervisor, which counts", "yes", "3-10 us a call"}
	byUser   = mechanism{"supervisor, which asks the handler", "numbers yes, memory no", "3-10 us a call"}
	byPath   = mechanism{"supervisor, which resolves the path", "yes", "5-20 us a call"}
	byFiles  = mechanism{"supervisor, private root", byPath.raceFree, byPath.cost}
	byPeer   = mechanism{"supervisor, on a copy of the address", "yes", "5-10 us a call, 50-150 us a connection"}
)

// explainer asks the policy engine itself, so that it cannot say otherwise
// than a run would do.
type explainer struct {
	policy *policy.Policy
	calls  *policy.Policy // the same, with its network section as rules on calls
	table  *syscalls.Table
	engine *supervise.Engine
	traps  map[string]bool
}

func newExplainer(name string) (*explainer, error) {
	p, err := loadPolicy(name)
	if err != nil {
		return nil, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	e := &explainer{policy: p, calls: p.Effective(), table: syscalls.ForGOARCH(runtime.GOARCH)}
	if e.engine, err = supervise.NewEngine(supervise.EngineConfig{Policy: e.calls, Table: e.table, Dir: dir}); err != nil {
		return nil, err
	}
	e.traps = e.engine.TrapCalls()
	return e, nil
}

// rules prints the table of all rules.
func (e *explainer) rules(out io.Writer) error {
	return printRows(out, e.policy, []string{"DECISION", "WHAT", "FROM", "ENFORCED BY", "RACE-FREE", "COST"},
		func(r ruleRow) []string {
			m := e.mechanism(r)
			return []string{r.decision, r.what, r.from, m.name, m.raceFree, m.cost}
		})
}

// mechanism says what enforces a rule.
func (e *explainer) mechanism(r ruleRow) mechanism {
	switch {
	case r.section == "network":
		return e.network(r.call)
	case r.section == "counts":
		return byCount
	case r.section == "files":
		return byFiles
	case r.do.Kind == policy.Trap:
		return byUser
	case r.do.Kind != policy.Allow || r.call == "":
		return byFilter
	case !policy.IsGroup(r.call):
		return e.allowed(r.call)
	}
	calls, _ := syscalls.Group(r.call)
	here, trapped := 0, 0
	for _, c := range calls {
		if _, ok := e.table.Number(c); ok {
			here++
			if e.traps[c] {
				trapped++
			}
		}
	}
	if trapped == 0 {
		return byFilter
	}
	return mechanism{fmt.Sprintf("filter; %d of %d calls go on to the supervisor", trapped, here), "filter yes, paths no", byFilter.cost + ", or " + byPath.cost}
}

// network says what enforces a network rule with a verb, or the default if
// there is none.
func (e *explainer) network(verb string) mechanism {
	plan := e.policy.Network.Plan(nil)
	decided := plan.Decided()
	switch {
	case verb == "" && len(decided) > 0:
		return mechanism{"filter, which sockets exist; " + byPeer.name, "yes", byPeer.cost}
	case !slices.Contains(decided, verb):
		return byFilter
	case plan.NeedsSupervisor(true) == "":
		return mechanism{"Landlock, or " + byPeer.name, "yes", byPeer.cost}
	}
	return byPeer
}

// allowed says what has the last word about a call that the filter allows.
func (e *explainer) allowed(call string) mechanism {
	switch {
	case !e.traps[call]:
		return byFilter
	case e.reaches(call):
		return byPeer
	case takesPath(call):
		return byPath
	}
	return byCount
}

// reaches reports whether a call's peer is decided.
func (e *explainer) reaches(call string) bool {
	n := &e.policy.Network
	return n.Decides() && slices.Contains(n.Plan(nil).Decided(), call)
}

func takesPath(call string) bool { return pathArgument(call) >= 0 }

// pathArgument is the number of a call's first path, -1 if it has none.
func pathArgument(call string) int {
	args := syscalls.Args(call)
	return slices.Index(args[:], syscalls.Path)
}

// verdictOfCall is what becomes of one call.
type verdictOfCall struct {
	decision, from, path string
	mechanism
}

// decide asks the policy as the filter does, and where the filter would trap,
// the engine as the tracer does. So many arguments are given.
func (e *explainer) decide(nr int, args *arguments, given int) verdictOfCall {
	name := e.table.Name(nr)
	action, rule := e.calls.Decide(e.table, nr, args.regs)
	v := verdictOfCall{decision: action.String(), from: "default", mechanism: byFilter}
	if rule != nil {
		v.from = position(rule.Pos) + ", " + rule.Call + conditions(rule.When)
	}
	if action.Kind == policy.Trap {
		v.mechanism = byUser
	}
	if action.Kind != policy.Allow || !e.traps[name] {
		return v
	}
	if e.reaches(name) {
		// Its socket and address are a running program's.
		v.decision, v.from, v.mechanism = "allow for the endpoints of network rules", "network", byPeer
		return v
	}
	if given <= pathArgument(name) {
		v.decision, v.from, v.mechanism = "by the path, which is not given", "files", e.allowed(name)
		return v
	}
	d := e.engine.Decide(&supervise.Trap{Arch: e.table, Nr: nr, Args: args.regs,
		PID: os.Getpid(), TID: os.Getpid(), Tracee: args})
	v.mechanism, v.decision, v.path = e.allowed(name), decisionName(d.Kind), d.Path
	if d.Errno != 0 {
		v.decision += " " + errnoName(d.Errno)
	}
	switch {
	case d.Rule != "":
		v.from = d.Rule
	case d.Kind == supervise.Fail:
		v.from = "none: the kernel would answer the same"
	}
	return v
}

// call prints what becomes of one call.
func (e *explainer) call(out io.Writer, name string, words []string) error {
	nr, ok := e.table.Number(name)
	if !ok {
		return unknownCall(e.table, name)
	}
	args, err := parseArguments(name, words)
	if err != nil {
		return err
	}
	v := e.decide(nr, args, len(words))
	for _, row := range [][2]string{{"call", args.String()}, {"decision", v.decision}, {"rule", v.from}, {"object", v.path},
		{"enforced by", v.name}, {"race-free", v.raceFree}, {"cost", v.cost}} {
		if row[1] != "" {
			fmt.Fprintf(out, "%-12s %s\n", row[0], clean(row[1]))
		}
	}
	return nil
}
