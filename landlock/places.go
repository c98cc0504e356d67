package landlock

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/belljar/belljar/policy"
)

// place is where one spelling of a pattern can match.
type place struct {
	path   string // in front of the first wildcard that was not looked up
	access policy.Access
	exact  bool // nothing but path itself
	self   bool // path itself, too
}

func (p place) onProc() bool { return within(p.path, "/proc") }

// maxMatches is how many matches of one wildcard are rules of their own.
const maxMatches = 8

// places returns all places that the policy grants access to.
func (b *builder) places() []place {
	var all []place
	for _, r := range b.policy.Files.Rules {
		access := r.Grant.Implied() &^ policy.Stat
		if access == 0 {
			continue
		}
		components := split(r.Pattern)
		if !strings.HasPrefix(r.Pattern, "/") {
			if b.options.Dir == "/" && hasWildcard(components) {
				continue // as policy.Files.Compile: no program owns the root
			}
			components = append(escaped(b.options.Dir), components...)
		}
		for _, cs := range b.spellings(components, access) {
			if access&policy.Exec != 0 {
				b.execs = append(b.execs, cs)
			}
			for _, p := range b.find(cs, access) {
				if p.path == "/" && !p.exact && !p.self {
					b.gaps = append(b.gaps, fmt.Sprintf("%s of any path, since %q begins with a wildcard", access, r.Pattern))
				}
				all = append(all, p)
			}
		}
	}
	return b.devices(all)
}

// component is one component of a pattern.
type component struct {
	text    string
	literal bool
}

func split(pattern string) []component {
	var out []component
	for _, text := range strings.Split(pattern, "/") {
		if text != "" && text != "." {
			out = append(out, component{text, !strings.Contains(text, "*")})
		}
	}
	return out
}

// escaped is the components of a path, whatever bytes it holds.
func escaped(dir string) []component {
	cs := split(dir)
	for i := range cs {
		cs[i].literal = true
	}
	return cs
}

func hasWildcard(cs []component) bool {
	return slices.ContainsFunc(cs, func(c component) bool { return !c.literal })
}

// allBelow reports whether the components from the first wildcard on match
// whatever there is, and nothing at all.
func allBelow(cs []component) bool {
	return !slices.ContainsFunc(cs[firstWildcard(cs):], func(c component) bool { return c.literal || c.text != "**" })
}

func firstWildcard(cs []component) int {
	if i := slices.IndexFunc(cs, func(c component) bool { return !c.literal }); i >= 0 {
		return i
	}
	return len(cs)
}

// spellings returns the pattern as it is and as the kernel would have it. To
// open a path the kernel follows its symlinks, so only where names, or the
// relation of places, matter is the second one of use.
func (b *builder) spellings(cs []component, access policy.Access) [][]component {
	all := [][]component{cs}
	n := firstWildcard(cs)
	if b.options.Canon == nil || access&(policy.Write|policy.Exec) == 0 || n == 0 {
		return all
	}
	spelled := join(cs[:n])
	if reached := b.options.Canon(spelled); reached != spelled && path.IsAbs(reached) {
		all = append(all, append(escaped(reached), cs[n:]...))
	}
	return all
}

func join(cs []component) string {
	var s strings.Builder
	for _, c := range cs {
		s.WriteString("/" + c.text)
	}
	if s.Len() == 0 {
		return "/"
	}
	return s.String()
}

// find returns the places of a pattern. A wildcard in one component is looked
// up, unless the access makes names: what the program makes itself is in a
// place that it may write to, and that one has all rights.
func (b *builder) find(cs []component, access policy.Access) []place {
	n := firstWildcard(cs)
	root := join(cs[:n])
	if n == len(cs) {
		return []place{{path: root, access: access, exact: true}}
	}
	wide := place{path: root, access: access, self: allBelow(cs)}
	last := n == len(cs)-1
	if cs[n].text == "**" || last && cs[n].text == "*" || access&policy.Write != 0 || wide.onProc() {
		return []place{wide}
	}
	names, ok := b.list(root)
	if !ok {
		return []place{wide}
	}
	var found []place
	matches := 0
	for _, name := range names {
		if !matchComponent(cs[n].text, name) {
			continue
		}
		if matches++; matches > maxMatches {
			return []place{wide}
		}
		below := slices.Concat(cs[:n], []component{{name, true}}, cs[n+1:])
		found = append(found, b.find(below, access)...)
	}
	return found
}

func (b *builder) list(dir string) ([]string, bool) {
	if names, ok := b.listed[dir]; ok {
		return names, names != nil
	}
	if b.options.List == nil {
		return nil, false
	}
	names, ok := b.options.List(dir)
	if !ok {
		names = nil
	} else if names == nil {
		names = []string{}
	}
	b.listed[dir] = names
	return names, ok
}

// mayMatch reports whether the pattern matches anything at or below a path.
func mayMatch(pattern []component, below string) bool {
	at := split(below)
	for i, c := range pattern {
		switch {
		case c.text == "**" && !c.literal || i >= len(at):
			return true
		case c.literal && c.text != at[i].text, !c.literal && !matchComponent(c.text, at[i].text):
			return false
		}
	}
	return len(pattern) >= len(at)
}

// devices adds procfs where a place is one of the symlinks of /dev into it.
func (b *builder) devices(places []place) []place {
	for _, p := range places {
		for _, link := range []string{"/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"} {
			if within(p.path, link) {
				return append(places, place{path: "/proc", access: policy.Read})
			}
		}
	}
	return places
}

// matchComponent reports whether "*" as any bytes makes pattern equal to name.
func matchComponent(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	name, ok := strings.CutPrefix(name, parts[0])
	if !ok || last == 0 {
		return ok && name == ""
	}
	// The leftmost place of each part leaves the most room for the next.
	for _, part := range parts[1:last] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return strings.HasSuffix(name, parts[last])
}
