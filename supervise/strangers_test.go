package supervise_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/unshare"
)

// eachSupervisor runs a test under ptrace and under notify.
func eachSupervisor(t *testing.T, f func(*testing.T, belljar.Supervisor)) {
	for _, s := range []belljar.Supervisor{belljar.Ptrace, belljar.Notify} {
		t.Run(string(s), func(t *testing.T) {
			if s == belljar.Notify {
				testkit.Notify(t)
			}
			f(t, s)
		})
	}
}

// sharing is a way to memory in common with a process outside of the run.
type sharing struct {
	name    string
	passed  bool           // through a socket; otherwise a file
	unshare belljar.Switch // whether the run has a private root
	seen    string         // where it shows the file's directory; "": where it is
}

var sharings = []sharing{
	{"file", false, belljar.Off, ""}, {"passed", true, belljar.Off, ""}, {"bound", false, belljar.On, ""},
	{"bound among the system's", false, belljar.On, "/etc/belljar-test"},
}

// allowed lies in directories of root's in a private root as well, whoever made that.
const allowed = "/usr/lib/os-release"

// attackByCommonMemory runs a program that has the path it opens in memory which a process
// outside of the run writes. It returns what the program prints.
func attackByCommonMemory(t *testing.T, s belljar.Supervisor, how sharing, seconds string) string {
	t.Helper()
	program := testkit.Program(t, "c/common", "static")[0]
	dir := testkit.Dir(t)
	file := func(name string) {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(name, make([]byte, 4096), 0o666), os.Chmod(name, 0o666)); err != nil {
			t.Error(err)
		}
	}
	file("memory")
	args := func(dir string) []string {
		memory := filepath.Join(dir, "memory")
		if how.passed {
			memory = "@" + memory
		}
		return []string{program, memory, allowed, filepath.Join(cmp.Or(how.seen, dir), "other"), seconds}
	}
	outside := exec.Command(program, append(args(dir)[1:], "write")...)
	if err := outside.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		outside.Process.Kill()
		outside.Wait()
	}()
	seen := cmp.Or(how.seen, dir)
	p := policy.Judge()
	p.Files.Rules = append(p.Files.Rules,
		policy.FileRule{Pattern: allowed, Grant: policy.Read},
		policy.FileRule{Pattern: seen + "/**", Grant: policy.Write | policy.Read},
		policy.FileRule{Pattern: seen + "/other", Do: policy.Action{Kind: policy.Deny, Errno: 13}})
	p.Files.Default = policy.Action{Kind: policy.Deny, Errno: 13}
	if how.passed {
		p.Network = policy.Network{}
		for _, call := range []string{"socket", "bind", "recvmsg"} {
			p.Rules = append([]policy.Rule{{Call: call, Do: policy.Action{Kind: policy.Allow}}}, p.Rules...)
		}
	}
	opts := belljar.Options{Policy: p, Supervisor: s, Unshare: how.unshare, Limits: belljar.Limits{Wall: 10 * time.Minute}}
	if how.unshare == belljar.On {
		testkit.Namespaces(t)
		root := unshare.DefaultRoot().With(unshare.Mount{Kind: unshare.Bind, Source: dir, Target: seen, Writable: true})
		opts.Root = &root
	}
	// A private root hides what is refused and there from the start.
	later := make(chan struct{})
	time.AfterFunc(200*time.Millisecond, func() { defer close(later); file("other") })
	defer func() { <-later }()
	var out bytes.Buffer
	res, err := belljar.Run(context.Background(), belljar.Command{Args: args(seen), Stdout: &out, Stderr: &out}, opts)
	if err != nil || res.Verdict != belljar.OK {
		t.Fatalf("%+v, %v, output %q", res, err, out.String())
	}
	return out.String()
}

// eachCommonMemory runs a test for each way to memory in common, under each supervisor.
func eachCommonMemory(t *testing.T, f func(t *testing.T, s belljar.Supervisor, how sharing)) {
	for _, how := range sharings {
		t.Run(how.name, func(t *testing.T) {
			eachSupervisor(t, func(t *testing.T, s belljar.Supervisor) { f(t, s, how) })
		})
	}
}

// TestCommonMemoryHolds proves that a program gains nothing from memory that somebody
// outside of the run writes.
func TestCommonMemoryHolds(t *testing.T) {
	eachCommonMemory(t, func(t *testing.T, s belljar.Supervisor, how sharing) {
		if out := attackByCommonMemory(t, s, how, "1"); out != "wins 0\n" {
			t.Error(out)
		}
	})
}

// TestCommonMemoryMutant does not look at what brings memory: a call of a lone thread goes on,
// and the kernel reads another path than was decided. Where a file is shown among the system's no call
// goes on in any case (TestQuiet of package belljar).
func TestCommonMemoryMutant(t *testing.T) {
	eachCommonMemory(t, func(t *testing.T, s belljar.Supervisor, how sharing) {
		if how.seen != "" {
			return
		}
		supervise.WithoutStrangers(t)
		if out := attackByCommonMemory(t, s, how, "60"); out != "wins 1\n" {
			t.Error(out)
		}
	})
}
