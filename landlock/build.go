package landlock

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/belljar/belljar/policy"
)

// builder makes a Ruleset of a policy.
type builder struct {
	Ruleset
	policy  *policy.Policy
	options Options
	listed  map[string][]string // answers of Options.List
	execs   [][]component       // patterns that grant Exec
}

// handle forbids the rights of a kind that the ABI has, and keeps in mind what
// it lacks.
func (b *builder) handle(k Kind, rights Rights) {
	b.Handled[k] |= rights & Known(k, b.ABI)
	for _, f := range Features {
		if f.Kind == k && f.Bit&rights != 0 && f.ABI > b.ABI {
			b.missing = append(b.missing, f)
		}
	}
}

// Calls that a domain with rights to files refuses, or decides by them.
var (
	fileCalls = []string{"open", "openat", "openat2", "creat", "execve", "execveat", "uselib",
		"truncate", "truncate64", "ioctl", "mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat", "unlink", "unlinkat", "rmdir", ring}
	moveCalls  = []string{"rename", "renameat", "renameat2", "link", "linkat", ring}
	linkCalls  = []string{"link", "linkat", ring}
	mountCalls = []string{"mount", "umount", "umount2", "pivot_root", "move_mount", "fsmount", "open_tree", "mount_setattr"}
)

// maxPlaces is how many places of a policy become rules. Each costs every launch
// three calls, and is compared with all others once.
const maxPlaces = 2000

// files translates the policy's file rules.
func (b *builder) files() {
	f := &b.policy.Files
	switch {
	case !f.Decides():
		b.notes = append(b.notes, "the policy has no file rules")
		return
	case f.Default.Kind == policy.Allow:
		b.notes = append(b.notes, "the policy allows files that no rule names")
		return
	case b.traps(fileCalls) || b.traps(moveCalls):
		b.gaps = append(b.gaps, "no rules on files, since a handler decides calls that reach them")
		return
	case b.namesAllowed(mountCalls):
		b.gaps = append(b.gaps, "no rules on files, since the policy allows mounts, which no domain with such rules may make")
		return
	}
	places := b.places()
	if len(places) > maxPlaces {
		b.gaps = append(b.gaps, fmt.Sprintf("no rules on files, since the policy names %d places, and more than %d would cost each launch too much", len(places), maxPlaces))
		return
	}
	if b.ABI < 2 && b.moves(places) {
		b.missing = append(b.missing, Feature{FS, Refer, "any rule on files, since without REFER none can move between directories", 2, true})
		return
	}
	b.handle(FS, Known(FS, MaxABI))
	writes := b.writeRights(places)
	for _, p := range places {
		b.grant(p, writes)
	}
	b.prune()
}

// moves reports whether the policy may allow a rename or link between
// directories, which kernels without REFER refuse in every domain.
func (b *builder) moves(places []place) bool {
	if !b.mayAny(moveCalls) {
		return false
	}
	dirs := map[string]bool{}
	for _, p := range places {
		if p.access&policy.Write == 0 {
			continue
		}
		if !p.exact {
			return true
		}
		dirs[path.Dir(p.path)] = true
	}
	return len(dirs) > 1
}

// writeRights are those of every place that can be written to. They are the
// same everywhere, because the kernel refuses (EXDEV) to move a file to where
// it would have more rights than before: Execute, too, if any of these places
// may hold programs, since a program could then copy itself there.
func (b *builder) writeRights(places []place) Rights {
	w := grants(policy.Write)
	for _, p := range places {
		if p.access&policy.Write == 0 || p.onProc() {
			continue
		}
		named := slices.ContainsFunc(b.execs, func(e []component) bool { return mayMatch(e, p.path) })
		if named || slices.ContainsFunc(places, func(e place) bool {
			return e.access&policy.Exec != 0 && !e.exact && within(p.path, e.path)
		}) {
			return w | Execute
		}
	}
	return w
}

// grant adds the rules for one place.
func (b *builder) grant(p place, writes Rights) {
	if p.onProc() {
		// An inode of procfs is made anew whenever it was forgotten, and each
		// process has its own. Nothing on it is executed.
		b.add(PathRule{Path: "/proc", Dir: grants(p.access) & (ReadDir | fileRights) &^ Execute})
		return
	}
	tree := grants(p.access)
	if p.access&policy.Write != 0 {
		tree |= writes
	}
	if !p.exact {
		rule := PathRule{Path: p.path, Dir: tree}
		if p.self {
			rule.File = tree
		}
		b.add(rule)
	} else {
		// Where it is a directory, the rule says nothing about what is in it.
		b.add(PathRule{Path: p.path, Dir: tree & ReadDir, File: tree})
	}
	if p.access&policy.Write != 0 && (p.exact || p.self) && p.path != "/" {
		b.grantName(p, writes)
	}
}

// grantName lets the program make, remove and replace the place itself.
// Landlock knows no names, and what is made has no rule of its own, so this
// opens the directory with all in it, but only where the program's user may
// change it: /dev is not opened for the sake of /dev/null. For a tree it is
// done only where the tree does not exist yet, or the right to write to a
// directory would be that to everything beside it.
func (b *builder) grantName(p place, writes Rights) {
	dir := path.Dir(p.path)
	parent := PathRule{Path: dir, Dir: writes, Writable: true}
	if !p.exact {
		parent.Unless = p.path
	} else if b.mayAny(linkCalls) {
		b.add(PathRule{Path: dir, Dir: Refer}) // a link from here needs no permission here
	}
	b.add(parent)
}

// within reports whether name is dir or below it.
func within(name, dir string) bool {
	return dir == "/" || name == dir || strings.HasPrefix(name, dir) && name[len(dir)] == '/'
}
