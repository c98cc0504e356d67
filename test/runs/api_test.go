package runs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/test/cases"
)

// TestResultKeys proves the contract of the result's JSON form: these keys,
// always present, and no others.
func TestResultKeys(t *testing.T) {
	want := []string{"cpu_ns", "cpu_source", "denied", "enforcement", "exit_code", "limit", "memory_peak", "memory_source",
		"output_bytes", "processes_peak", "setup_ns", "signal", "supervisor", "system_ns", "traps", "user_ns", "verdict", "violation", "wall_ns"}
	each(t, func(t *testing.T, s sandbox) {
		for _, arg := range []string{"0", "1"} {
			res, _ := run(t, belljar.Command{Args: append(testkit.Program(t, "c/exit", "dynamic"), arg)}, s.Options(t, "judge"))
			text, err := json.Marshal(res)
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
				t.Errorf("keys: %s", diff)
			}
			if got["signal"] != "" || got["cpu_source"] == "" || got["memory_source"] == "" {
				t.Errorf("result %s", text)
			}
		}
	})
}

// TestTimes proves that the numbers of a result belong together.
func TestTimes(t *testing.T) {
	each(t, func(t *testing.T, s sandbox) {
		begin := time.Now()
		res, _ := run(t, belljar.Command{Args: append(testkit.Program(t, "c/cpu", "dynamic"), "self", "0.1")}, s.Options(t, "judge"))
		all := time.Since(begin)
		if res.Wall+res.Setup > all || res.Setup <= 0 || res.Wall < 100*time.Millisecond {
			t.Errorf("setup %v and wall %v of %v", res.Setup, res.Wall, all)
		}
		if diff := (res.User + res.System - res.CPU).Abs(); diff > 20*time.Millisecond || res.CPU > res.Wall+20*time.Millisecond {
			t.Errorf("CPU %v, user %v, system %v, wall %v", res.CPU, res.User, res.System, res.Wall)
		}
	})
}

// TestCancel proves that a run ends with its context, leaves nothing, and
// returns the context's error.
func TestCancel(t *testing.T) {
	each(t, func(t *testing.T, s sandbox) {
		args := append(testkit.Program(t, "c/sleep", "dynamic"), "100")
		testkit.Leaks(t)
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := belljar.Run(ctx, belljar.Command{Args: args}, s.Options(t, "judge"))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want %v", err, context.DeadlineExceeded)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		ended, cancelNow := context.WithCancel(context.Background())
		cancelNow()
		if _, err := belljar.Run(ended, belljar.Command{Args: args}, s.Options(t, "judge")); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	})
}

// TestNoProgram proves that what cannot be run is an error of the caller's or
// the host's, never a verdict, and leaves nothing behind.
func TestNoProgram(t *testing.T) {
	dir := testkit.Dir(t)
	plain := filepath.Join(dir, "plain")
	garbage := filepath.Join(dir, "garbage")
	for name, mode := range map[string]fs.FileMode{plain: 0o644, garbage: 0o755} {
		if err := os.WriteFile(name, []byte("\x00\x01 not a program"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name string
		cmd  belljar.Command
		want error // nil: any
	}{
		{"nothing", belljar.Command{}, nil},
		{"missing", belljar.Command{Args: []string{"/nonexistent/program"}}, fs.ErrNotExist},
		{"not in PATH", belljar.Command{Args: []string{"belljar-no-such-program"}}, fs.ErrNotExist},
		{"not executable", belljar.Command{Args: []string{plain}}, fs.ErrPermission},
		{"directory", belljar.Command{Args: []string{dir}}, fs.ErrPermission},
		{"garbage", belljar.Command{Args: []string{garbage}}, nil},
		{"missing directory", belljar.Command{Args: []string{"/bin/true"}, Dir: "/nonexistent"}, fs.ErrNotExist},
	}
	each(t, func(t *testing.T, s sandbox) {
		testkit.Leaks(t)
		for _, tt := range tests {
			res, err := belljar.Run(context.Background(), tt.cmd, s.Options(t, "judge"))
			if err == nil {
				t.Errorf("%s: no error, verdict %s", tt.name, res.Verdict)
				continue
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("%s: error %v, want %v", tt.name, err, tt.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: error of several lines: %v", tt.name, err)
			}
		}
	})
}

// TestRequire proves that a missing layer is an error before anything runs.
func TestRequire(t *testing.T) {
	opts := cases.Sandboxes[0].Options(t, "judge")
	opts.Require = []string{"namespaces"}
	dir := testkit.Dir(t)
	out := filepath.Join(dir, "out")
	_, err := belljar.Run(context.Background(), belljar.Command{Args: []string{"/usr/bin/touch", out}}, opts)
	if !errors.Is(err, belljar.ErrNotSupported) {
		t.Errorf("error %v, want %v", err, belljar.ErrNotSupported)
	}
	opts.Require = []string{"no-such-layer"}
	if _, err = belljar.Run(context.Background(), belljar.Command{Args: []string{"/usr/bin/touch", out}}, opts); err == nil {
		t.Error("a layer that does not exist is no error")
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("the program ran")
	}
}

// TestWhoami proves that a program starts with what it was given and nothing
// of Belljar's own: ids, groups, capabilities, descriptors, environment.
func TestWhoami(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	t.Setenv("BELLJAR_SECRET", "not for the program")
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = testkit.Nobody, testkit.Nobody
	}
	each(t, func(t *testing.T, s sandbox) {
		opts := s.Options(t, "observe")
		opts.Limits = belljar.Limits{Stack: 4 << 20, Files: 50}
		args := append(testkit.Program(t, "c/whoami", "dynamic"), "x y", "")
		res, out := run(t, belljar.Command{Args: args, Env: []string{"A=b", "C="}, Dir: "/usr", Files: []*os.File{w}}, opts)
		if res.Verdict != belljar.OK {
			t.Fatalf("%+v %+v\n%s", brief(res), res.Violation, out.Stderr.String())
		}
		got := out.Stdout.String()
		want := []string{"arg " + args[0], "arg x y", "arg ", "env A=b", "env C=", "fd 0 flags 0 mode 0", "fd 1 flags 0 mode 1", "fd 2 flags 0 mode 1",
			"fd 3 flags 0 mode 1", ids("uid", uid), ids("gid", gid), "umask 022", "cwd /usr", "session leader 1", "no_new_privs 1",
			"capabilities effective 0 permitted 0 inheritable 0 bounding none", "limit core 0 0", "limit stack 4194304 4194304", "limit nofile 50 50"}
		lines := strings.Split(got, "\n")
		for _, line := range want {
			if !slices.Contains(lines, line) {
				t.Errorf("no line %q", line)
			}
		}
		for _, line := range lines {
			switch {
			case strings.HasPrefix(line, "env ") && line != "env A=b" && line != "env C=",
				strings.HasPrefix(line, "fd ") && !slices.Contains(want, line),
				strings.HasPrefix(line, "groups ") && line != "groups 0" && line != "groups 1":
				t.Errorf("unexpected line %q", line)
			}
		}
		if t.Failed() {
			t.Logf("output:\n%s", got)
		}
	})
}

func ids(name string, id int) string {
	var b bytes.Buffer
	b.WriteString(name)
	for range 3 {
		b.WriteByte(' ')
		b.WriteString(strconv.Itoa(id))
	}
	return b.String()
}

// TestFileRules proves soft and hard refusals, and grants, by user rules.
func TestFileRules(t *testing.T) {
	dir := testkit.Dir(t)
	for _, name := range []string{"allowed", "soft", "hard"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := policy.Interpreter()
	p.Files.Rules = append(p.Files.Rules,
		policy.FileRule{Pattern: dir + "/**", Grant: policy.Read | policy.Stat},
		policy.FileRule{Pattern: dir + "/soft", Do: policy.Action{Kind: policy.Deny, Errno: 13}},
		policy.FileRule{Pattern: dir + "/hard", Do: policy.Action{Kind: policy.Kill}})
	tests := []struct {
		file    string
		verdict belljar.Verdict
		stdout  string
	}{
		{"allowed", belljar.OK, "allowed\n"},
		{"soft", belljar.NonzeroExit, ""},
		{"hard", belljar.Violation, ""},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			opts := belljar.Options{Policy: p, Supervisor: belljar.Ptrace, Unshare: belljar.Off}
			name := filepath.Join(dir, tt.file)
			res, out := run(t, belljar.Command{Args: []string{"/bin/cat", name}}, opts)
			if res.Verdict != tt.verdict || out.Stdout.String() != tt.stdout {
				t.Errorf("%+v, violation %+v, output %q", brief(res), res.Violation, out.Stdout.String()+out.Stderr.String())
			}
			if tt.file == "soft" && res.Denied == 0 {
				t.Error("no soft refusal is counted")
			}
			if tt.file == "hard" && res.Violation != nil && res.Violation.Path != name {
				t.Errorf("violating path %q", res.Violation.Path)
			}
		})
	}
}

// TestUnprivileged runs the heart of the matter again as an ordinary user.
func TestUnprivileged(t *testing.T) {
	testkit.AsNobody(t, func(t *testing.T) {
		testkit.Unprivileged(t)
		each(t, func(t *testing.T, s sandbox) {
			for name, want := range map[string]belljar.Verdict{"c/hello": belljar.OK, "c/stackoverflow": belljar.Signaled} {
				res, _ := run(t, belljar.Command{Args: testkit.Program(t, name, "dynamic")}, s.Options(t, "judge"))
				if res.Verdict != want {
					t.Errorf("%s: verdict %s, want %s", name, res.Verdict, want)
				}
			}
		})
	})
}
