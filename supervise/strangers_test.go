package supervise_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
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

// attackByCommonMemory runs a program that has the path it opens in memory which a process
// outside of the run writes: in a file, or passed through a socket. It returns what the program prints.
func attackByCommonMemory(t *testing.T, s belljar.Supervisor, passed bool, seconds string) string {
	t.Helper()
	program := testkit.Program(t, "c/common", "static")[0]
	dir := testkit.Dir(t)
	memory, other := filepath.Join(dir, "memory"), filepath.Join(dir, "other")
	for _, name := range []string{memory, other} {
		if err := os.WriteFile(name, make([]byte, 4096), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if passed {
		memory = "@" + memory
	}
	args := []string{program, memory, "/etc/passwd", other, seconds}
	outside := exec.Command(args[0], append(args[1:], "write")...)
	if err := outside.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		outside.Process.Kill()
		outside.Wait()
	}()
	p := policy.Judge()
	p.Files.Rules = append(p.Files.Rules,
		policy.FileRule{Pattern: "/etc/passwd", Grant: policy.Read},
		policy.FileRule{Pattern: dir + "/**", Grant: policy.Write | policy.Read},
		policy.FileRule{Pattern: other, Do: policy.Action{Kind: policy.Deny, Errno: 13}})
	p.Files.Default = policy.Action{Kind: policy.Deny, Errno: 13}
	if passed {
		p.Network = policy.Network{}
		for _, call := range []string{"socket", "bind", "recvmsg"} {
			p.Rules = append([]policy.Rule{{Call: call, Do: policy.Action{Kind: policy.Allow}}}, p.Rules...)
		}
	}
	var out bytes.Buffer
	res, err := belljar.Run(context.Background(), belljar.Command{Args: args, Stdout: &out, Stderr: &out},
		belljar.Options{Policy: p, Supervisor: s, Unshare: belljar.Off, Limits: belljar.Limits{Wall: 10 * time.Minute}})
	if err != nil || res.Verdict != belljar.OK {
		t.Fatalf("%+v, %v, output %q", res, err, out.String())
	}
	return out.String()
}

// eachCommonMemory runs a test for each way to memory in common, under each supervisor.
func eachCommonMemory(t *testing.T, f func(t *testing.T, s belljar.Supervisor, passed bool)) {
	for name, passed := range map[string]bool{"file": false, "passed": true} {
		t.Run(name, func(t *testing.T) {
			eachSupervisor(t, func(t *testing.T, s belljar.Supervisor) { f(t, s, passed) })
		})
	}
}

// TestCommonMemoryHolds proves that a program gains nothing from memory that somebody
// outside of the run writes.
func TestCommonMemoryHolds(t *testing.T) {
	eachCommonMemory(t, func(t *testing.T, s belljar.Supervisor, passed bool) {
		if out := attackByCommonMemory(t, s, passed, "1"); out != "wins 0\n" {
			t.Error(out)
		}
	})
}

// TestCommonMemoryMutant does not look at what brings memory: a call of a lone thread goes on,
// and the kernel reads another path than was decided.
func TestCommonMemoryMutant(t *testing.T) {
	eachCommonMemory(t, func(t *testing.T, s belljar.Supervisor, passed bool) {
		supervise.WithoutStrangers(t)
		if out := attackByCommonMemory(t, s, passed, "60"); out != "wins 1\n" {
			t.Error(out)
		}
	})
}
