package trace_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/trace"
)

// program is a real program whose calls are compared with what strace sees.
// {dir} is a directory of its own.
type program struct {
	name string
	tool string // without which the case is skipped
	args []string
}

var programs = []program{
	{"cat", "cat", []string{"cat", "/etc/passwd", "/nonexistent"}},
	{"ls", "ls", []string{"ls", "-l", "/etc"}},
	{"sort", "sort", []string{"sort", "--parallel=1", "/etc/passwd"}},
	{"sed", "sed", []string{"sed", "-n", "1p", "/etc/passwd"}},
	{"grep", "grep", []string{"grep", "-r", "root", "/etc/passwd"}},
	{"find", "find", []string{"find", "/etc", "-maxdepth", "1", "-name", "p*"}},
	{"tar", "tar", []string{"tar", "cf", "{dir}/out.tar", "-C", "/etc", "passwd", "hostname"}},
	{"cp", "cp", []string{"cp", "-p", "/etc/passwd", "{dir}/copy"}},
	{"python", "python3", []string{"python3", "-c", "import json, os; print(json.dumps(os.listdir('/etc/apt')))"}},
	{"gcc", "gcc", []string{"gcc", "-c", "-x", "c", "/dev/null", "-o", "{dir}/out.o"}},
	{"sqlite", "sqlite3", []string{"sqlite3", "{dir}/data.db", "create table t(x); insert into t values (1); select * from t"}},
	{"git", "git", []string{"git", "init", "-q", "{dir}/repository"}},
	{"shell", "sh", []string{"sh", "-c", "exec 3</etc/passwd; read x <&3; test -d /etc && umask 077 && cd /tmp && echo $x"}},
}

// The calls of each thread are those that strace sees, in the same order, and
// are shown in the same words.
func TestSameAsStrace(t *testing.T) {
	testkit.Leaks(t)
	strace := testkit.Tool(t, "strace")
	differs := map[string][]string{}
	calls := map[string]int{}
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			testkit.Tool(t, p.tool)
			dir := testkit.Dir(t)
			theirs := straced(t, strace, p.command(t, dir+"/1"))
			ours := recorded(t, p.command(t, dir+"/2"))
			compareThreads(t, theirs, ours, differs, calls)
		})
	}
	names := slices.SortedFunc(mapKeys(calls), func(a, b string) int { return calls[b] - calls[a] })
	for i, name := range names {
		if d := differs[name]; len(d) > 0 && i < 60 {
			t.Errorf("%s (%d calls): %d are shown differently, such as\n%s", name, calls[name], len(d), d[0])
		}
	}
	t.Logf("%d different calls, %d in all", len(names), sum(calls))
}

// command makes the directory, whose name is as long for both.
func (p program) command(t *testing.T, dir string) []string {
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	args := slices.Clone(p.args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "{dir}", dir)
	}
	return args
}

// thread is the calls of one thread, and the threads that it created.
type thread struct {
	calls    []shown
	children []*thread
}

type shown struct{ name, text string }

var environment = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/nonexistent"}

// streams are standard streams of the same kind for both.
func streams(t *testing.T) (in, out *os.File) {
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	out, err = os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); out.Close() })
	return in, out
}

// straced runs a command under strace, which writes a file for each thread.
func straced(t *testing.T, strace string, args []string) *thread {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "log")
	cmd := exec.Command(strace, append([]string{"-ff", "-y", "-s", "32", "-e", "signal=none", "-o", prefix, "--"}, args...)...)
	cmd.Dir, cmd.Env = "/", environment
	cmd.Stdin, cmd.Stdout = streams(t)
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // the program's status
	files, err := filepath.Glob(prefix + ".*")
	if err != nil || len(files) == 0 {
		t.Fatalf("strace has left no log: %v", err)
	}
	logs := map[string][]shown{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		tid := strings.TrimPrefix(filepath.Ext(f), ".")
		for line := range strings.Lines(string(text)) {
			if c, ok := parseCall(line); ok {
				logs[tid] = append(logs[tid], c)
			}
		}
	}
	for tid, calls := range logs {
		if len(calls) > 0 && calls[0].name == "execve" && strings.Contains(calls[0].text, "= 0") && !isChild(logs, tid) {
			logs[tid] = calls[1:] // strace's own
			return family(logs, tid)
		}
	}
	t.Fatal("no thread of strace's begins with execve")
	return nil
}

// recorded runs a command with a recorder that shows all calls.
func recorded(t *testing.T, args []string) *thread {
	t.Helper()
	var log bytes.Buffer
	r := &trace.Recorder{Sink: &trace.Text{W: &log}}
	uid, gid := os.Geteuid(), os.Getegid()
	opts := belljar.Options{Policy: &policy.Policy{Default: policy.Action{Kind: policy.Allow}}, Watch: r, UID: &uid, GID: &gid}
	in, out := streams(t)
	cmd := belljar.Command{Args: args, Env: environment, Dir: "/", Stdin: in, Stdout: out, Stderr: out}
	if _, err := belljar.PtraceRunner(opts).Run(context.Background(), cmd); err != nil {
		t.Fatal(err)
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	logs, root := map[string][]shown{}, ""
	for line := range strings.Lines(log.String()) {
		tid, rest, _ := strings.Cut(line, " ")
		if root == "" {
			root = tid
		}
		if c, ok := parseCall(strings.TrimLeft(rest, " ")); ok {
			logs[tid] = append(logs[tid], c)
		}
	}
	return family(logs, root)
}

var (
	callLine = regexp.MustCompile(`^(\w+)\((.*)\)\s+= (.*)\n?$`)
	creates  = regexp.MustCompile(`^(clone|clone3|fork|vfork)$`)
)

func parseCall(line string) (shown, bool) {
	m := callLine.FindStringSubmatch(line)
	if m == nil || m[1] == "getrandom" {
		// The C library asks for random bytes as often as those that it has,
		// from addresses, do not do.
		return shown{}, false
	}
	return shown{m[1], m[1] + "(" + m[2] + ") = " + m[3]}, true
}

func created(c shown) string {
	_, result, _ := strings.Cut(c.text[strings.LastIndex(c.text, ") = "):], ") = ")
	if !creates.MatchString(c.name) || strings.HasPrefix(result, "-1") || strings.HasPrefix(result, "?") {
		return ""
	}
	return result
}

func isChild(logs map[string][]shown, tid string) bool {
	for _, calls := range logs {
		for _, c := range calls {
			if created(c) == tid {
				return true
			}
		}
	}
	return false
}

// family orders threads by who created them.
func family(logs map[string][]shown, tid string) *thread {
	th := &thread{calls: logs[tid]}
	for _, c := range th.calls {
		if child := created(c); child != "" && logs[child] != nil {
			th.children = append(th.children, family(logs, child))
		}
	}
	return th
}

func compareThreads(t *testing.T, theirs, ours *thread, differs map[string][]string, calls map[string]int) {
	t.Helper()
	for i := range max(len(theirs.calls), len(ours.calls)) {
		a, b := at(theirs.calls, i), at(ours.calls, i)
		if a.name != b.name {
			t.Errorf("call %d is\n%s\nwith strace and\n%s\nhere", i, a.text, b.text)
			return
		}
		calls[a.name]++
		if x, y := plain(a.text), plain(b.text); x != y {
			differs[a.name] = append(differs[a.name], fmt.Sprintf("strace %s\nhere   %s", x, y))
		}
	}
	if len(theirs.children) != len(ours.children) {
		t.Errorf("strace has seen %d threads created, we %d", len(theirs.children), len(ours.children))
		return
	}
	for i := range theirs.children {
		compareThreads(t, theirs.children[i], ours.children[i], differs, calls)
	}
}

func at(calls []shown, i int) shown {
	if i < len(calls) {
		return calls[i]
	}
	return shown{"nothing", "nothing"}
}

// What differs from run to run, or is said in other words on purpose.
var differences = []struct{ pattern, plain string }{
	{`AT_FDCWD<[^>]*>`, `AT_FDCWD`}, // strace -y names the working directory as well
	{`0x[0-9a-f]{6,}`, `PTR`},
	{`belljar-test-\d+/\d`, `DIR`},
	{`(?:TestSameAsStrace)\w*?/\d+/`, `TEST/`},
	{`TestSameAsStrace_?\w*\d+`, `TEST`},
	{`/proc/\d+/`, `/proc/PID/`},
	{`(\.git/t)\w{6}`, `${1}XXXXXX`},
	{`(pwrite64\([^,]*|read\(\d+</(?:proc/PID/maps|dev/urandom)>), "(?:[^"\\]|\\.)*"(?:\.\.\.)?`, `$1, DATA`},
	{`BTRFS_IOC_CLONE or `, ``},
	{`(1[01])</dev/null>`, `N</dev/null>`}, // the shell takes the first that is free
	{`rt_sigreturn\(.*`, `rt_sigreturn()`}, // strace reads what is restored from the stack
	{`(pipe|socket):\[\d+\]`, `$1:[N]`},
	{`(/tmp/cc)\w{6}`, `${1}XXXXXX`},
	{`(get(?:pid|ppid|tid|pgrp)\(\)) = \d+`, `$1 = PID`},
	{`(set_tid_address\(PTR\)) = \d+`, `$1 = PID`},
	{`^((?:clone|clone3|fork|vfork)\(.*\)) = \d+$`, `$1 = PID`},
	{`^(wait4)\((?:-1|\d+), (.*)\) = \d+$`, `$1(PID, $2) = PID`},
	{`ru_[us]time=\{[^}]*\}`, `TIME`},
	{`sysinfo\(\{.*\}\)`, `sysinfo(...)`},
	{`tv_(sec|[un]sec)=\d+`, `tv_$1=N`},
	{`f_(blocks|bfree|bavail|files|ffree)=\d+`, `f_$1=N`},
	{` /\* \d{4}-\d\d-.*? \*/`, ``}, // strace says what a time is
}

var patterns = func() []*regexp.Regexp {
	all := make([]*regexp.Regexp, len(differences))
	for i, d := range differences {
		all[i] = regexp.MustCompile(d.pattern)
	}
	return all
}()

func plain(text string) string {
	for i, p := range patterns {
		text = p.ReplaceAllString(text, differences[i].plain)
	}
	return text
}

func mapKeys(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}
