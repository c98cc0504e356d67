package belljar_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/belljar/belljar"

// row says what one package may import: of this module and of others. Of the
// standard library a pure package may import what neither asks nor changes the
// system it runs on, so that it builds and tests anywhere; every other package
// may import all but unsafe.
type row struct {
	pure   bool
	unsafe bool
	ours   []string // paths below the module
	others []string // modules, or packages of them
}

// deps has one row for each package. A package without one fails the test:
// its place in the design is to be decided first.
var deps = map[string]row{
	// Pure: data and its transformations.
	"syscalls":              {pure: true},
	"syscalls/internal/gen": {others: []string{"golang.org/x/sys/unix"}},
	"policy":                {pure: true, ours: []string{"syscalls"}, others: []string{"github.com/goccy/go-yaml"}},
	"seccomp":               {pure: true, ours: []string{"policy", "seccomp/bpf", "syscalls"}},
	"seccomp/bpf":           {pure: true, ours: []string{"syscalls"}},

	// The kernel's side. Only internal/sys is unsafe.
	"internal/sys":    {unsafe: true, others: []string{"golang.org/x/sys/unix"}},
	"internal/launch": {ours: []string{"internal/sys"}},
	"internal/follow": {ours: []string{"internal/sys"}},
	"internal/proc":   {ours: []string{"internal/sys"}},
	"internal/kernel": {ours: []string{"internal/sys", "internal/proc"}},

	// Supervisors: they share package supervise and never meet.
	"supervise":        {ours: []string{"internal/proc", "internal/sys", "policy", "syscalls"}},
	"supervise/notify": {ours: []string{"internal/proc", "internal/sys", "supervise", "syscalls"}},
	"supervise/ptrace": {ours: []string{"internal/follow", "internal/launch", "internal/proc", "internal/sys", "policy", "supervise", "syscalls"}},

	"learn":           {ours: []string{"policy", "syscalls", "trace"}},
	"trace":           {ours: []string{"internal/proc", "policy", "supervise", "syscalls"}},
	"seccomp/process": {ours: []string{"internal/sys", "policy", "seccomp", "seccomp/bpf", "syscalls"}},

	"landlock": {ours: []string{"internal/launch", "internal/sys", "policy"}},

	"cgroup": {ours: []string{"internal/kernel", "internal/launch", "internal/proc"}},

	"unshare": {ours: []string{"internal/launch", "internal/proc", "internal/sys", "policy"}},

	"container": {ours: []string{"unshare"}},

	// The root package puts all of it together.
	"": {ours: []string{"cgroup", "container", "internal/follow", "internal/kernel", "internal/launch", "internal/proc", "internal/sys", "landlock", "policy",
		"seccomp", "seccomp/bpf", "supervise", "supervise/notify", "supervise/ptrace", "syscalls", "unshare"}},

	// The command reaches no further down than the public packages.
	"cmd/belljar": {ours: []string{"", "cgroup", "learn", "policy", "seccomp", "seccomp/bpf", "seccomp/process", "supervise", "syscalls", "trace", "unshare"},
		others: []string{"github.com/spf13/cobra", "github.com/spf13/pflag"}},

	// What only tests import.
	"internal/least":   {ours: []string{"policy", "seccomp/bpf", "syscalls"}},
	"internal/testkit": {ours: []string{"internal/kernel", "internal/proc", "test/escapes", "test/programs"}},
	"test/honest":      {},
	"test/programs":    {},
	"test/escapes":     {ours: []string{"test/programs"}},
	"test/cases":       {ours: []string{"", "internal/testkit", "policy", "test/programs", "unshare"}, others: []string{"github.com/google/go-cmp"}},
	"test/vm":          {ours: []string{"internal/testkit"}},
}

// impure is what a pure package may not import, each with all below it.
var impure = []string{"os", "syscall", "net", "runtime", "plugin", "testing", "internal", "log/syslog", "os/exec", "C"}

func TestDependencies(t *testing.T) {
	found := map[string]bool{}
	for dir, imports := range sourceImports(t) {
		found[dir] = true
		r, ok := deps[dir]
		if !ok {
			t.Errorf("package %q has no row in deps: say what it may import", dir)
			continue
		}
		for imp, file := range imports {
			if why := r.refuses(imp); why != "" {
				t.Errorf("%s imports %s: %s", file, imp, why)
			}
		}
	}
	for dir := range deps {
		if !found[dir] {
			t.Errorf("deps has a row for %q, which is no package", dir)
		}
	}
}

// TestSupervisorsNeverMeet states the rule apart from the table, so that a
// change of a row cannot undo it.
func TestSupervisorsNeverMeet(t *testing.T) {
	all := sourceImports(t)
	apart := []string{"supervise/ptrace", "supervise/notify"}
	for _, dir := range apart {
		for imp, file := range all[dir] {
			if sub, ok := ours(imp); ok && slices.Contains(apart, sub) {
				t.Errorf("%s imports %s: supervisors share package supervise only", file, imp)
			}
		}
	}
}

// refuses returns why an import breaks the row, "" if it does not.
func (r row) refuses(imp string) string {
	if sub, ok := ours(imp); ok {
		switch {
		case !slices.Contains(r.ours, sub):
			return "not in the package's row"
		case r.pure && !deps[sub].pure:
			return "a pure package imports pure packages only"
		}
		return ""
	}
	first, _, _ := strings.Cut(imp, "/")
	switch {
	case strings.Contains(first, "."):
		if !slices.ContainsFunc(r.others, func(m string) bool { return below(imp, m) }) {
			return "the module is not in the package's row"
		}
	case imp == "unsafe" && !r.unsafe:
		return "only internal/sys is unsafe"
	case imp == "net/netip": // addresses as values; it asks no network
	case r.pure && slices.ContainsFunc(impure, func(p string) bool { return below(imp, p) }):
		return "the package is pure"
	}
	return ""
}

// ours returns the path below the module of an import that is of it.
func ours(imp string) (string, bool) {
	if imp == module {
		return "", true
	}
	return strings.CutPrefix(imp, module+"/")
}

func below(imp, p string) bool { return imp == p || strings.HasPrefix(imp, p+"/") }

// sourceImports reads the imports of every package, whatever its build
// constraints say: package directory -> import -> one file that has it. Tests
// and the programs that they run are not looked at.
func sourceImports(t *testing.T) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (base[0] == '.' || base == "testdata" || base == "bin") || name == "test/programs/go" {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil && name != "." {
				return filepath.SkipDir // a module of its own
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := path.Dir(filepath.ToSlash(name))
		if dir == "." {
			dir = ""
		}
		if all[dir] == nil {
			all[dir] = map[string]string{}
		}
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			all[dir][imp] = name
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
