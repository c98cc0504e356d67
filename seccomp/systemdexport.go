package seccomp

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// systemdArches are SystemCallArchitectures='s names for ours.
var systemdArches = map[string]string{"amd64": "x86-64", "386": "x86", "x32": "x32", "arm64": "arm64", "arm": "arm", "riscv64": "riscv64"}

// ExportSystemd writes a policy's rules on calls as lines of a unit, as
// systemd.exec(5) has them. A list of what is allowed implies the set @default,
// so what the policy refuses of it is taken back; sets says what is in it. The
// lists are by name only, and those that allow refuse the rest in one way:
// ExportSystemd fails for other policies. It writes only what all versions of
// systemd read alike: before 247 an errno after a name in a list that allows was
// ignored, and the call allowed.
func ExportSystemd(p *policy.Policy, sets SystemdSets, tables ...*syscalls.Table) ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	x := unitExporter{rules: rulesByCall(p), fallback: p.Default.OrKill()}
	var arches []string
	for _, t := range tables {
		arches = append(arches, systemdArches[t.GOARCH])
	}
	x.line("SystemCallArchitectures=", arches)
	var err error
	switch x.fallback.Kind {
	case policy.Allow:
		err = x.refusals()
	case policy.Trap:
		err = fmt.Errorf("default: a trap has no handler in a unit")
	default:
		err = x.permissions(sets)
	}
	return []byte("[Service]\n" + x.out.String()), err
}

// unitExporter writes the lines of one unit.
type unitExporter struct {
	rules    map[string][]*policy.Rule
	fallback policy.Action
	out      strings.Builder
}

// decide returns what becomes of a call, whatever its arguments are.
func (x *unitExporter) decide(name string) (policy.Action, error) {
	rules := x.rules[name]
	if len(rules) == 0 {
		return x.fallback, nil
	}
	do := rules[0].Do.OrKill()
	if len(rules[0].When) > 0 {
		return do, fmt.Errorf("%s: it depends on arguments, and systemd's lists are by name only", name)
	}
	if do.Kind == policy.Trap {
		return do, fmt.Errorf("%s: a trap has no handler in a unit", name)
	}
	return do, nil
}

// refusals writes the list of what is refused, where the default is to allow.
// Without an errno systemd kills, in every version.
func (x *unitExporter) refusals() error {
	var list []string
	for _, name := range syscalls.Names() {
		switch do, err := x.decide(name); {
		case err != nil:
			return err
		case do.Kind == policy.Kill:
			list = append(list, name)
		case do.Kind == policy.Deny:
			list = append(list, name+":"+systemdErrno(do))
		}
	}
	if list == nil {
		return fmt.Errorf("every call is allowed, and systemd has no filter for that")
	}
	x.lines("SystemCallFilter=~", list)
	return nil
}

// permissions writes the list of what is allowed and takes back what it
// implies.
func (x *unitExporter) permissions(sets SystemdSets) error {
	var allowed, refused []string
	for _, name := range syscalls.Names() {
		switch do, err := x.decide(name); {
		case err != nil:
			return err
		case do.Kind == policy.Allow:
			allowed = append(allowed, name)
		case do != x.fallback:
			return fmt.Errorf("%s: %s, but calls that a list of systemd's does not allow are all refused alike: %s", name, do, x.fallback)
		}
	}
	if !slices.Contains(allowed, "execve") {
		return fmt.Errorf("execve: systemd makes it under the filter to start the unit's program, so it must be allowed")
	}
	implied, err := sets.expand("@default", map[string]bool{})
	if err != nil {
		return err
	}
	for _, name := range implied {
		if !slices.Contains(allowed, name) && !slices.Contains(refused, name) {
			refused = append(refused, name)
		}
	}
	if x.fallback.Kind == policy.Deny {
		x.line("SystemCallErrorNumber=", []string{systemdErrno(x.fallback)})
	}
	x.lines("SystemCallFilter=", allowed)
	x.lines("SystemCallFilter=~", refused)
	return nil
}

func systemdErrno(a policy.Action) string {
	return cmp.Or(syscalls.ErrnoName(a.Errno), strconv.Itoa(int(a.Errno)))
}

// lines writes as many settings as keep each readable; systemd joins them.
func (x *unitExporter) lines(key string, words []string) {
	for some := range slices.Chunk(words, 10) {
		x.line(key, some)
	}
}

func (x *unitExporter) line(key string, words []string) {
	fmt.Fprintln(&x.out, key+strings.Join(words, " "))
}
