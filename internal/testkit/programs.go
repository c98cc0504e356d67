package testkit

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/belljar/belljar/test/escapes"
	"github.com/belljar/belljar/test/programs"
)

// trees are all programs that tests know by name.
var trees = []programs.Tree{programs.Programs, escapes.Programs}

// known are the programs of all trees by their names.
var known = sync.OnceValue(func() map[string]*programs.Program {
	byName := map[string]*programs.Program{}
	for _, tree := range trees {
		all, err := tree.All()
		if err != nil {
			panic(err)
		}
		for _, p := range all {
			byName[p.Name] = p
		}
	}
	return byName
})

// Program returns the command line that starts a program of one of the trees,
// compiled if it is not yet: Program(t, "c/hello", "static"). The
// test is skipped where the program's language is not installed. A program that
// [CompileAll] has compiled needs no compiler.
func Program(t testing.TB, name, variant string) []string {
	t.Helper()
	lang, _, _ := strings.Cut(name, "/")
	l, ok := languages[lang]
	if !ok {
		t.Fatalf("%s: no such language", name)
	}
	if p := known()[name]; p == nil || !slices.Contains(p.Builds, variant) {
		t.Fatalf("%s: its header names no build %q, so a machine without compilers would not have it", name, variant)
	}
	if variant == "amd64" && runtime.GOARCH != "amd64" {
		t.Skipf("%s speaks the i386 and x32 ABIs of amd64", name)
	}
	if l.compile == nil || !compiledBefore(Files(t, name, variant)) {
		for _, tool := range l.tools {
			installed(t, tool, compilers[tool])
		}
	}
	out, err := build(l, name, variant)
	if err != nil {
		t.Fatal(err)
	}
	if l.command == nil {
		return []string{out}
	}
	return l.command(t, out)
}

// Files returns the file or directory that a program was compiled to, which
// for an interpreter's script is not the program that is executed.
func Files(t testing.TB, name, variant string) string {
	t.Helper()
	dir, err := cacheDir()
	if err != nil {
		t.Fatal(err)
	}
	lang, _, _ := strings.Cut(name, "/")
	return languages[lang].output(dir, name, variant)
}

// Tool returns the path of an installed program, or skips the test. The
// compilers of C are no reason to skip, since make test installs them, unless
// programs were compiled before: then this may be a machine without compilers.
func Tool(t testing.TB, name string) string {
	t.Helper()
	return installed(t, name, compilers[name] && os.Getenv(cacheVar) == "")
}

// compilers are the tools that make test installs, or needs itself.
var compilers = map[string]bool{"gcc": true, "g++": true, "go": true}

func installed(t testing.TB, name string, must bool) string {
	t.Helper()
	if p := "/usr/bin/" + name; fileExists(p) {
		return p
	}
	p, err := exec.LookPath(name)
	switch {
	case err == nil:
		return p
	case must:
		t.Fatalf("%s is not installed: make test installs what tests need", name)
	default:
		t.Skipf("%s is not installed", name)
	}
	return ""
}

type language struct {
	ext     string
	tools   []string // without which the test is skipped
	compile func(src, out, variant, goarch string) *exec.Cmd
	command func(t testing.TB, out string) []string // nil: the output itself
}

// output is where a program is compiled, or copied, to.
func (l language) output(dir, name, variant string) string {
	out := filepath.Join(dir, filepath.FromSlash(name)+"."+variant)
	if l.compile == nil {
		out += l.ext
	}
	return out
}

// flags of gcc and g++ for each variant.
var flags = map[string][]string{
	"dynamic": nil,
	"static":  {"-static"},
	"bare":    {"-static", "-nostdlib", "-fno-stack-protector"},
	"amd64":   nil,
}

// cross is the prefix of the compilers for another architecture than this one,
// as Debian names them.
var cross = map[string]string{"amd64": "x86_64-linux-gnu-", "arm64": "aarch64-linux-gnu-"}

func compiler(name string) func(src, out, variant, goarch string) *exec.Cmd {
	return func(src, out, variant, goarch string) *exec.Cmd {
		headers := filepath.Join(filepath.Dir(filepath.Dir(src)), "c")
		args := append([]string{"-O2", "-pthread", "-w", "-I", headers, "-o", out, src}, flags[variant]...)
		if goarch != runtime.GOARCH {
			return exec.Command(cross[goarch]+name, args...)
		}
		return exec.Command(name, args...)
	}
}

func interpreter(name string) func(t testing.TB, out string) []string {
	return func(t testing.TB, out string) []string { return []string{Tool(t, name), out} }
}

var languages = map[string]language{
	"c": {ext: ".c", tools: []string{"gcc"}, compile: compiler("gcc")},
	// The tree of the programs that try to get out.
	"escapes": {ext: ".c", tools: []string{"gcc"}, compile: compiler("gcc")},

	"cpp": {ext: ".cpp", tools: []string{"g++"}, compile: compiler("g++")},
	"go": {ext: ".go", tools: []string{"go"}, compile: func(src, out, _, goarch string) *exec.Cmd {
		cmd := exec.Command("go", "build", "-o", out, "main.go")
		cmd.Dir = filepath.Dir(src)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+goarch, "GOFLAGS=-buildvcs=false", "GOTOOLCHAIN=local")
		return cmd
	}},
	"java": {ext: ".java", tools: []string{"java", "javac"}, compile: func(src, out, _, _ string) *exec.Cmd {
		return exec.Command("javac", "-d", out, src)
	}, command: func(t testing.TB, out string) []string {
		class, _, _ := strings.Cut(filepath.Base(out), ".")
		return []string{Tool(t, "java"), "-XX:-UsePerfData", "-cp", out, class}
	}},
	"js": {ext: ".js", tools: []string{"node"}, command: interpreter("node")},
	"py": {ext: ".py", tools: []string{"python3"}, command: interpreter("python3")},
}

var (
	buildMu sync.Mutex
	built   = map[string]error{}
)

// build compiles a program once and returns its path.
func build(l language, name, variant string) (string, error) {
	buildMu.Lock()
	defer buildMu.Unlock()
	dir, err := cacheDir()
	if err != nil {
		return "", err
	}
	out := l.output(dir, name, variant)
	err, done := built[out]
	if !done && !fileExists(out) {
		err = compile(l, dir, name, out, variant, runtime.GOARCH)
		built[out] = err
	}
	return out, err
}

func compile(l language, dir, name, out, variant, goarch string) error {
	src := filepath.Join(dir, "src", filepath.FromSlash(name)+l.ext)
	if err := writeSources(filepath.Join(dir, "src")); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	if l.compile == nil {
		text, err := os.ReadFile(src)
		if err != nil {
			return err
		}
		return os.WriteFile(out, text, 0o644)
	}
	cmd := l.compile(src, out, variant, goarch)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, text)
	}
	return nil
}

// writeSources lays the source tree out, as it was embedded in the test.
var writeSources = func() func(string) error {
	var once sync.Once
	var err error
	return func(dir string) error {
		once.Do(func() {
			for _, tree := range trees {
				if err = writeTree(filepath.Join(dir, filepath.FromSlash(tree.Prefix)), tree.Sources); err != nil {
					break
				}
			}
		})
		return err
	}
}()

func writeTree(dir string, sources fs.FS) error {
	return fs.WalkDir(sources, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		text, err := fs.ReadFile(sources, name)
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, 0o644)
	})
}

// buildAll compiles every variant of every program whose language is here.
func buildAll(t testing.TB) {
	t.Helper()
	err := each(runtime.GOARCH, func(l language, name, variant string) error {
		_, err := build(l, name, variant)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// CompileAll compiles every variant of every program for an architecture into
// a directory, for tests on a machine that has no compilers: there
// BELLJAR_TEST_PROGRAMS names the directory. It leaves out languages that are
// not installed here.
func CompileAll(dir, goarch string) error {
	return each(goarch, func(l language, name, variant string) error {
		return compile(l, dir, name, l.output(dir, name, variant), variant, goarch)
	})
}

// each calls f for every variant of every program of an architecture whose
// language is installed.
func each(goarch string, f func(l language, name, variant string) error) error {
	var all []*programs.Program
	for _, tree := range trees {
		some, err := tree.All()
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	for _, p := range all {
		l := languages[p.Lang()]
		if slices.ContainsFunc(l.tools, func(tool string) bool { _, err := exec.LookPath(tool); return err != nil }) {
			continue
		}
		for _, v := range p.Builds {
			if v == "amd64" && goarch != "amd64" {
				continue
			}
			if err := f(l, p.Name, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// compiledBefore reports whether a program is in a directory that was filled
// before the tests were started.
func compiledBefore(out string) bool { return os.Getenv(cacheVar) != "" && fileExists(out) }

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
