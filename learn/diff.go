package learn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// Need is something that was observed and that a policy refuses.
type Need struct {
	Rule string // that would allow it, in the words of a policy
	Seen string // how often it was seen
	By   string // what refuses it: FILE:LINE, or "default"
}

// Beyond lists what was observed that a policy refuses, for a program of a
// table's architecture that runs in dir. The file that a run begins with may
// always be executed; program is its canonical path, or "". Counts and network
// rules are not compared.
func (o *Observations) Beyond(p *policy.Policy, table *syscalls.Table, dir, program string) ([]Need, error) {
	o.init()
	files, err := p.Files.Compile(dir, nil)
	if err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	var needs []Need
	for _, name := range o.made() {
		nr, ok := table.Number(name)
		if !ok {
			continue
		}
		for _, args := range o.calls[name].samples {
			if action, rule := p.Effective().Decide(table, nr, args); action.Kind != policy.Allow && action.Kind != policy.Trap {
				needs = append(needs, Need{Rule: "syscalls: allow " + o.spelled(name, args), Seen: times(o.calls[name].made), By: by(rule)})
				break
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.files)) {
		f := o.files[name]
		if name == program && f.access&^(policy.Exec|policy.Read|policy.Stat) == 0 {
			continue
		}
		action, rule := files.Decide(strings.ReplaceAll(name, "*", "1"), strongest(f.access).Implied())
		if action.Kind == policy.Allow {
			continue
		}
		n := Need{Rule: "files: " + strongest(f.access).String() + " " + quote(name), Seen: seenOne(f), By: "default"}
		if rule != nil {
			n.By = rule.Pos.String()
		}
		needs = append(needs, n)
	}
	return needs, nil
}

func by(rule *policy.Rule) string {
	if rule == nil {
		return "default"
	}
	return rule.Pos.String()
}

// spelled is a call with the arguments that decide what it does.
func (o *Observations) spelled(name string, args [6]uint64) string {
	var parts []string
	for _, a := range constrained[name] {
		v := narrow(name, a.arg, args[:])
		parts = append(parts, fmt.Sprintf("%d: {eq: %s}", a.arg, orHex(o.calls[name].values[a.arg][v], v)))
	}
	if len(parts) == 0 {
		return name
	}
	return fmt.Sprintf("{call: %s, args: {%s}}", name, strings.Join(parts, ", "))
}

func orHex(text string, v uint64) string {
	if text == "" {
		return hex(v)
	}
	return text
}
