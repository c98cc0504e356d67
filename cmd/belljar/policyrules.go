package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/belljar/belljar/policy"
)

// ruleRow is one rule of a policy, in words.
type ruleRow struct {
	section  string // of the policy
	decision string
	what     string // the calls or files that it speaks of
	from     string // where it was written
	call     string // the call or group of a row about calls
	do       policy.Action
}

// rowsOf lists a policy's rules in the order in which they are evaluated.
func rowsOf(p *policy.Policy) []ruleRow {
	var rows []ruleRow
	for _, r := range p.Rules {
		do := r.Do.OrKill()
		rows = append(rows, ruleRow{"calls", do.String(), r.Call + conditions(r.When), position(r.Pos), r.Call, do})
	}
	rows = append(rows, ruleRow{"calls", p.Default.OrKill().String(), "any other call", "default", "", p.Default.OrKill()})
	for _, c := range p.Counts {
		rows = append(rows, ruleRow{section: "counts", decision: c.Do.OrKill().String(),
			what: fmt.Sprintf("%s, from call %d on", c.Call, c.Max+1), from: position(c.Pos), call: c.Call, do: c.Do.OrKill()})
	}
	if p.Files.Decides() {
		for _, r := range p.Files.Rules {
			decision, do := "allow "+r.Grant.String(), policy.Action{Kind: policy.Allow}
			if r.Grant == 0 {
				decision, do = r.Do.OrKill().String(), r.Do.OrKill()
			}
			rows = append(rows, ruleRow{section: "files", decision: decision, what: r.Pattern, from: position(r.Pos), do: do})
		}
		rows = append(rows, ruleRow{section: "files", decision: p.Files.Default.OrKill().String(),
			what: "any other file", from: position(p.Files.Pos), do: p.Files.Default.OrKill()})
	}
	for _, r := range p.Network.Rules {
		rows = append(rows, ruleRow{section: "network", decision: "allow", what: r.Verb + " " + r.Endpoint,
			from: position(r.Pos), call: r.Verb, do: policy.Action{Kind: policy.Allow}})
	}
	if n := &p.Network; n.Decides() {
		do := n.Default.OrKill()
		rows = append(rows, ruleRow{section: "network", decision: do.String(), what: "any other socket or endpoint", from: position(n.Pos), do: do})
	}
	return rows
}

func position(p policy.Pos) string {
	if s := p.String(); s != "" {
		return s
	}
	return "default"
}

// conditions spells what must hold of a rule's arguments.
func conditions(when []policy.Cond) string {
	var all []string
	for _, c := range when {
		var values []string
		for _, v := range c.Values {
			values = append(values, hex(v))
		}
		text := fmt.Sprintf("arg %d %s %s", c.Arg, c.Op, strings.Join(values, ", "))
		if c.Op == policy.Mask {
			text = fmt.Sprintf("arg %d & %s is %s", c.Arg, hex(c.Mask), strings.Join(values, ", "))
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		return ""
	}
	return " if " + strings.Join(all, " and ")
}

// hex prints a value as people write it: small ones and errors of calls in
// decimal, bit sets in hexadecimal.
func hex(v uint64) string {
	if n := int64(v); n > -4096 && n < 256 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%#x", v)
}

// printRules prints a policy as a table.
func printRules(out io.Writer, p *policy.Policy) error {
	return printRows(out, p, []string{"DECISION", "WHAT", "FROM"}, func(r ruleRow) []string {
		return []string{r.decision, r.what, r.from}
	})
}

// wide is where a column of what a rule speaks of is cut; policy show --yaml
// has the whole.
const wide = 72

func printRows(out io.Writer, p *policy.Policy, head []string, cells func(ruleRow) []string) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	section := ""
	for _, r := range rowsOf(p) {
		if r.section != section {
			if section != "" {
				fmt.Fprintln(table)
			}
			section = r.section
			fmt.Fprintf(table, "%s\n", strings.Join(append([]string{strings.ToUpper(section)}, head...), "\t"))
		}
		if len(r.what) > wide {
			r.what = r.what[:wide-3] + "..."
		}
		for _, cell := range cells(r) {
			fmt.Fprintf(table, "\t%s", clean(cell))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}
