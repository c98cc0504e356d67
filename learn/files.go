package learn

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/belljar/belljar/policy"
)

// grant is one line of the files section: a pattern, what it allows, and what
// was seen that makes it so.
type grant struct {
	pattern string
	access  policy.Access
	seen    string
}

// grants generalises the files that were used.
func (o *Observations) grants() []grant {
	left := maps.Clone(o.files)
	var all []grant
	all = append(all, wholeTrees(left)...)
	all = append(all, passingNames(left)...)
	all = append(all, createdIn(left)...)
	all = append(all, bigTrees(left)...)
	all = append(all, fullDirectories(left)...)
	for _, name := range slices.Sorted(maps.Keys(left)) {
		all = append(all, grant{name, strongest(left[name].access), seenOne(left[name])})
	}
	return widen(all)
}

func seenOne(f *file) string {
	s := times(f.used)
	switch {
	case f.missing == f.used:
		s += ", not there"
	case f.created:
		s += ", created"
	}
	return s
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// wholeTrees takes what lies in libraries.
func wholeTrees(left map[string]*file) []grant {
	var all []grant
	for _, dir := range libraries {
		inside := below(left, dir, func(f *file) bool { return f.access&^(policy.Read|policy.Stat) == 0 })
		if len(inside) == 0 {
			continue
		}
		for _, name := range inside {
			delete(left, name)
		}
		all = append(all, grant{dir + "/**", policy.Read, fmt.Sprintf("%d files; libraries are opened whole", len(inside))})
	}
	return all
}

// passingNames takes what was created in directories for passing files.
func passingNames(left map[string]*file) []grant {
	var all []grant
	for _, dir := range passing {
		for _, name := range below(left, dir, func(f *file) bool { return f.created }) {
			if path.Dir(name) != dir || left[name] == nil {
				continue
			}
			base := path.Base(name)
			pattern := dir + "/" + base[:min(keptBytes, len(base))] + "*"
			inside := below(left, name, func(*file) bool { return true })
			access := policy.Write
			for _, n := range inside {
				access |= left[n].access
				delete(left, n)
			}
			all = append(all, grant{pattern, strongest(access), "created; the rest of the name is chance"})
			if len(inside) > 1 {
				all = append(all, grant{pattern + "/**", strongest(access), fmt.Sprintf("%d names below it", len(inside)-1)})
			}
		}
	}
	return all
}

// createdIn takes directories in which the program has created several names.
func createdIn(left map[string]*file) []grant {
	created := map[string]int{}
	for name, f := range left {
		if dir := path.Dir(name); f.created && !slices.Contains(guarded, dir) && !hides(dir) {
			created[dir]++
		}
	}
	var all []grant
	for _, dir := range slices.Sorted(maps.Keys(created)) {
		if created[dir] < 2 {
			continue
		}
		inside := below(left, dir, func(*file) bool { return true })
		if len(inside) == 0 {
			continue // a directory above it was taken
		}
		access := policy.Write
		for _, name := range inside {
			access |= left[name].access
			delete(left, name)
		}
		all = append(all, grant{dir + "/**", strongest(access), fmt.Sprintf("%d names, %d created", len(inside), created[dir])})
	}
	return all
}

// bigTrees takes trees of which many files are read. Of the directories that
// hold the same files the deepest stands for them.
func bigTrees(left map[string]*file) []grant {
	isRead := func(f *file) bool { return f.access&^policy.Stat == policy.Read }
	candidates := map[string]bool{}
	for name, f := range left {
		for dir := path.Dir(name); isRead(f) && mayOpen(dir); dir = path.Dir(dir) {
			candidates[dir] = true
		}
	}
	var all []grant
	for _, dir := range slices.Sorted(maps.Keys(candidates)) {
		inside := below(left, dir, isRead)
		if len(inside) < manyBelow {
			continue
		}
		dir = common(inside)
		for _, name := range below(left, dir, func(f *file) bool { return f.access&^(policy.Read|policy.Stat) == 0 }) {
			delete(left, name)
		}
		all = append(all, grant{dir + "/**", policy.Read, fmt.Sprintf("%d files of this tree", len(inside))})
	}
	return all
}

// mayOpen reports whether a tree may be opened whole.
func mayOpen(dir string) bool {
	return depth(dir) >= 2 && !slices.Contains(guarded, dir) && !hides(dir) && !strings.HasPrefix(dir, "/proc/") && !strings.HasPrefix(dir, "/etc/")
}

// common is the deepest directory that holds all the names.
func common(names []string) string {
	dir := path.Dir(names[0])
	for _, name := range names {
		for !strings.HasPrefix(name, dir+"/") {
			dir = path.Dir(dir)
		}
	}
	return dir
}

// fullDirectories takes directories of which several files are used alike.
func fullDirectories(left map[string]*file) []grant {
	type group struct {
		dir    string
		access policy.Access
	}
	groups := map[group][]string{}
	for name, f := range left {
		if dir := path.Dir(name); !slices.Contains(guarded, dir) && !hides(name) {
			g := group{dir, strongest(f.access)}
			groups[g] = append(groups[g], name)
		}
	}
	var all []grant
	for g, names := range groups {
		if len(names) < manyFiles {
			continue
		}
		for _, name := range names {
			delete(left, name)
		}
		all = append(all, grant{g.dir + "/*", g.access, fmt.Sprintf("%d files of this directory", len(names))})
	}
	slices.SortFunc(all, func(a, b grant) int { return strings.Compare(a.pattern, b.pattern) })
	return all
}

func below(files map[string]*file, dir string, fit func(*file) bool) []string {
	var names []string
	for name, f := range files {
		if (name == dir || strings.HasPrefix(name, dir+"/")) && fit(f) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func depth(dir string) int { return strings.Count(dir, "/") }

// hides reports whether a component begins with a dot, as those of secrets do.
func hides(name string) bool { return strings.Contains(name, "/.") }

// strongest drops what other bits of an access imply.
func strongest(a policy.Access) policy.Access {
	if a&(policy.Write|policy.Exec) != 0 {
		return a & (policy.Write | policy.Exec)
	}
	if a&policy.Read != 0 {
		return policy.Read
	}
	return policy.Stat
}

// widen gives each pattern also what wider ones grant, because the narrower
// rule wins, and joins those that are there twice.
func widen(all []grant) []grant {
	var out []grant
	for _, g := range all {
		if i := slices.IndexFunc(out, func(o grant) bool { return o.pattern == g.pattern }); i >= 0 {
			out[i].access |= g.access
			continue
		}
		out = append(out, g)
	}
	for i := range out {
		for _, wide := range out {
			if tree, ok := strings.CutSuffix(wide.pattern, "/**"); ok && (out[i].pattern == tree || strings.HasPrefix(out[i].pattern, tree+"/")) {
				out[i].access |= wide.access
			}
			if dir, ok := strings.CutSuffix(wide.pattern, "/*"); ok && path.Dir(out[i].pattern) == dir {
				out[i].access |= wide.access
			}
		}
		out[i].access = strongest(out[i].access)
	}
	return out
}
