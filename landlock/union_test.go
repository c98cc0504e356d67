package landlock

import (
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/belljar/belljar/policy"
)

// world is a small file system: the paths that exist, true for directories.
type world map[string]bool

var alphabet = []string{"a", "b", "ab", "abc"}

func randomWorld(r *rand.Rand) world {
	w := world{"/": true}
	for range r.IntN(25) {
		dir := "/"
		for range r.IntN(3) {
			if next := path.Join(dir, alphabet[r.IntN(len(alphabet))]); w[next] {
				dir = next
			}
		}
		if name := path.Join(dir, alphabet[r.IntN(len(alphabet))]); !w.exists(name) {
			w[name] = r.IntN(3) > 0
		}
	}
	return w
}

func (w world) exists(name string) bool { _, ok := w[name]; return ok }

func (w world) list(dir string) (names []string, ok bool) {
	for name := range w {
		if name != "/" && path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	return names, true
}

// rights are what a path has in the domain, and what those do that lead to it.
// A rule counts if what it is about existed when it was made; everything is
// writable to the program's user.
func (w world) rights(r *Ruleset, name string) (own, above Rights) {
	for _, p := range r.Paths {
		dir, exists := w[p.Path]
		switch {
		case !exists || p.Unless != "" && w.exists(p.Unless):
		case !dir:
			if p.Path == name {
				own |= p.File
			}
		case within(name, p.Path):
			own |= p.Dir
			if name != p.Path {
				above |= p.Dir
			}
		}
	}
	return own, above
}

func randomPattern(r *rand.Rand) string {
	var s strings.Builder
	if r.IntN(4) == 0 {
		s.WriteString(".")
	}
	for range 1 + r.IntN(3) {
		s.WriteString("/" + slices.Concat(alphabet, alphabet, []string{"*", "a*", "*b", "**", "**", "*b*"})[r.IntN(14)])
	}
	return s.String()
}

func randomFiles(r *rand.Rand) policy.Files {
	f := policy.Files{Default: policy.Action{Kind: policy.Deny, Errno: 13}}
	seen := map[string]bool{}
	for range 1 + r.IntN(4) {
		rule := policy.FileRule{Pattern: randomPattern(r), Grant: policy.Access(1 + r.IntN(15))}
		if r.IntN(6) == 0 {
			rule.Grant, rule.Do = 0, policy.Action{Kind: policy.Deny, Errno: 13}
		}
		if !seen[rule.Pattern] {
			f.Rules = append(f.Rules, rule)
		}
		seen[rule.Pattern] = true
	}
	return f
}

// universe is every path that the test asks about.
func universe() []string {
	all, level := []string{"/"}, []string{"/"}
	for range 3 {
		var next []string
		for _, dir := range level {
			for _, name := range alphabet {
				next = append(next, path.Join(dir, name))
			}
		}
		all, level = append(all, next...), next
	}
	return all
}

// TestNeverNarrower proves, on random policies in random file systems, that
// the ruleset grants what the policy does: to what exists, to what the program
// makes itself, and for moves between any two places.
func TestNeverNarrower(t *testing.T) {
	names := universe()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		w, files := randomWorld(r), randomFiles(r)
		p := policy.Policy{Default: policy.Action{Kind: policy.Allow}, Files: files}
		dir := []string{"/", "/a", "/a/b"}[r.IntN(3)]
		set, err := files.Compile(dir, nil)
		if err != nil {
			continue // such as the same pattern in two spellings
		}
		o := Options{Dir: dir}
		if r.IntN(3) > 0 {
			o.List = w.list
		}
		if r.IntN(2) > 0 {
			o.Canon = path.Clean // a world without symlinks
		}
		rs := For(&p, MaxABI, o)
		c := checker{w, set, &rs}
		var writable []string
		for _, name := range names {
			if msg := c.check(name); msg != "" {
				t.Fatalf("seed %d: %s: %s\npolicy %+v in %s\nworld %v\nrules %+v", seed, name, msg, files.Rules, dir, w, rs.Paths)
			}
			if c.allows(name, policy.Write) && c.reachable(name) && !c.trunk(name, files, dir) {
				writable = append(writable, name)
			}
		}
		for _, from := range writable {
			to := writable[r.IntN(len(writable))]
			if msg := c.move(from, to); msg != "" {
				t.Fatalf("seed %d: %s to %s: %s\npolicy %+v in %s\nworld %v\nrules %+v", seed, from, to, msg, files.Rules, dir, w, rs.Paths)
			}
		}
	}
}

type checker struct {
	world world
	set   *policy.FileSet
	rules *Ruleset
}

func (c *checker) allows(name string, want policy.Access) bool {
	a, _ := c.set.Decide(name, want)
	return a.Kind == policy.Allow
}

// reachable reports whether name exists or the program may make it, with the
// directories that lead to it.
func (c *checker) reachable(name string) bool {
	if c.world.exists(name) {
		return true
	}
	up := path.Dir(name)
	if c.world.exists(up) {
		return c.world[up] && c.allows(name, policy.Write)
	}
	return c.allows(name, policy.Write) && c.reachable(up)
}

// trunk reports whether name is what a rule grants with all that is in it, and
// exists: the documented exception.
func (c *checker) trunk(name string, f policy.Files, dir string) bool {
	return c.world.exists(name) && slices.ContainsFunc(f.Rules, func(r policy.FileRule) bool {
		cs := split(r.Pattern)
		if !strings.HasPrefix(r.Pattern, "/") {
			cs = append(escaped(dir), cs...)
		}
		return hasWildcard(cs) && allBelow(cs) && join(cs[:firstWildcard(cs)]) == name
	})
}

func (c *checker) check(name string) string {
	if !c.reachable(name) {
		return ""
	}
	own, _ := c.world.rights(c.rules, name)
	isDir, exists := c.world[name]
	need := Rights(0)
	if c.allows(name, policy.Read) {
		need |= ReadFile
	}
	if c.allows(name, policy.Write) {
		need |= ReadFile | WriteFile | Truncate
	}
	if c.allows(name, policy.Exec) {
		need |= Execute | ReadFile
	}
	if exists && isDir && need != 0 {
		need = ReadDir
	}
	if lacks := need &^ own; lacks != 0 {
		return "lacks " + names(FS, lacks)
	}
	return ""
}

// move checks a rename or a link between two paths that the policy lets the
// program write to.
func (c *checker) move(from, to string) string {
	own, source := c.world.rights(c.rules, from)
	_, target := c.world.rights(c.rules, to)
	change := RemoveFile | MakeReg
	if path.Dir(from) != path.Dir(to) {
		change |= Refer
	}
	if lacks := change &^ (source & target); lacks != 0 {
		return "lacks " + names(FS, lacks)
	}
	if more := target & fileRights &^ (own | source); more != 0 && !c.world[from] {
		return "gains " + names(FS, more)
	}
	return ""
}

func TestMatchComponent(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "x", true}, {"a*", "a", true}, {"a*", "ba", false}, {"*b", "ab", true}, {"*b", "ba", false},
		{"a*b*c", "aXbYc", true}, {"a*b*c", "abc", true}, {"a*b*c", "acb", false}, {"ab*b", "ab", false}, {"lib*", "lib64", true},
	} {
		if got := matchComponent(tt.pattern, tt.name); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.name, got)
		}
	}
}

func ExampleFor() {
	p, err := policy.Parse("p.yaml", []byte(`
version: 1
default: allow
files:
  read: ["/usr/**"]
  write: ["./out/**"]
  default: {deny: EACCES}
`))
	if err != nil {
		panic(err)
	}
	r := For(p, 3, Options{Dir: "/job"})
	for _, rule := range r.Paths {
		fmt.Println(rule.Path, names(FS, rule.Dir&(ReadFile|WriteFile|Execute)))
	}
	fmt.Println(r.Report())
	// Output:
	// /usr READ_FILE
	// /job/out WRITE_FILE|READ_FILE
	// /job WRITE_FILE|READ_FILE
	// partial ABI 5 (Linux 6.10) is needed for IOCTL_DEV; ABI 6 (Linux 6.12) is needed for SIGNAL and ABSTRACT_UNIX_SOCKET
}

// TestMoveBelowPrograms has a rule whose tree is wider than its pattern: a
// file that moves into it must not gain Execute.
func TestMoveBelowPrograms(t *testing.T) {
	p := policy.Policy{Default: policy.Action{Kind: policy.Allow}, Files: policy.Files{Rules: []policy.FileRule{
		{Pattern: "/a/*b", Grant: policy.Exec}, {Pattern: "/a/a/**", Grant: policy.Write}, {Pattern: "/b/**", Grant: policy.Write}}}}
	w := world{"/": true, "/a": true, "/a/a": true, "/b": true, "/b/a": false}
	r := For(&p, MaxABI, Options{})
	if msg := (&checker{w, nil, &r}).move("/b/a", "/a/a/b"); msg != "" {
		t.Errorf("%s: %+v", msg, r.Paths)
	}
}
