package unshare

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxMatches bounds the mounts that one pattern of a policy may become.
const maxMatches = 256

// absolute is a pattern of a policy as the program sees it from dir.
func absolute(pattern, dir string) string {
	if path.IsAbs(pattern) {
		return path.Clean(pattern)
	}
	return path.Join(dir, pattern)
}

// spelled is an absolute pattern in front of its first component with a
// wildcard.
func spelled(pattern string) string {
	if star := strings.IndexByte(pattern, '*'); star >= 0 {
		return path.Clean(pattern[:strings.LastIndexByte(pattern[:star], '/')+1])
	}
	return pattern
}

// matches returns the paths of the host that an absolute pattern names up to
// its first "**", and the part of it that has no wildcard.
func (r Root) matches(pattern string, listed directories) (names []string, fixed string) {
	names, fixed = []string{"/"}, spelled(pattern)
	literal := "" // the components since the last wildcard
	for part := range strings.SplitSeq(strings.Trim(pattern, "/"), "/") {
		if strings.Contains(part, "**") {
			if part != "**" {
				return nil, fixed // such as "**.so": only a supervisor can tell
			}
			break
		}
		if !strings.Contains(part, "*") {
			literal = path.Join(literal, part)
			continue
		}
		names = listed.children(names, literal, part, r.Dir)
		literal = ""
	}
	if literal == "" {
		return names, fixed
	}
	var found []string
	for _, name := range names {
		name = path.Join(name, literal)
		if _, err := os.Lstat(filepath.Join(r.Dir, name)); err == nil {
			found = append(found, name)
		}
	}
	return found, fixed
}

// directories remembers what is in directories of the host: several patterns
// ask for the same ones.
type directories map[string][]string

// names returns the sorted names in dir, none where it cannot be read: it
// cannot be shown to somebody who may not look.
func (d directories) names(dir string) []string {
	names, ok := d[dir]
	if !ok {
		if f, err := os.Open(dir); err == nil {
			if names, err = f.Readdirnames(-1); err != nil {
				names = nil
			}
			f.Close()
		}
		slices.Sort(names)
		d[dir] = names
	}
	return names
}

// children returns what part matches in below of each directory, of what
// exists in root.
func (d directories) children(dirs []string, below, part, root string) (found []string) {
	for _, dir := range dirs {
		dir = path.Join(dir, below)
		for _, name := range matching(d.names(filepath.Join("/", root, dir)), part) {
			if len(found) < maxMatches {
				found = append(found, path.Join(dir, name))
			}
		}
	}
	return found
}

// glob makes what is special to package path and not here plain.
var glob = strings.NewReplacer("?", `\?`, "[", `\[`, `\`, `\\`)

// matching returns the names that pattern matches, where "*" is any bytes.
func matching(names []string, pattern string) (found []string) {
	first, rest, wild := strings.Cut(pattern, "*")
	for _, name := range names {
		tail, ok := strings.CutPrefix(name, first)
		switch {
		case ok && !wild:
			ok = tail == ""
		case ok && strings.Contains(rest, "*"):
			ok, _ = path.Match("*"+glob.Replace(rest), tail)
		case ok:
			ok = strings.HasSuffix(tail, rest)
		}
		if ok {
			found = append(found, name)
		}
	}
	return found
}
