package honest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
	"github.com/belljar/belljar/test/cases"
)

func TestMain(m *testing.M) {
	cases.Warm()
	testkit.Main(m)
}

// program is something that people run every day.
type program struct {
	name  string
	tools []string          // without which it is skipped
	files map[string]string // its directory: name to file of testdata
	first []string          // run outside before, for what is not of interest
	args  []string
	stdin string
	// untidy says that what it leaves is not the same twice, for times in it.
	untidy bool
	slow   bool // left out with -short
}

var all = []program{
	{name: "sh", files: map[string]string{"pipes.sh": "pipes.sh"}, args: sh("sh pipes.sh")},
	{name: "gcc", tools: []string{"gcc"}, files: sources, args: sh("gcc -O1 -DLEVEL=3 -o prog main.c part.c && ./prog a b")},
	{name: "g++", tools: []string{"g++"}, files: map[string]string{"main.cpp": "main.cpp"},
		args: sh("g++ -std=c++17 -o prog main.cpp -pthread && ./prog"), untidy: true},
	{name: "make", tools: []string{"gcc", "make"}, files: sources, args: sh("make -s -j4 && ./prog && make -q && make clean && ls")},
	{name: "python", tools: []string{"python3"}, files: map[string]string{"project.py": "project.py"}, args: []string{"/usr/bin/python3", "project.py"}},
	{name: "git", tools: []string{"git"}, untidy: true,
		first: sh("git init -q one && cd one && git config user.name N && git config user.email n@example.org && " +
			"for i in 1 2 3; do echo $i >f$i; git add . && git commit -qm c$i; done"),
		args: sh("git clone -q one two 2>&1; cd two && git log --format=%s && git checkout -qb side HEAD~1 && echo x >>f1 && git diff --stat && git status --short && git fsck")},
	{name: "tar", files: map[string]string{"a": "main.c", "b": "pipes.sh"},
		args: sh("mkdir -p d/e && ln -s ../a d/link && ln a d/hard && chmod 600 b && tar cf t.tar a b d && mkdir x && tar xpf t.tar -C x && " +
			"tar tvf t.tar | cut -c1-10 && diff -r d x/d && stat -c '%a %h %N' x/b x/d/* | cut -d' ' -f1-2 && tar dvf t.tar | sort && rm t.tar")},
	{name: "find", slow: true, args: []string{"/usr/bin/find", "/usr/lib/gcc", "/etc/alternatives", "-printf", "%p %y %m %s %l\n"}},
	{name: "sqlite3", tools: []string{"sqlite3"}, args: sh("sqlite3 db 'create table t(n); insert into t values(1),(2); begin; insert into t values(3); commit; select sum(n) from t; vacuum' && ls")},
	{name: "node", tools: []string{"node"}, files: map[string]string{"files.js": "files.js"}, args: sh("node files.js"), stdin: "from stdin"},
	{name: "java", slow: true, tools: []string{"java", "javac"}, files: map[string]string{"Files.java": "Files.java"}, first: sh("javac Files.java"),
		args: sh("java -Xshare:auto -XX:-UsePerfData Files")},
	{name: "go", slow: true, tools: []string{"go"}, files: map[string]string{"hello.go": "hello.go.txt"}, untidy: true,
		first: sh("go build -o other hello.go"), args: sh("go build -o hello hello.go && ./hello && go vet hello.go && cmp hello other && cat written")},
}

func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

var sources = map[string]string{"main.c": "main.c", "part.c": "part.c", "part.h": "part.h", "Makefile": "Makefile.txt"}

// TestHonest proves that a program does not notice that each of its calls is
// decided, and each of its paths.
func TestHonest(t *testing.T) {
	for _, p := range all {
		t.Run(p.name, func(t *testing.T) {
			if testing.Short() && p.slow {
				t.Skip("it takes long; the tests as root run it")
			}
			for _, tool := range p.tools {
				testkit.Tool(t, tool)
			}
			want := p.outside(t)
			for _, s := range cases.Sandboxes {
				if !s.Supervised() || s.Private() {
					continue
				}
				t.Run(s.Name, func(t *testing.T) {
					got := p.inside(t, s)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("outside (-) and inside (+):\n%s", diff)
					}
				})
			}
		})
	}
}

// outcome is what can be seen of a run.
type outcome struct {
	Stdout, Stderr string
	Exit           int
	Files          []string
}

// workDir makes a program's directory, always at the same place, so that
// paths in its output are the same.
func (p *program) workDir(t *testing.T, base string) string {
	t.Helper()
	dir := filepath.Join(base, "work")
	check(t, os.RemoveAll(dir))
	check(t, os.Mkdir(dir, 0o755))
	for name, from := range p.files {
		text, err := os.ReadFile(filepath.Join("testdata", from))
		check(t, err)
		check(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
		check(t, chown(filepath.Join(dir, name)))
	}
	check(t, chown(dir))
	if p.first != nil {
		cmd := p.command(dir, p.first)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", p.first, err, out)
		}
	}
	return dir
}

// chown gives a file to whom programs run as.
func chown(name string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(name, testkit.Nobody, testkit.Nobody)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func environment(dir string) []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/go/bin", "HOME=" + dir, "TMPDIR=" + dir, "LC_ALL=C.UTF-8", "TZ=UTC",
		"GOCACHE=" + filepath.Join(filepath.Dir(dir), "gocache"), "GOFLAGS=-trimpath", "GO111MODULE=off", "GOTOOLCHAIN=local", "GOTELEMETRY=off", "CGO_ENABLED=0",
		"GIT_CONFIG_NOSYSTEM=1", "PYTHONDONTWRITEBYTECODE=1", "SOURCE_DATE_EPOCH=0"}
}

// command is a program run outside, as whom it would run as inside.
func (p *program) command(dir string, args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, environment(dir)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: testkit.Nobody, Gid: testkit.Nobody}}
	}
	return cmd
}

// base is a directory for one program, for its runs outside and inside.
func (p *program) base(t *testing.T) string {
	t.Helper()
	base := filepath.Join(os.TempDir(), "belljar-honest-"+p.name)
	check(t, os.MkdirAll(base, 0o755))
	check(t, chown(base))
	t.Cleanup(func() { os.RemoveAll(base) })
	return base
}

func (p *program) outside(t *testing.T) outcome {
	t.Helper()
	dir := p.workDir(t, p.base(t))
	cmd := p.command(dir, p.args)
	stdin, toStdin := pipe(t)
	fromStdout, stdout := pipe(t)
	fromStderr, stderr := pipe(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	check(t, cmd.Start())
	for _, f := range []*os.File{stdin, stdout, stderr} {
		f.Close()
	}
	errs := make(chan string)
	go func() {
		io.WriteString(toStdin, p.stdin) // a program that does not read it is none of ours
		toStdin.Close()
		text, _ := io.ReadAll(fromStderr)
		errs <- string(text)
	}()
	out, err := io.ReadAll(fromStdout)
	check(t, err)
	text := <-errs
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return outcome{string(out), text, cmd.ProcessState.ExitCode(), p.left(t, dir)}
}

// pipe returns a pipe that a program may open anew by /dev/stdin and its like,
// as it may inside.
func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	check(t, err)
	if os.Geteuid() == 0 {
		check(t, r.Chown(testkit.Nobody, testkit.Nobody))
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

func (p *program) inside(t *testing.T, s cases.Sandbox) outcome {
	t.Helper()
	dir := p.workDir(t, p.base(t))
	umask := syscall.Umask(0)
	syscall.Umask(umask)
	decided := 0
	opts := belljar.Options{
		Policy: everyCall(), Supervisor: s.Supervisor, Unshare: s.Unshare, Umask: &umask,
		Limits:  belljar.Limits{Wall: 10 * time.Minute},
		Observe: func(_ *supervise.Trap, d supervise.Decision) { decided++ },
	}
	var stdout, stderr bytes.Buffer
	cmd := belljar.Command{Args: p.args, Dir: dir, Env: environment(dir), Stdin: strings.NewReader(p.stdin), Stdout: &stdout, Stderr: &stderr}
	res, err := belljar.Run(context.Background(), cmd, opts)
	check(t, err)
	if res.Verdict != belljar.OK && res.Verdict != belljar.NonzeroExit {
		t.Fatalf("verdict %s, violation %+v\nstdout %q\nstderr %q", res.Verdict, res.Violation, stdout.String(), stderr.String())
	}
	if decided < 100 {
		t.Errorf("only %d calls were decided", decided)
	}
	return outcome{stdout.String(), stderr.String(), res.ExitCode, p.left(t, dir)}
}

// everyCall is the observe preset with a count, too high to be reached, of every
// call that it allows: so each is brought to the supervisor.
func everyCall() *policy.Policy {
	p := policy.Observe()
	for nr, name := range syscalls.AMD64.Calls() {
		action, _ := p.Decide(syscalls.AMD64, nr, [6]uint64{})
		if action.Kind == policy.Allow {
			p.Counts = append(p.Counts, policy.Count{Call: name, Max: 1 << 62, Do: policy.Action{Kind: policy.Kill}})
		}
	}
	return p
}

// left lists the files that a program left: mode, links, size and where a
// link leads, and what is in them.
func (p *program) left(t *testing.T, dir string) []string {
	t.Helper()
	if p.untidy {
		return nil
	}
	var list []string
	check(t, filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		list = append(list, describe(t, dir, name))
		return nil
	}))
	return list
}
