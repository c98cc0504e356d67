package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/belljar/belljar/internal/testkit"
)

func TestMain(m *testing.M) {
	testscript.Main(testkit.Tests{M: m}, map[string]func(){"belljar": main})
}

// sandboxFlags are how "run" in a script is contained. Scripts whose names
// start with "run" are played in each; all others once.
var sandboxFlags = map[string][]string{
	"default": nil,
	"ptrace":  {"--supervisor=ptrace", "--no-unshare"},
	"notify":  {"--supervisor=notify", "--no-unshare"},
	"unshare": {"--supervisor=none", "--unshare"},
}

func TestCommands(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	once := slices.DeleteFunc(scripts, func(name string) bool { return strings.HasPrefix(filepath.Base(name), "run") })
	play(t, nil, once)
}

// TestRun plays the scripts about runs in every sandbox.
func TestRun(t *testing.T) {
	scripts, err := filepath.Glob("testdata/run*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(sandboxFlags)) {
		t.Run(name, func(t *testing.T) {
			switch name {
			case "unshare":
				testkit.Namespaces(t)
			case "notify":
				testkit.Notify(t)
			}
			play(t, sandboxFlags[name], scripts)
		})
	}
}

// marks numbers what scripts give their programs to be told apart by, from
// those of other scripts and, with this process's number, of other tests.
var marks atomic.Int64

func play(t *testing.T, flags, scripts []string) {
	testkit.Leaks(t)
	// Where the program of a run by root can reach it, as t.TempDir is not.
	work := testkit.Dir(t)
	testscript.Run(t, testscript.Params{
		Files:       scripts,
		WorkdirRoot: work,
		Setup: func(e *testscript.Env) error {
			e.Setenv("SANDBOX", "default")
			for name, f := range sandboxFlags {
				if slices.Equal(f, flags) {
					e.Setenv("SANDBOX", name)
				}
			}
			e.Setenv("UID", strconv.Itoa(os.Geteuid()))
			e.Setenv("MARK", fmt.Sprintf("9%d.%d", os.Getpid(), marks.Add(1)))
			return os.Chmod(e.WorkDir, 0o777)
		},
		Condition: func(cond string) (bool, error) {
			switch name, value, _ := strings.Cut(cond, ":"); name {
			case "sandbox":
				return slices.Equal(sandboxFlags[value], flags), nil
			case "root":
				return os.Geteuid() == 0, nil
			case "unfiltered":
				status, err := os.ReadFile("/proc/self/status")
				return strings.Contains(string(status), "Seccomp:\t0\n"), err
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"run": func(ts *testscript.TestScript, neg bool, args []string) {
				status(ts, neg, slices.Concat([]string{args[0], "belljar", "run"}, flags, args[1:]))
			},
			"status":  status,
			"oneline": oneLine,
			"result":  checkResult,
			"gone":    gone,
		},
	})
}

// status runs a program and compares its exit status: status N PROGRAM ARG...
func status(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if neg || err != nil {
		ts.Fatalf("usage: status N PROGRAM [ARG...]")
	}
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("%s: status %d, not %d", strings.Join(args[1:], " "), got, want)
	}
}

// oneLine checks that the last program said one line on standard error, that
// it is Belljar's, and that it left standard output alone.
func oneLine(ts *testscript.TestScript, neg bool, args []string) {
	text := ts.ReadFile("stderr")
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "belljar: ") {
		ts.Fatalf("not one line of belljar's on stderr: %q", text)
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("something on stdout: %q", out)
	}
}

// resultKeys is the contract of --result.
var resultKeys = []string{"verdict", "exit_code", "signal", "limit", "violation", "cpu_ns", "user_ns", "system_ns",
	"wall_ns", "setup_ns", "memory_peak", "memory_source", "cpu_source", "processes_peak", "output_bytes", "traps",
	"denied", "supervisor", "enforcement"}

// checkResult reads the JSON in a file's last line, checks its keys, and
// compares values: result FILE KEY=VALUE...
func checkResult(ts *testscript.TestScript, neg bool, args []string) {
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile(args[0]), "\n"), "\n")
	var result map[string]any
	in := json.NewDecoder(strings.NewReader(lines[len(lines)-1]))
	in.UseNumber()
	if err := in.Decode(&result); err != nil {
		ts.Fatalf("%v in %q", err, lines[len(lines)-1])
	}
	if got, want := slices.Sorted(maps.Keys(result)), slices.Sorted(slices.Values(resultKeys)); !slices.Equal(got, want) {
		ts.Fatalf("keys %v, not %v", got, want)
	}
	for _, pair := range args[1:] {
		path, want, _ := strings.Cut(pair, "=")
		var value any = result
		for key := range strings.SplitSeq(path, ".") {
			object, _ := value.(map[string]any)
			value = object[key]
		}
		if got := fmt.Sprint(value); got != want {
			ts.Fatalf("%s is %q, not %q", path, got, want)
		}
	}
}

// gone waits until no process has this word among its arguments. What SIGKILL
// has been sent to may take a while to end on a busy machine.
func gone(ts *testscript.TestScript, neg bool, args []string) {
	var left string
	for try := 0; try < 1000; try++ {
		if left = withArgument(args[0]); left == "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("still there: %s", left)
}

// withArgument returns a process that has a word among its arguments, "" if
// there is none.
func withArgument(word string) string {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		line, _ := os.ReadFile(f)
		if slices.ContainsFunc(bytes.Split(line, []byte{0}), func(w []byte) bool { return string(w) == word }) {
			return fmt.Sprintf("%s: %q", f, line)
		}
	}
	return ""
}
