package syscalls

import "slices"

// Groups returns the names of all groups, such as "@basic-io".
func Groups() []string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.name
	}
	return names
}

// Group returns the calls of a group, over all architectures. A group may
// hold calls that one architecture lacks. Callers must not change the slice.
func Group(name string) ([]string, bool) {
	i := slices.IndexFunc(groups, func(g group) bool { return g.name == name })
	if i < 0 {
		return nil, false
	}
	return groups[i].calls, true
}

// InGroup reports whether a group holds a call.
func InGroup(name, call string) bool {
	calls, ok := Group(name)
	return ok && slices.Contains(calls, call)
}

// Purpose returns one line about a group, "" for one that does not exist.
func Purpose(name string) string {
	for _, g := range groups {
		if g.name == name {
			return g.purpose
		}
	}
	return ""
}

type group struct {
	name, purpose string
	calls         []string
}
