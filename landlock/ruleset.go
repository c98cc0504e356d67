package landlock

import (
	"path"
	"slices"

	"github.com/belljar/belljar/policy"
)

// Ruleset is what a domain handles, and so forbids, and what it grants of
// that. It is plain data; methods return changed copies.
type Ruleset struct {
	ABI     int           // what the kernel speaks, at most MaxABI; 0 is no Landlock
	Handled [kinds]Rights // of FS and Net, the scopes of Scope and the flags of Flag
	Paths   []PathRule
	Files   []FileRule
	Ports   []PortRule

	missing []Feature // what the policy could be held with on a newer kernel
	gaps    []string  // what a newer kernel would not mend
	notes   []string  // what there was nothing to do about
}

// PathRule grants rights to what a path leads to, symlinks followed. A path
// that does not exist, or that the program's user cannot reach, grants none.
type PathRule struct {
	Path string
	Dir  Rights // where it is a directory: on it and on all below
	File Rights // where it is anything else
	// Writable makes the rule count only if the program's user may make and
	// remove names in the directory, Unless only if there is nothing at
	// another path.
	Writable bool
	Unless   string
}

// FileRule grants rights to the file behind a descriptor of the program.
// Access must suit what it is: only a directory has rights of directories.
type FileRule struct {
	FD     int
	Access Rights
}

// PortRule grants rights to a TCP port.
type PortRule struct {
	Port   uint16
	Access Rights
}

// Options says what a policy does not.
type Options struct {
	// Dir is the command's directory, from which relative patterns count.
	Dir string
	// Canon maps a path to the one that the kernel would reach, as in
	// policy.Files.Compile; nil leaves paths as they are. The host's answer
	// is [Canonical].
	Canon func(string) string
	// List returns the names in a directory that the program will see there,
	// and may return others; ok is false where it does not know. It resolves
	// patterns such as "/lib*". Nil knows none; the host's answer is [Names].
	List func(dir string) (names []string, ok bool)
	// Handler says that a user's handler decides the calls that the policy
	// says to trap. What it allows must work, whatever it is.
	Handler bool
	// OutsideSignals lets the program signal processes that are not of the
	// run, OutsideSockets connect to their abstract unix sockets.
	OutsideSignals, OutsideSockets bool
}

// For returns the union of all that a policy may ever allow, as far as an ABI
// can say it.
func For(p *policy.Policy, abi int, o Options) Ruleset {
	r := Ruleset{ABI: min(max(abi, 0), MaxABI)}
	if r.ABI == 0 {
		return r
	}
	b := builder{Ruleset: r, policy: p, options: o, listed: map[string][]string{}}
	b.files()
	b.network()
	b.scopes()
	if b.Handles() {
		// Denials in domains that the program makes itself would fill the
		// audit log as fast as it likes.
		b.handle(Flag, LogSubdomainsOff)
	}
	return b.Ruleset
}

// With returns the ruleset for one run: with the program's own file, which it
// may always read and execute, and rules on its descriptors (see [Held]).
func (r Ruleset) With(program string, held []FileRule) Ruleset {
	if r.Handled[FS] == 0 {
		return r
	}
	r.Files = nil
	for _, f := range held {
		if f.Access &= r.Handled[FS]; f.Access != 0 {
			r.Files = append(r.Files, f)
		}
	}
	if program != "" {
		r.Paths = append(slices.Clip(r.Paths), PathRule{Path: program, File: r.Handled[FS] & fileRights & grants(policy.Exec)})
	}
	return r
}

// Handles reports whether the ruleset forbids anything.
func (r Ruleset) Handles() bool { return r.Handled[FS]|r.Handled[Net]|r.Handled[Scope] != 0 }

// grants returns the rights that an access to an object, and to all below it,
// needs. Ioctls of devices are decided by the policy's conditions on ioctl.
func grants(a policy.Access) Rights {
	a = a.Implied()
	var r Rights
	if a&policy.Read != 0 {
		r |= ReadFile | ReadDir | IoctlDev
	}
	if a&policy.Write != 0 {
		r |= WriteFile | Truncate | RemoveDir | RemoveFile | MakeDir | MakeReg | MakeSock | MakeFIFO | MakeSym | Refer
	}
	if a&policy.Exec != 0 {
		r |= Execute
	}
	return r
}

// add grants rights to a place, those of a directory cut down to what it is.
func (b *builder) add(r PathRule) {
	r.Dir &= b.Handled[FS]
	r.File &= b.Handled[FS] & fileRights
	if r.Dir|r.File == 0 || !openable(r.Path) {
		return
	}
	for i := range b.Paths {
		if have := &b.Paths[i]; have.Path == r.Path && have.Writable == r.Writable && have.Unless == r.Unless {
			have.Dir |= r.Dir
			have.File |= r.File
			return
		}
	}
	b.Paths = append(b.Paths, r)
}

// openable reports whether the kernel takes a path: it answers ENAMETOOLONG
// where nothing can exist anyway.
func openable(name string) bool {
	for rest := name; rest != "/"; rest = path.Dir(rest) {
		if len(path.Base(rest)) > 255 {
			return false
		}
	}
	return len(name) < 4096
}

// prune drops rules that others make superfluous: each costs every run some
// microseconds.
func (b *builder) prune() {
	all := b.Paths
	b.Paths = slices.DeleteFunc(slices.Clone(all), func(r PathRule) bool {
		return slices.ContainsFunc(all, func(o PathRule) bool { return b.covers(&o, &r) })
	})
}

// covers reports whether rule o, which is another one than r, grants all that
// r does whenever r grants anything.
func (b *builder) covers(o, r *PathRule) bool {
	switch {
	case (r.Dir|r.File)&^o.Dir != 0 || o.Unless != "" && (o.Unless != r.Unless || o.Path != r.Path) || o.Writable && (!r.Writable || o.Path != r.Path):
		return false
	case o.Path == r.Path:
		// Both are directories if o counts; where o grants a file less, it
		// is r's only rule.
		return *o != *r && r.File == 0 && (o.Writable != r.Writable || o.Unless != r.Unless)
	}
	// A symlink below o's path may lead out of it.
	return within(r.Path, o.Path) && b.options.Canon != nil && b.options.Canon(r.Path) == r.Path
}
