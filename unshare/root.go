package unshare

import (
	"path"
	"slices"
	"strings"
)

// Kind says what a Mount puts at its target.
type Kind uint8

const (
	Bind    Kind = iota // the host's file or directory Source
	Tmpfs               // an empty, writable file system of Size bytes
	Proc                // the processes of the sandbox, read-only
	Dev                 // null, zero, full, random, urandom, and links to standard files
	Symlink             // a link to Source, which the kernel follows inside the root
	File                // a read-only file with Content
	Dir                 // an empty, read-only directory
	Mask                // something that cannot be opened, over a file or directory that is there

	room // of a parked sandbox, for mounts that are not known yet; whoever mounts last makes it read-only
)

var kindNames = [...]string{"bind", "tmpfs", "proc", "dev", "symlink", "file", "dir", "mask", "room"}

func (k Kind) String() string { return kindNames[k] }

// Mount is one thing that a root shows.
type Mount struct {
	Kind    Kind
	Target  string // absolute path in the root
	Source  string // Bind: absolute path on the host; Symlink: its text
	Content string // File
	Size    int64  // Tmpfs: bytes; 0 is DefaultTmpfs
	// Writable lets the program change what a Bind shows. Nothing else but a
	// Tmpfs is ever writable.
	Writable bool
}

// DefaultTmpfs is the size of a tmpfs that does not say its own. Without a
// cgroup its content is not counted as the run's memory, so it is small.
const DefaultTmpfs = 64 << 20

// Root is the file system that a program sees: an empty read-only one with
// Mounts in it, or Dir. It is plain data; methods return changed copies.
type Root struct {
	// Dir is a directory of the host that takes the place of the empty file
	// system. Targets must exist in it.
	Dir      string
	Writable bool // Dir can be changed by the program
	Mounts   []Mount
}

// With returns the root with more mounts. One with the target of another takes
// its place.
func (r Root) With(mounts ...Mount) Root {
	all := make([]Mount, 0, len(r.Mounts)+len(mounts))
	at := make(map[string]int, cap(all))
	for _, list := range [][]Mount{r.Mounts, mounts} {
		for _, m := range list {
			m.Target = path.Clean("/" + m.Target)
			if i, ok := at[m.Target]; ok {
				all[i] = m
				continue
			}
			at[m.Target] = len(all)
			all = append(all, m)
		}
	}
	r.Mounts = all
	return r
}

// Without returns the root without what is mounted at exactly these targets.
func (r Root) Without(targets ...string) Root {
	r.Mounts = slices.DeleteFunc(slices.Clone(r.Mounts), func(m Mount) bool { return slices.Contains(targets, m.Target) })
	return r
}

// covering returns the mount that shows name, which is where the kernel would
// arrive inside the root, and the rest of name below it. ok is false where
// only the root's own file system is.
func (r Root) covering(name string) (m Mount, rest string, ok bool) {
	for _, o := range r.Mounts {
		tail, in := below(o.Target, name)
		if !in || o.Kind == Symlink || ok && len(o.Target) < len(m.Target) {
			continue
		}
		m, rest, ok = o, tail, true
	}
	return m, rest, ok
}

// free says that things can be put into a mount.
func (m Mount) free() bool { return m.Kind == Tmpfs || m.Kind == room }

// Room returns the top directory in which a program lies that the root has no
// place for, or "" if nothing could be mounted there: the root shows
// something in it, or it is the program's own name.
func (r Root) Room(program string) string {
	name := r.resolve(r.follow(program))
	if _, _, ok := r.covering(name); ok || r.Dir != "" {
		return ""
	}
	top, _, deep := strings.Cut(name[1:], "/")
	if top = "/" + top; !deep || slices.ContainsFunc(r.Mounts, func(m Mount) bool { _, in := below(top, m.Target); return in }) {
		return ""
	}
	return top
}

// resolve replaces the symlinks of r in name. The links of bound directories
// are not followed.
func (r Root) resolve(name string) string {
	name = path.Clean("/" + name)
	for range 40 { // the kernel's own limit, path_resolution(7)
		i := slices.IndexFunc(r.Mounts, func(m Mount) bool {
			if m.Kind != Symlink {
				return false
			}
			_, in := below(m.Target, name)
			return in
		})
		if i < 0 {
			break
		}
		link := r.Mounts[i]
		to := link.Source
		if !path.IsAbs(to) {
			to = path.Join(path.Dir(link.Target), to)
		}
		tail, _ := below(link.Target, name)
		name = path.Join(to, tail)
	}
	return name
}

// below says whether name is dir or in it, and what follows dir.
func below(dir, name string) (rest string, ok bool) {
	if dir == "/" {
		return strings.TrimPrefix(name, "/"), true
	}
	rest, ok = strings.CutPrefix(name, dir)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return strings.TrimPrefix(rest, "/"), true
}
