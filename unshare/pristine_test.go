package unshare_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/unshare"
)

func TestMain(m *testing.M) {
	unshare.BeSleeper()
	if os.Getenv(keeper) != "" {
		keepParked()
	}
	if _, err := unshare.Available(); err != nil {
		fmt.Fprintln(os.Stderr, "no sandbox on this host:", err, "-", unshare.Fix(err))
		os.Exit(1)
	}
	// Belljar opens a few descriptors once and keeps them, which is no leak.
	_, _ = belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{})
	testkit.Main(m)
}

// keeper tells this test program to be a Belljar that keeps a parked sandbox.
const keeper = "UNSHARE_TEST_KEEPER"

// keepParked prints the numbers of all processes that wait for a program, and
// sleeps.
func keepParked() {
	r := belljar.NewRunner(belljar.Options{Unshare: belljar.On, Cgroup: belljar.Off, Containers: 1})
	for range 3 {
		if res, err := r.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}); err != nil {
			fmt.Fprintln(os.Stderr, res, err)
			os.Exit(1)
		}
	}
	time.Sleep(100 * time.Millisecond) // what goes on beside
	var all []byte
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range lists {
		b, _ := os.ReadFile(list)
		all = append(all, b...)
	}
	fmt.Println(string(all))
	time.Sleep(time.Hour)
}

// Nothing that waits for a program outlives Belljar: init, the stem, and what it
// has forked.
func TestParkedDiesWithBelljar(t *testing.T) {
	testkit.Parked(t)
	unshare.DiesWith(t, keeper, 3)
}

// touches runs c/touch time and again in one parked sandbox.
type touches struct {
	t      *testing.T
	runner *belljar.Runner
	args   []string
}

// objects are the calls that make what may outlast processes.
var objects = []string{"shmget", "semget", "msgget", "mq_open", "socket", "socketpair"}

// newTouches lets programs make such by none of the calls but one.
func newTouches(t *testing.T, s belljar.Supervisor, but string) *touches {
	t.Helper()
	testkit.Parked(t)
	p := policy.Observe()
	for _, call := range objects {
		if call != but {
			p.Rules = append([]policy.Rule{{Call: call, Do: policy.Action{Kind: policy.Deny, Errno: uint16(syscall.ENOSYS)}}}, p.Rules...)
		}
	}
	r := belljar.NewRunner(belljar.Options{Policy: p, Supervisor: s, Unshare: belljar.On, Cgroup: belljar.Off, Containers: 1})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	// The directory that the program lies in is one of the sandbox's /tmp.
	dir := testkit.DirIn(t, "/tmp")
	program := filepath.Join(dir, "touch")
	text, err := os.ReadFile(testkit.Program(t, "c/touch", "static")[0])
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &touches{t, r, []string{program}}
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
		to := newTouches(t, s, "")
		fresh := to.run("nothing", "list", "look")
		for _, tt := range []struct {
			what string
			same bool
		}{
			{"nothing", true}, {"file", false}, {"removed", false}, {"unnamed", false}, {"memory", false}, {"list", false}, {"beside", false}, {"look", false},
		} {
			found := to.run("nothing", "nothing", tt.what, "look")
			if !strings.HasPrefix(found, "nothing left") || (found != fresh) != tt.same {
				t.Errorf("%s, after %s: %s; where all was new: %s", s, tt.what, found, fresh)
			}
		}
	}
}

// Where programs may make IPC objects or sockets, each has namespaces of its own, and
// with them mounts.
func TestPristineObjects(t *testing.T) {
	for _, call := range objects {
		to := newTouches(t, belljar.NoOne, call)
		fresh := to.run("nothing", "list", "look")
		if found := to.run("nothing", "nothing", "nothing", "look"); found != fresh {
			t.Errorf("%s: after nothing: %s; where all was new: %s", call, found, fresh)
		}
	}
}

// Without the look, the next program finds what the one before has left.
func TestPristineMutant(t *testing.T) {
	unshare.TrustPlaces(t)
	to := newTouches(t, belljar.NoOne, "")
	if found := to.run("nothing", "nothing", "file", "look"); !strings.HasPrefix(found, "left") {
		t.Errorf("found %q, so the look proves nothing", found)
	}
}
