package learn_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/learn"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/trace"
)

const secretText = "nobody is to read this"

// program is a real program, and something that it did not do when it was
// learned. {dir} is a directory that it may write to, {secret} a file outside
// of it, {url} a local server and {other} another one.
type program struct {
	name  string
	tool  string   // without which the case is skipped
	setup []string // a shell command of the test's, in {dir}
	args  []string
	worse []string // reads {secret} or reaches {other}; must not succeed
	long  bool     // compiles a standard library first: only with BELLJAR_LONG
}

var programs = []program{
	{name: "pipeline", tool: "sh", args: []string{"sh", "-c", "cat /etc/passwd | sort -r | head -n 2; echo x > {dir}/out; cat {dir}/out"},
		worse: []string{"sh", "-c", "cat {secret} | sort -r | head -n 2"}},
	{name: "gcc", tool: "gcc", setup: []string{"sh", "-c", `printf '#include <stdio.h>\nint main(){puts("built");}' > a.c`},
		args:  []string{"sh", "-c", "cd {dir} && gcc -O1 -o a a.c && ./a"},
		worse: []string{"sh", "-c", "cd {dir} && gcc -E -x c {secret}"}},
	{name: "python", tool: "python3", args: []string{"python3", "-c", "import json, re, collections, os; print(json.dumps(sorted(os.environ)))"},
		worse: []string{"python3", "-c", "print(open('{secret}').read())"}},
	{name: "python socket", tool: "python3", args: []string{"python3", "-c", "print(1)"},
		worse: []string{"python3", "-c", "import urllib.request; print(urllib.request.urlopen('{url}').read())"}},
	{name: "git", tool: "git", setup: []string{"sh", "-c", "git init -q . && git -c user.name=n -c user.email=e@x commit -q --allow-empty -m first && chmod -R a+rX ."},
		args:  []string{"git", "-C", "{dir}", "-c", "safe.directory=*", "--no-pager", "log", "--format=%s"},
		worse: []string{"git", "--no-pager", "diff", "--no-index", "/dev/null", "{secret}"}},
	{name: "tar", tool: "tar", args: []string{"tar", "cf", "-", "-C", "/etc", "passwd", "hostname"},
		worse: []string{"tar", "cf", "-", "{secret}"}},
	{name: "sqlite", tool: "sqlite3", args: []string{"sqlite3", "{dir}/data.db", "create table if not exists t(x); delete from t; insert into t values (41); select x+1 from t"},
		worse: []string{"sqlite3", ":memory:", "select readfile('{secret}')"}},
	{name: "curl", tool: "curl", args: []string{"curl", "-sS", "{url}"}, worse: []string{"curl", "-sS", "{other}"}},
	{name: "java", tool: "java", args: []string{"java", "-XX:-UsePerfData", "-Xmx64m", "-XX:+UseSerialGC", "-version"},
		worse: []string{"java", "-XX:-UsePerfData", "-Xmx64m", "-XX:+UseSerialGC", "-XX:Flags={secret}", "-version"}},
	{name: "node", tool: "node", args: []string{"node", "-e", "console.log(require('path').join('a', 'b'))"},
		worse: []string{"node", "-e", "console.log(require('fs').readFileSync('{secret}', 'utf8'))"}},
	// Its cache is filled before: what is learned is compiling one file, and linking.
	{name: "go build", tool: "go", long: true,
		setup: []string{"sh", "-c", `printf 'module example.org/m\n\ngo 1.24\n' > go.mod && printf 'package main\n\nfunc main() { println("built") }\n' > main.go && mkdir cache &&
			GOCACHE=$PWD/cache GOFLAGS= go build -o a . && chmod -R a+rwX .`},
		args:  []string{"sh", "-c", "cd {dir} && rm -f a && export GOCACHE={dir}/cache GOPROXY=off GOTOOLCHAIN=local && {go} build -o a . && ./a"},
		worse: []string{"sh", "-c", "cd {dir} && export GOCACHE={dir}/cache GOPROXY=off GOTOOLCHAIN=local && {go} tool compile {secret}"}},
	{name: "find", tool: "find", args: []string{"find", "/etc/apt", "-name", "*.list"},
		worse: []string{"find", "-files0-from", "{secret}"}},
	{name: "threads", tool: "gcc", args: []string{"{threads}", "4", "2"}, worse: []string{"/bin/cat", "{secret}"}},
}

// What is learned from a program lets it run again with the same output, and
// does not let it do what it did not do before.
func TestRoundTrip(t *testing.T) {
	testkit.Leaks(t)
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			testkit.Tool(t, p.tool)
			if p.long && os.Getenv("BELLJAR_LONG") == "" {
				t.Skip("takes long: make roundtrip")
			}
			c := newCase(t)
			c.setUp(p.setup)
			learned := c.learn(p.args)
			want := c.output
			for range 3 {
				res := c.run(learned, p.args, nil)
				if c.output != want || res.Violation != nil {
					t.Fatalf("verdict %s, violation %+v, output\n%s\nnot\n%s\nThe policy:\n%s", res.Verdict, res.Violation, c.output, want, c.yaml)
				}
			}
			if free := c.run(policy.Observe(), p.worse, nil); !c.reached() && free.Verdict == belljar.OK {
				t.Logf("without a policy the variation says %q", c.output)
			}
			c.run(learned, p.worse, nil)
			if c.reached() {
				t.Errorf("the variation succeeds: %s\nThe policy:\n%s", c.output, c.yaml)
			}
		})
	}
}

// attempt is one program with its surroundings.
type attempt struct {
	t            *testing.T
	replace      *strings.Replacer
	dir, output  string
	yaml         []byte
	visits       int // of the server that must not be reached
	visitsBefore int
}

func newCase(t *testing.T) *attempt {
	c := &attempt{t: t, dir: testkit.Dir(t)}
	secret := filepath.Join(testkit.Dir(t), "secret")
	if err := os.WriteFile(secret, []byte(secretText), 0o644); err != nil {
		t.Fatal(err)
	}
	answer := func(text string, count *int) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			*count++
			fmt.Fprintln(w, text)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	var ignored int
	goTool, err := exec.LookPath("go")
	if err != nil {
		goTool = "go"
	}
	threads := testkit.Program(t, "c/threads", "dynamic")[0]
	c.replace = strings.NewReplacer("{dir}", c.dir, "{secret}", secret, "{threads}", threads, "{go}", goTool,
		"{url}", answer("hello", &ignored), "{other}", answer(secretText, &c.visits))
	return c
}

func (c *attempt) setUp(command []string) {
	if len(command) == 0 {
		return
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "HOME="+c.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("%v: %v\n%s", command, err, out)
	}
	if err := os.Chmod(c.dir, 0o777); err != nil {
		c.t.Fatal(err)
	}
}

// reached reports whether the last run has seen what it must not.
func (c *attempt) reached() bool {
	return strings.Contains(c.output, secretText) || c.visits > c.visitsBefore
}

func (c *attempt) learn(args []string) *policy.Policy {
	c.t.Helper()
	var seen learn.Observations
	res := c.run(policy.Observe(), args, &seen)
	if res.Verdict != belljar.OK {
		c.t.Fatalf("verdict %s, violation %+v: %s", res.Verdict, res.Violation, c.output)
	}
	text, err := seen.YAML([]string{strings.Join(args, " ")}, learn.Limits{CPU: res.CPU})
	if err != nil {
		c.t.Fatal(err)
	}
	c.yaml = text
	p, err := policy.Parse("learned.yaml", text)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// run runs a command, and if to is not nil, observes it.
func (c *attempt) run(p *policy.Policy, args []string, to *learn.Observations) *belljar.Result {
	c.t.Helper()
	args = append([]string(nil), args...)
	for i := range args {
		args[i] = c.replace.Replace(args[i])
	}
	opts := belljar.Options{Policy: p}
	var recorder *trace.Recorder
	if to != nil {
		recorder = &trace.Recorder{Sink: to}
		opts.Watch, opts.Observe = recorder, func(*supervise.Trap, supervise.Decision) {}
	}
	c.visitsBefore = c.visits
	var out bytes.Buffer
	cmd := belljar.Command{Args: args, Env: []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "LANG=C.UTF-8"}, Dir: c.dir, Stdout: &out, Stderr: &out}
	res, err := belljar.PtraceRunner(opts).Run(context.Background(), cmd)
	if err != nil {
		c.t.Fatal(err)
	}
	if recorder != nil && recorder.Err() != nil {
		c.t.Fatal(recorder.Err())
	}
	c.output = out.String()
	return res
}
