package ptrace_test

import (
	"bytes"
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

// Threads that race to execute a program kill each other while the kernel tells
// of their creation. What it then says is no process's number: Belljar must
// signal nobody for it, its own group least of all.
func TestExecRace(t *testing.T) {
	if err := syscall.Setpgid(0, 0); err != nil && err != syscall.EPERM {
		t.Fatal(err) // whoever runs the tests must not be hit either
	}
	args := append(testkit.Program(t, "c/execrace", "dynamic"), "200", "4")
	for _, s := range []belljar.Supervisor{belljar.Ptrace, belljar.Notify} {
		t.Run(string(s), func(t *testing.T) {
			if s == belljar.Notify {
				testkit.Notify(t)
			}
			var out bytes.Buffer
			opts := belljar.Options{Policy: policy.Observe(), Supervisor: s, Unshare: belljar.Off, Limits: belljar.Limits{Wall: 10 * time.Minute}}
			res, err := belljar.Run(context.Background(), belljar.Command{Args: args, Stdout: &out}, opts)
			if err != nil || res.Verdict != belljar.OK || out.String() != "done\n" {
				t.Errorf("%+v, %v, output %q", res, err, out.String())
			}
		})
	}
}
