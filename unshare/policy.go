package unshare

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/belljar/belljar/policy"
)

// ForPolicy returns the root with what the policy's file rules grant, as far
// as it exists on the host and is not shown yet: a grant to read or execute is
// bound read-only, one to write is bound writable. What the rules refuse by a
// path without "**" before its end, and what the root would show, is masked.
// That is less exact than a supervisor: a pattern shows what matches now, and
// one that begins with "**" shows nothing. Relative patterns count from dir.
func (r Root) ForPolicy(p *policy.Policy, dir string) Root {
	listed := directories{}
	if r.Dir == "" {
		for _, rule := range p.Files.Rules {
			pattern := absolute(rule.Pattern, dir)
			if rule.Grant&(policy.Read|policy.Write|policy.Exec) == 0 || r.settled(pattern) {
				continue
			}
			names, fixed := r.matches(pattern, listed)
			for _, name := range names {
				r = r.grant(name, fixed, rule.Grant&policy.Write != 0)
			}
		}
	}
	for _, rule := range p.Files.Rules {
		if rule.Grant != 0 || grantsBelow(p.Files.Rules, rule.Pattern) {
			continue
		}
		names, _ := r.matches(absolute(rule.Pattern, dir), listed)
		for _, name := range names {
			r = r.refuse(name)
		}
	}
	return r
}

// WithProgram returns the root with the program's own file, read-only at its
// path, unless it is shown already. In a root directory the path is meant
// inside it, so there is nothing to add.
func (r Root) WithProgram(name string) Root {
	if name = r.follow(name); r.Dir != "" || r.shows(name) {
		return r
	}
	return r.With(Mount{Kind: Bind, Target: name, Source: name})
}

// WithDir returns the root with a directory of the host to work in, read-only
// at its path, unless it is shown already or the host has no such directory.
func (r Root) WithDir(name string) Root {
	if st, err := os.Stat(name); err != nil || !st.IsDir() || path.Clean(name) == "/" {
		return r
	}
	return r.WithProgram(name)
}

// shows says whether the root has something of its own at name. A directory
// that only holds mounts does not count, nor what a tmpfs does not have.
func (r Root) shows(name string) bool {
	m, rest, ok := r.covering(r.resolve(name))
	if !ok {
		return path.Clean(name) == "/"
	}
	return rest == "" || m.Kind != Tmpfs && m.Kind != Dir
}

// settled says that whatever a pattern matches, [Root.grant] would show none of
// it, because the sandbox has its own in that place, or never has any: most rules of
// presets are on /proc and /sys, and looking there for each takes long.
func (r Root) settled(pattern string) bool {
	fixed := spelled(pattern)
	if r.follow(fixed) != fixed || r.resolve(fixed) != fixed {
		return false
	}
	if slices.ContainsFunc(r.Mounts, func(m Mount) bool { rest, in := below(fixed, m.Target); return in && rest != "" }) {
		return false
	}
	m, _, ok := r.covering(fixed)
	return ok && m.isOwn() || !ok && isSysfs(fixed)
}

// isOwn says that a mount is the sandbox's, with nothing of the host's for a
// policy to show in it.
func (m Mount) isOwn() bool { return m.Kind == Proc || m.Kind == Dev || m.Kind == Mask }

// grant shows one path that a pattern matches. fixed is as much of the path as
// the pattern spells out.
func (r Root) grant(name, fixed string, write bool) Root {
	name = r.follow(name)
	m, rest, ok := r.covering(r.resolve(name))
	switch {
	case name == "/" || fixed == "/":
		return r // too much to be meant
	case isSysfs(name):
		// Runtimes look there and do without; it tells about the host and
		// would be a mount for each file. A bind shows it to who wants it.
		return r
	case ok && m.isOwn():
		return r
	case ok && m.Kind == Tmpfs && (rest == "" || fixed == m.Target):
		return r // of the sandbox's own, which the host's must not hide
	case ok && m.Kind == File && !write:
		return r
	case ok && m.Kind == Bind && m.Writable == write:
		return r
	case ok && m.Kind == Bind && m.Writable && rest == "":
		return r // the same place: what two rules grant there is united
	}
	return r.With(Mount{Kind: Bind, Target: r.resolve(name), Source: name, Writable: write})
}

func isSysfs(name string) bool {
	_, ok := below("/sys", name)
	return ok
}

func (r Root) refuse(name string) Root {
	name = r.resolve(name)
	m, _, ok := r.covering(name)
	if name == "/" || r.Dir == "" && !ok || m.Kind == Proc || m.Kind == Dev || m.Kind == Tmpfs {
		return r
	}
	return r.With(Mount{Kind: Mask, Target: name})
}

// grantsBelow says whether a rule grants something inside what pattern
// refuses: a mask would hide that, too.
func grantsBelow(rules []policy.FileRule, pattern string) bool {
	dir, ok := strings.CutSuffix(pattern, "/**")
	for _, r := range rules {
		if ok && r.Grant&^policy.Stat != 0 && r.Pattern != pattern && strings.HasPrefix(r.Pattern, dir+"/") {
			return true
		}
	}
	return false
}

// follow replaces symlinks in name that the root shows as symlinks: their
// targets must be shown, too, to be reached.
func (r Root) follow(name string) string {
	name = path.Clean("/" + name)
	for range 40 { // as the kernel, path_resolution(7)
		next, ok := r.followFirst(name)
		if !ok {
			break
		}
		name = next
	}
	return name
}

func (r Root) followFirst(name string) (string, bool) {
	for i := 1; i <= len(name); i++ {
		if i < len(name) && name[i] != '/' {
			continue
		}
		prefix := name[:i]
		if m, rest, ok := r.covering(prefix); !ok || m.Kind != Bind || rest == "" || m.Source != m.Target {
			continue
		}
		if to, err := os.Readlink(prefix); err == nil {
			if !path.IsAbs(to) {
				to = path.Join(path.Dir(prefix), to)
			}
			return path.Join(to, name[i:]), true
		}
	}
	return name, false
}
