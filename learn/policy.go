package learn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belljar/belljar/policy"
)

// Limits are what the runs have used at most, for a proposal. Zero is unknown.
type Limits struct {
	CPU, Wall time.Duration
	Memory    int64 // bytes
	Output    int64 // bytes
	Processes int
}

// YAML writes the policy that lets a program do what was observed, each line
// with what it comes from. header are lines for its beginning. The text is a
// policy that policy.Parse accepts.
func (o *Observations) YAML(header []string, used Limits) ([]byte, error) {
	o.init()
	w := &writer{}
	for _, line := range header {
		w.line(0, "# %s", line)
	}
	w.limits(used)
	w.line(0, "version: 1")
	w.line(0, "default: kill")
	w.syscalls(o)
	w.files(o)
	w.network(o)
	if _, err := policy.Parse("learned policy", []byte(w.String())); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	return []byte(w.String()), nil
}

type writer struct{ strings.Builder }

func (w *writer) line(depth int, format string, args ...any) {
	w.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(w, format, args...)
	w.WriteByte('\n')
}

// limits proposes limits with headroom: policies have none.
func (w *writer) limits(l Limits) {
	var flags []string
	if l.CPU > 0 {
		flags = append(flags, fmt.Sprintf("--cpu %ds", 1+int(2*l.CPU.Seconds())))
	}
	if l.Wall > 0 {
		flags = append(flags, fmt.Sprintf("--wall %ds", 2+int(3*l.Wall.Seconds())))
	}
	if l.Memory > 0 {
		flags = append(flags, fmt.Sprintf("--memory %dM", 16+2*(l.Memory>>20)))
	}
	if l.Output > 0 {
		flags = append(flags, fmt.Sprintf("--output %dK", 64+2*(l.Output>>10)))
	}
	if l.Processes > 0 {
		flags = append(flags, fmt.Sprintf("--processes %d", l.Processes+l.Processes/2))
	}
	if len(flags) > 0 {
		w.line(0, "# Limits with room above what was used: %s", strings.Join(flags, " "))
	}
}

func (w *writer) syscalls(o *Observations) {
	when, allow, deny := o.rules()
	w.line(0, "syscalls:")
	if len(allow) > 0 {
		w.line(1, "allow:")
		for _, r := range allow {
			w.commented(2, "- "+r.call, r.seen)
		}
	}
	if len(deny) > 0 {
		w.line(1, "deny: # as the policy under which this was learned")
		slices.SortStableFunc(deny, func(a, b rule) int { return strings.Compare(a.errno, b.errno) })
		for i, r := range deny {
			if i == 0 || deny[i-1].errno != r.errno {
				w.line(2, "%s:", r.errno)
			}
			w.commented(3, "- "+r.call, r.seen)
		}
	}
	if len(when) > 0 {
		w.line(1, "when:")
		for _, r := range when {
			w.commented(2, fmt.Sprintf("- {call: %s, args: %s, do: allow}", r.call, r.args), r.seen)
		}
	}
}

// accesses are the lists of the files section.
var accesses = []struct {
	name   string
	access policy.Access
}{{"stat", policy.Stat}, {"read", policy.Read}, {"write", policy.Write}, {"exec", policy.Exec}}

func (w *writer) files(o *Observations) {
	grants := o.grants()
	w.line(0, "files:")
	for _, a := range accesses {
		first := true
		for _, g := range grants {
			if g.access&a.access == 0 {
				continue
			}
			if first {
				w.line(1, "%s:", a.name)
				first = false
			}
			w.commented(2, "- "+quote(g.pattern), g.seen)
		}
	}
	w.line(1, "default: {deny: EACCES} # or kill, to end the run at the first other file")
}

func (w *writer) network(o *Observations) {
	if len(o.peers) == 0 {
		return // without rules on sockets above there is none
	}
	w.line(0, "network:")
	for _, verb := range []string{"connect", "bind"} {
		var lines []string
		for p, n := range o.peers {
			if p.Verb == verb {
				lines = append(lines, fmt.Sprintf("- %s # %s", quote(p.Endpoint), times(n)))
			}
		}
		slices.Sort(lines)
		if len(lines) > 0 {
			w.line(1, "%s:", verb)
		}
		for _, l := range lines {
			w.line(2, "%s", l)
		}
	}
	if o.other {
		w.line(1, "default: {deny: EACCES} # sockets of other families were asked for")
	} else {
		w.line(1, "default: kill")
	}
}

// commentColumn is where comments begin if there is room.
const commentColumn = 40

func (w *writer) commented(depth int, text, comment string) {
	w.line(depth, "%-*s # %s", commentColumn-2*depth, text, comment)
}

// quote writes a pattern as a YAML string.
func quote(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return strconv.Quote(s)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
