package supervise

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

var (
	kill   = policy.Action{Kind: policy.Kill}
	eacces = policy.Action{Kind: policy.Deny, Errno: uint16(syscall.EACCES)}
)

func at12(file string) policy.Pos { return policy.Pos{File: file, Line: 12} }

// TestDecidePaths proves the decision on each kind of path call, in a tree
// where r/ may be read, w/ written, s/ looked at, no/ is denied softly and
// everything else kills.
func TestDecidePaths(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	t.Chdir(root)
	for _, dir := range []string{"r", "w", "s", "no", "secret", "r/sub"} {
		must(t, os.Mkdir(dir, 0o755))
		must(t, os.WriteFile(dir+"/f", []byte("data"), 0o644))
	}
	must(t, os.Symlink("../secret/f", "r/out"))
	must(t, os.Symlink("../secret/none", "w/out"))
	must(t, os.Symlink("../r/f", "secret/in"))
	secret, err := os.Open("secret")
	must(t, err)
	defer secret.Close()
	readOnly, err := os.Open("r/f")
	must(t, err)
	defer readOnly.Close()
	dirFD, fileFD := int(secret.Fd()), int(readOnly.Fd())

	e := newEngine(t, EngineConfig{Dir: root, Policy: &policy.Policy{Files: policy.Files{
		Default: kill, Pos: at12("default"),
		Rules: []policy.FileRule{
			{Pattern: "./r/**", Grant: policy.Read, Pos: at12("r")},
			{Pattern: "./w/**", Grant: policy.Write, Pos: at12("w")},
			{Pattern: "./s/**", Grant: policy.Stat, Pos: at12("s")},
			{Pattern: "./no/**", Do: eacces, Pos: at12("no")},
		}}}})

	held := func(path string) Decision { return Decision{Kind: Allow, Path: root + path} }
	allow := func(path string) Decision {
		return Decision{Kind: Allow, Path: root + path, Rule: path[1:2] + ":12"}
	}
	killed := func(path string) Decision { return Decision{Kind: Kill, Path: root + path, Rule: "default:12"} }
	denied := func(path string, errno syscall.Errno) Decision {
		return Decision{Kind: Deny, Errno: errno, Path: root + path}
	}
	fails := func(path string, errno syscall.Errno) Decision {
		return Decision{Kind: Fail, Errno: errno, Path: root + path}
	}
	soft := denied("/no/f", syscall.EACCES)
	soft.Rule = "no:12"
	for _, c := range []struct {
		what string
		trap *Trap
		want Decision
	}{
		{"read", trapOf("open", "r/f", 0), allow("/r/f")},
		{"write what may be read", trapOf("open", "r/f", syscall.O_WRONLY), killed("/r/f")},
		{"truncate by open", trapOf("open", "r/f", syscall.O_TRUNC), killed("/r/f")},
		{"create", trapOf("open", "w/new", syscall.O_CREAT|syscall.O_RDWR), allow("/w/new")},
		{"create through a link", trapOf("open", "w/out", syscall.O_CREAT|syscall.O_RDWR), killed("/secret/none")},
		{"nameless file", trapOf("open", "w", oTmpfileBit|amd64Directory|syscall.O_RDWR), allow("/w")},
		{"nameless file elsewhere", trapOf("open", "r", oTmpfileBit|amd64Directory|syscall.O_RDWR), killed("/r")},
		{"look", trapOf("stat", "s/f"), allow("/s/f")},
		{"open to look", trapOf("open", "s/f", oPath), allow("/s/f")},
		{"read what may be looked at", trapOf("open", "s/f", 0), killed("/s/f")},
		{"softly denied", trapOf("open", "no/f", 0), soft},
		{"link out", trapOf("open", "r/out", 0), killed("/secret/f")},
		{"the link itself", trapOf("lstat", "r/out"), allow("/r/out")},
		{"link in", trapOf("open", "secret/in", 0), allow("/r/f")},
		{"dots", trapOf("open", "r/sub/../../secret/f", 0), killed("/secret/f")},
		{"descriptor", trapOf("openat", dirFD, "f", 0), killed("/secret/f")},
		{"descriptor by AT_EMPTY_PATH", trapOf("fchownat", dirFD, "", 0, 0, atEmptyPath), killed("/secret")},
		{"fstat", trapOf("newfstatat", dirFD, "", 0, atEmptyPath), held("/secret")},
		{"own descriptor again", trapOf("open", fmt.Sprintf("/proc/self/fd/%d", fileFD), 0), held("/r/f")},
		{"own descriptor, for writing", trapOf("open", fmt.Sprintf("/proc/self/fd/%d", fileFD), syscall.O_RDWR), killed("/r/f")},
		{"missing and allowed", trapOf("stat", "r/x/y"), fails("/r/x/y", syscall.ENOENT)},
		{"missing and refused", trapOf("stat", "secret/x/y"), killed("/secret/x/y")},
		{"not a directory", trapOf("stat", "r/f/x"), fails("/r/f/x", syscall.ENOTDIR)},
		{"unlink a link", trapOf("unlink", "w/out"), allow("/w/out")},
		{"unlink", trapOf("unlink", "r/f"), killed("/r/f")},
		{"rename in", trapOf("rename", "r/f", "w/f"), killed("/r/f")},
		{"rename out", trapOf("rename", "w/f", "r/g"), killed("/r/g")},
		{"rename", trapOf("rename", "w/f", "w/g"), allow("/w/f")},
		{"hard link", trapOf("link", "r/f", "w/g"), killed("/r/f")},
		{"symlink", trapOf("symlink", "/etc/shadow", "w/g"), allow("/w/g")},
		{"symlinkat", trapOf("symlinkat", "w/g", atFDCWD, "r/g"), killed("/r/g")},
		{"chmod", trapOf("chmod", "r/f", 0o777), killed("/r/f")},
		{"exec", trapOf("execve", "r/f", 0, 0), killed("/r/f")},
		{"unreadable", trapOf("stat", 0), Decision{Kind: Fail, Errno: syscall.EFAULT}},
		{"bad descriptor", trapOf("openat", 9999, "f", 0), Decision{Kind: Fail, Errno: syscall.EBADF}},
	} {
		got := e.Decide(c.trap)
		if refused := got.Kind == Kill && got.Path != ""; refused != (len(got.Uses) > 0) {
			t.Errorf("%s: decision %d about %v", c.what, got.Kind, got.Uses)
		}
		got.Uses = nil
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.what, diff)
		}
	}
}

// TestProgram proves that the program's own file may be read and executed, and
// no more.
func TestProgram(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.WriteFile(root+"/prog", []byte("data"), 0o755))
	must(t, os.Symlink("prog", root+"/link"))
	config := EngineConfig{Dir: root, Program: "./link", Policy: &policy.Policy{Files: policy.Files{Default: kill}}}
	e := newEngine(t, config)
	for _, c := range []struct {
		trap *Trap
		want Kind
	}{
		{trapOf("open", root+"/prog", 0), Allow},
		{trapOf("open", root+"/prog", syscall.O_RDWR), Kill},
		{trapOf("execve", root+"/prog", 0, 0), Allow},
		{trapOf("execve", root+"/link", 0, 0), Allow},
		{trapOf("stat", root), Allow},
		{trapOf("open", root, 0), Kill},
		{trapOf("stat", root+"/other"), Kill},
	} {
		if got := e.Decide(c.trap); got.Kind != c.want {
			t.Errorf("%s %v: %+v", c.trap.Name(), c.want, got)
		}
	}
	config.Policy.Files.Rules = []policy.FileRule{{Pattern: root + "/prog", Do: kill}}
	if got := newEngine(t, config).Decide(trapOf("open", root+"/prog", 0)); got.Kind != Kill {
		t.Errorf("a rule about the program's file: %+v", got)
	}
}

// TestRulesAreCanonical proves that a rule which names a link applies to what
// the link leads to, but that none names Belljar's own process.
func TestRulesAreCanonical(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	must(t, os.MkdirAll(root+"/usr/lib", 0o755))
	must(t, os.Symlink("usr/lib", root+"/lib"))
	var r resolver
	defer r.close()
	for path, want := range map[string]string{
		root + "/lib/x/y":  root + "/usr/lib/x/y",
		root + "/lib":      root + "/usr/lib",
		root + "/none/x":   root + "/none/x",
		"/proc/self/maps":  "/proc/self/maps",
		"/proc/self/fd/0":  "/proc/self/fd/0",
		"/dev/fd/0":        "/proc/self/fd/0",
		"/proc/self/cwd/x": "/proc/self/cwd/x",
		"/":                "/",
	} {
		fd, err := os.Open("/")
		must(t, err)
		if got := r.canonicalRule(int(fd.Fd()), path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		must(t, fd.Close())
	}
	if r.opened {
		t.Error("a rule's root became the run's")
	}
}

// TestCounts proves that call N+1 gets the count's action, over all threads.
func TestCounts(t *testing.T) {
	e := newEngine(t, EngineConfig{Policy: &policy.Policy{Counts: []policy.Count{
		{Call: "socket", Max: 100, Do: eacces, Pos: at12("count")},
		{Call: "execve", Max: 0},
	}}})
	var mu sync.Mutex
	kinds := map[Kind]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 30 {
				d := e.Decide(trapOf("socket", 1, 1, 0))
				mu.Lock()
				kinds[d.Kind]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if kinds[Allow] != 100 || kinds[Deny] != 20 {
		t.Errorf("decisions %v, want 100 allowed and 20 denied", kinds)
	}
	if d := e.Decide(trapOf("execve", "/bin/true", 0, 0)); d.Kind != Kill {
		t.Errorf("execve: %+v", d)
	}
	want := map[string]bool{"socket": true, "execve": true}
	if diff := cmp.Diff(want, e.TrapCalls()); diff != "" {
		t.Error(diff)
	}
}

type handlerFunc func(*Trap) Decision

func (f handlerFunc) Handle(t *Trap) Decision { return f(t) }

// TestUser proves when a user's handler is asked, and that what it says stands.
func TestUser(t *testing.T) {
	asks := policy.Policy{
		Rules: []policy.Rule{
			{Call: "socket", When: []policy.Cond{{Arg: 0, Op: policy.Eq, Values: []uint64{2}}}, Do: policy.Action{Kind: policy.Trap}},
			{Call: "open", Do: policy.Action{Kind: policy.Trap}},
			{Call: "socket", Do: eacces},
		},
		Files: policy.Files{Default: kill},
	}
	var seen []Decision
	e := newEngine(t, EngineConfig{Policy: &asks,
		User:    handlerFunc(func(t *Trap) Decision { return Decision{Kind: Return, Value: 7} }),
		Observe: func(_ *Trap, d Decision) { seen = append(seen, d) },
	})
	for _, c := range []struct {
		trap *Trap
		want Decision
	}{
		{trapOf("socket", 2, 1, 0), Decision{Kind: Return, Value: 7}},
		{trapOf("socket", 1, 1, 0), Decision{Kind: Deny, Errno: syscall.EACCES}},
		{trapOf("open", "/etc/passwd", 0), Decision{Kind: Return, Value: 7}},
		{trapOf("stat", "/etc/passwd"), Decision{Kind: Kill, Path: "/etc/passwd", Uses: []Use{{Path: "/etc/passwd", Access: policy.Stat}}}},
		{&Trap{Arch: syscalls.I386, Nr: 1}, Decision{}},
		{&Trap{Arch: syscalls.AMD64, Nr: 100000}, Decision{}},
	} {
		if diff := cmp.Diff(c.want, e.Decide(c.trap)); diff != "" {
			t.Errorf("%s:\n%s", c.trap.Name(), diff)
		}
	}
	if len(seen) != 6 {
		t.Errorf("observed %d decisions", len(seen))
	}
	if d := newEngine(t, EngineConfig{Policy: &asks}).Decide(trapOf("open", "/", 0)); d.Kind != Kill {
		t.Errorf("without a handler: %+v", d)
	}
}

// TestTrapCalls proves that calls trap only where there is something to decide.
func TestTrapCalls(t *testing.T) {
	observe := func(*Trap, Decision) {}
	for _, c := range []struct {
		what  string
		files policy.Files
		watch func(*Trap, Decision)
		want  bool
	}{
		{what: "nothing about files"},
		{what: "every path allowed", files: policy.Files{Default: policy.Action{Kind: policy.Allow}}},
		{what: "every path allowed, observed", watch: observe, want: true},
		{what: "a default", files: policy.Files{Default: eacces}, want: true},
		{what: "a grant", files: policy.Files{Rules: []policy.FileRule{{Pattern: "/usr/**", Grant: policy.Read}}}, want: true},
		{what: "a refusal", files: policy.Files{Default: policy.Action{Kind: policy.Allow},
			Rules: []policy.FileRule{{Pattern: "/etc/**", Do: kill}}}, want: true},
	} {
		e := newEngine(t, EngineConfig{Dir: "/", Policy: &policy.Policy{Files: c.files}, Observe: c.watch})
		traps := e.TrapCalls()
		if traps["openat"] != c.want || traps["execve"] != c.want || traps["read"] {
			t.Errorf("%s: traps %v", c.what, traps)
		}
		for _, call := range []string{"openat", "execve", "read", "no such call"} {
			if e.Traps(call) != traps[call] {
				t.Errorf("%s: %s traps: %t", c.what, call, e.Traps(call))
			}
		}
	}
}

// TestLooking proves that calls which only look trap unless there is nothing
// that they may not look at and nobody who observes them, and that all others trap.
func TestLooking(t *testing.T) {
	observe := policy.Observe()
	refuses := policy.Extend(observe, &policy.Policy{Files: policy.Files{Rules: []policy.FileRule{{Pattern: "/etc/shadow", Do: policy.Action{Kind: policy.Kill}}}}})
	for _, tt := range []struct {
		name  string
		cfg   EngineConfig
		looks bool // such calls trap
	}{
		{"observe", EngineConfig{Policy: observe}, false},
		{"observe and a refusal", EngineConfig{Policy: refuses}, true},
		{"observe and an observer", EngineConfig{Policy: observe, Observe: func(*Trap, Decision) {}}, true},
		{"observe and who wants paths", EngineConfig{Policy: observe, Resolve: true}, true},
	} {
		e, err := newEngine(t, tt.cfg).ForRun("")
		must(t, err)
		for _, call := range []string{"newfstatat", "statx", "statfs", "faccessat2", "readlinkat"} {
			if got := e.Traps(call); got != tt.looks {
				t.Errorf("%s: %s traps: %v", tt.name, call, got)
			}
		}
		for _, call := range []string{"openat", "open_tree", "name_to_handle_at", "unlinkat", "execve", "chdir", "inotify_add_watch"} {
			if !e.Traps(call) {
				t.Errorf("%s: %s does not trap", tt.name, call)
			}
		}
		e.Close()
	}
}
