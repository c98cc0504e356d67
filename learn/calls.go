package learn

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

func hex(v uint64) string { return "0x" + strconv.FormatUint(v, 16) }

// rule is one line of the syscalls section.
type rule struct {
	call  string
	args  string // conditions as YAML, "" for none
	errno string // of a denial
	seen  string
}

// rules lists what calls need: conditions, allowed, denied.
func (o *Observations) rules() (when, allow, deny []rule) {
	need := map[string]string{}
	for _, name := range o.made() {
		need[name] = times(o.calls[name].made)
	}
	for _, c := range companions {
		if slices.ContainsFunc(c.seen, func(s string) bool { return o.calls[s] != nil && o.calls[s].made > 0 }) {
			for _, name := range c.also {
				if need[name] == "" && (o.calls[name] == nil || len(o.calls[name].denied) == 0) {
					need[name] = "not seen; may happen"
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(need)) {
		if args, values := o.conditions(name); args != "" {
			when = append(when, rule{call: name, args: args, seen: need[name] + ", " + values})
			continue
		}
		allow = append(allow, rule{call: name, seen: need[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(o.calls)) {
		for _, errno := range slices.Sorted(maps.Keys(o.calls[name].denied)) {
			if need[name] == "" && errno != "" {
				deny = append(deny, rule{call: name, errno: errno, seen: times(o.calls[name].denied[errno])})
				break
			}
		}
	}
	return when, allow, deny
}

// conditions spells the constraints of a call's arguments, and says how many
// values were seen.
func (o *Observations) conditions(name string) (args, values string) {
	c := o.calls[name]
	if c == nil {
		return "", ""
	}
	var parts, seen []string
	for _, a := range constrained[name] {
		v := c.values[a.arg]
		if len(v) == 0 || len(v) > maxValues && !a.always {
			continue
		}
		var words []string
		for _, n := range slices.Sorted(maps.Keys(v)) {
			words = append(words, v[n])
		}
		parts = append(parts, fmt.Sprintf("%d: {in: [%s]}", a.arg, strings.Join(words, ", ")))
		seen = append(seen, fmt.Sprintf("%d value%s", len(v), map[bool]string{true: "", false: "s"}[len(v) == 1]))
	}
	if len(parts) == 0 {
		return "", ""
	}
	return "{" + strings.Join(parts, ", ") + "}", strings.Join(seen, " and ")
}
