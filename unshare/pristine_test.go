package unshare_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/unshare"
)

func TestMain(m *testing.M) {
	unshare.BeSleeper()
	if _, err := unshare.Available(); err != nil {
		fmt.Fprintln(os.Stderr, "no sandbox on this host:", err, "-", unshare.Fix(err))
		os.Exit(1)
	}
	// Belljar opens a few descriptors once and keeps them, which is no leak.
	_, _ = belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{})
	testkit.Main(m)
}

// touches runs c/touch time and again in one parked sandbox.
type touches struct {
	t      *testing.T
	runner *belljar.Runner
	args   []string
}

func newTouches(t *testing.T, s belljar.Supervisor, objects bool) *touches {
	t.Helper()
	testkit.Parked(t)
	p := policy.Observe()
	if !objects {
		for _, call := range []string{"shmget", "semget", "msgget", "mq_open"} {
			p.Rules = append([]policy.Rule{{Call: call, Do: policy.Action{Kind: policy.Deny, Errno: uint16(syscall.ENOSYS)}}}, p.Rules...)
		}
	}
	r := belljar.NewRunner(belljar.Options{Policy: p, Supervisor: s, Unshare: belljar.On, Cgroup: belljar.Off, Containers: 1})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return &touches{t, r, testkit.Program(t, "c/touch", "static")}
}

// run returns what the last of some runs prints.
func (to *touches) run(whats ...string) string {
	to.t.Helper()
	var out strings.Builder
	for _, what := range whats {
		out.Reset()
		res, err := to.runner.Run(context.Background(), belljar.Command{Args: append(to.args[:len(to.args):len(to.args)], what), Stdout: &out, Stderr: &out})
		if err != nil || res.Verdict != belljar.OK {
			to.t.Fatalf("%s: %+v, %v, output %q", what, res, err, out.String())
		}
	}
	return out.String()
}

// A program gets the mounts of the one before if that has changed nothing, and
// only then.
func TestPristine(t *testing.T) {
	for _, s := range []belljar.Supervisor{belljar.NoOne, belljar.Ptrace} {
		to := newTouches(t, s, false)
		fresh := to.run("nothing", "list", "look")
		for _, tt := range []struct {
			what string
			same bool
		}{
			{"nothing", true}, {"file", false}, {"removed", false}, {"unnamed", false}, {"memory", false}, {"list", false}, {"look", false},
		} {
			found := to.run("nothing", "nothing", tt.what, "look")
			if !strings.HasPrefix(found, "nothing left") || (found != fresh) != tt.same {
				t.Errorf("%s, after %s: %s; where all was new: %s", s, tt.what, found, fresh)
			}
		}
	}
}

// Where programs may make IPC objects, each has an IPC namespace of its own, and
// with it mounts.
func TestPristineObjects(t *testing.T) {
	to := newTouches(t, belljar.NoOne, true)
	fresh := to.run("nothing", "list", "look")
	if found := to.run("nothing", "nothing", "nothing", "look"); found != fresh {
		t.Errorf("after nothing: %s; where all was new: %s", found, fresh)
	}
}

// Without the look, the next program finds what the one before has left.
func TestPristineMutant(t *testing.T) {
	unshare.TrustPlaces(t)
	to := newTouches(t, belljar.NoOne, false)
	if found := to.run("nothing", "nothing", "file", "look"); !strings.HasPrefix(found, "left") {
		t.Errorf("found %q, so the look proves nothing", found)
	}
}
