package runs

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/test/cases"
)

// pooled returns a runner with parked containers.
func pooled(t *testing.T, s belljar.Supervisor, n int) *belljar.Runner {
	t.Helper()
	testkit.Root(t)
	r := belljar.NewRunner(belljar.Options{Policy: policy.Observe(), Supervisor: s, Unshare: belljar.On, Containers: n})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestNothingLeft proves that a container is reused, and that the next program
// finds nothing of what the one before left.
func TestNothingLeft(t *testing.T) {
	for _, s := range []belljar.Supervisor{belljar.NoOne, belljar.Ptrace} {
		runner := pooled(t, s, 1)
		for i, tt := range []struct{ arg, want string }{
			{"find", "found nothing\nfirst 1\n"},
			{"leave", "first 0\n"},
			{"find", "found nothing\nfirst 0\n"},
			{"leave", "first 0\n"},
			{"find", "found nothing\nfirst 0\n"},
		} {
			var out cases.Output
			args := append(testkit.Program(t, "c/leave", "static"), tt.arg)
			res, err := runner.Run(context.Background(), belljar.Command{Args: args, Stdout: &out.Stdout, Stderr: &out.Stderr})
			if err != nil {
				t.Fatal(err)
			}
			if res.Verdict != belljar.OK || out.Stdout.String() != tt.want {
				t.Errorf("run %d, %s: %+v, violation %+v, output %q %q, want %q", i, tt.arg, brief(res), res.Violation, out.Stdout.String(), out.Stderr.String(), tt.want)
			}
		}
	}
}

// TestPooledMany proves that runs at once get containers of their own.
func TestPooledMany(t *testing.T) {
	runner := pooled(t, belljar.Auto, 4)
	args := testkit.Program(t, "c/hello", "dynamic")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				var out strings.Builder
				res, err := runner.Run(context.Background(), belljar.Command{Args: args, Stdout: &out})
				if err != nil {
					t.Error(err)
				} else if res.Verdict != belljar.OK || out.Len() == 0 {
					t.Errorf("%+v, output %q", brief(res), out.String())
				}
			}
		})
	}
	all.Wait()
}

// TestPooledElsewhere proves that a program which no container could show runs
// all the same.
func TestPooledElsewhere(t *testing.T) {
	runner := pooled(t, belljar.NoOne, 1)
	for _, args := range [][]string{{"/bin/true"}, append(testkit.Program(t, "c/exit", "dynamic"), "0"), {"/bin/true"}} {
		res, err := runner.Run(context.Background(), belljar.Command{Args: args, Dir: "/usr"})
		if err != nil || res.Verdict != belljar.OK {
			t.Errorf("%s: %+v, %v", args, res, err)
		}
	}
}
