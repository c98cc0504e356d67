package ptrace_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
)

// diary is a watcher that writes down what it is told.
type diary struct {
	only  string // the one call that it watches, "" for all
	lines []string
	calls int // entered and not returned
}

func (d *diary) Watches(call string) bool { return d.only == "" || d.only == call }

func (d *diary) Entered(*supervise.Trap) { d.calls++ }

func (d *diary) Returned(t *supervise.Trap, dec supervise.Decision, result uint64) {
	d.calls--
	line := fmt.Sprintf("%s %d", t.Name(), int64(result))
	if t.Name() == "openat" {
		path, _ := t.Path(1)
		line = fmt.Sprintf("openat %s %v", path, int64(result) >= 0)
	}
	if dec.Kind == supervise.Deny {
		line += " denied"
	}
	d.lines = append(d.lines, line)
}

func (d *diary) Signalled(_, _ int, s supervise.SignalInfo) {
	d.lines = append(d.lines, fmt.Sprintf("signal %d", s.Signal))
}

func (d *diary) Forked(pid, tid, child int, thread bool) {
	d.lines = append(d.lines, fmt.Sprintf("forked thread=%t", thread))
}

func (d *diary) Executed(pid, former int) { d.lines = append(d.lines, "executed") }

func (d *diary) Ended(pid, tid int, status syscall.WaitStatus) {
	d.lines = append(d.lines, fmt.Sprintf("ended %d", status))
}

// watch runs a command and returns what the watcher saw and the output.
func watch(t *testing.T, p *policy.Policy, d *diary, args ...string) (*belljar.Result, string) {
	t.Helper()
	var out bytes.Buffer
	cmd := belljar.Command{Args: args, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: &out, Stderr: &out}
	res, err := belljar.PtraceRunner(belljar.Options{Policy: p, Watch: d}).Run(context.Background(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return res, out.String()
}

// anything allows all calls and decides no path.
func anything() *policy.Policy { return &policy.Policy{Default: policy.Action{Kind: policy.Allow}} }

// A watcher sees the program begin, every call with its result, and the end.
func TestWatcherSeesAll(t *testing.T) {
	d := &diary{}
	_, out := watch(t, anything(), d, testkit.Program(t, "c/hello", "static")...)
	if out == "" {
		t.Error("the program wrote nothing")
	}
	if d.lines[0] != "executed" || d.lines[len(d.lines)-1] != "ended 0" {
		t.Errorf("begins with %q and ends with %q", d.lines[0], d.lines[len(d.lines)-1])
	}
	if !slices.Contains(d.lines, fmt.Sprintf("write %d", len(out))) {
		t.Errorf("no write of %d bytes in %q", len(out), d.lines)
	}
	if d.calls != 1 {
		t.Errorf("%d calls did not return; only exit_group does not", d.calls)
	}
}

// What the tracer answers or makes in a call's place is seen as the program's
// own call, once.
func TestWatcherSeesOwnCalls(t *testing.T) {
	p := policy.Observe()
	p.Files.Rules = append(p.Files.Rules, policy.FileRule{Pattern: "/etc/hostname", Do: policy.Action{Kind: policy.Deny, Errno: 13}})
	d := &diary{only: "openat"}
	watch(t, p, d, "/bin/cat", "/etc/passwd", "/etc/hostname")
	for _, want := range []string{"openat /etc/passwd true", "openat /etc/hostname false denied"} {
		if n := count(d.lines, want); n != 1 {
			t.Errorf("%q is there %d times in %q", want, n, d.lines)
		}
	}
	if i := slices.IndexFunc(d.lines, func(l string) bool { return strings.HasPrefix(l, "mmap") || strings.HasPrefix(l, "openat2") }); i >= 0 {
		t.Errorf("%q is no call that was to be watched", d.lines[i])
	}
}

// A policy refuses the same with a watcher as without.
func TestWatcherChangesNoVerdict(t *testing.T) {
	for _, c := range []struct {
		name    string
		policy  *policy.Policy
		args    []string
		verdict belljar.Verdict
		call    string
	}{
		{"killed by name", policy.Judge(), []string{"/bin/sh", "-c", "echo $(exit 1)"}, belljar.Violation, "clone"},
		{"killed by path", policy.Judge(), []string{"/bin/cat", "/etc/passwd"}, belljar.Violation, "openat"},
		{"allowed", policy.Judge(), []string{"/bin/echo", "x"}, belljar.OK, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &diary{}
			res, _ := watch(t, c.policy, d, c.args...)
			if res.Verdict != c.verdict {
				t.Fatalf("verdict %s, violation %+v", res.Verdict, res.Violation)
			}
			if c.call != "" && (res.Violation.Syscall != c.call && res.Violation.Syscall != "vfork" || res.Violation.Rule == "") {
				t.Errorf("violation %+v", res.Violation)
			}
		})
	}
}

// Forks, threads, other programs and signals are told of.
func TestWatcherSeesLives(t *testing.T) {
	d := &diary{only: "none"}
	watch(t, anything(), d, "/bin/sh", "-c", "/bin/true; kill -USR1 $$")
	if n := count(d.lines, "forked thread=false"); n != 1 {
		t.Errorf("%d forks", n)
	}
	if n := count(d.lines, "executed"); n != 2 {
		t.Errorf("%d executed", n)
	}
	for _, want := range []string{fmt.Sprintf("signal %d", syscall.SIGCHLD), fmt.Sprintf("signal %d", syscall.SIGUSR1), fmt.Sprintf("ended %d", syscall.SIGUSR1)} {
		if !slices.Contains(d.lines, want) {
			t.Errorf("no %q in %q", want, d.lines)
		}
	}
	d = &diary{}
	watch(t, anything(), d, append(testkit.Program(t, "c/threads", "dynamic"), "2", "0")...)
	if n := count(d.lines, "forked thread=true"); n == 0 {
		t.Error("no threads")
	}
}

// An execve from another thread than the first is one call that returns.
func TestWatcherExecThread(t *testing.T) {
	d := &diary{only: "execve"}
	watch(t, anything(), d, append(testkit.Program(t, "c/execthread", "dynamic"), "/bin/true")...)
	if n := count(d.lines, "executed"); n != 2 {
		t.Errorf("%d executed: %q", n, d.lines)
	}
	if count(d.lines, "execve 0") != 1 || d.calls != 0 {
		t.Errorf("execve did not return: %q", d.lines)
	}
}

func count(lines []string, want string) (n int) {
	for _, l := range lines {
		if l == want {
			n++
		}
	}
	return n
}
