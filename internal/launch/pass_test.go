package launch_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

func TestMain(m *testing.M) {
	// Belljar opens a few descriptors once and keeps them, which is no leak.
	_, _ = belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{})
	testkit.Main(m)
}

// known is what the attacker takes for the pass.
const known = 0x0123456789abcdef

// shown is a copy of a program where every parked sandbox can show it.
func shown(t *testing.T, program string) string {
	t.Helper()
	text, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(testkit.DirIn(t, "/tmp"), "program")
	if err := os.WriteFile(name, text, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// attackPass runs, in a parked sandbox that waited for it, the program that puts
// numbers into the sixth argument, so many times, or until a call has passed.
func attackPass(t *testing.T, s belljar.Supervisor, times int) (got int) {
	t.Helper()
	testkit.Parked(t)
	// No launch whose run has a cgroup begins before its program is known.
	runner := belljar.NewRunner(belljar.Options{Policy: policy.Observe(), Supervisor: s, Unshare: belljar.On, Cgroup: belljar.Off, Containers: 1})
	defer runner.Close()
	cmd := belljar.Command{Args: []string{shown(t, testkit.Program(t, "escapes/pass", "dynamic")[0]), strconv.FormatUint(known, 16)}}
	// The first sandbox is made when it is wanted; one has waited as soon as the machine has had
	// time to make it.
	for n := 0; n < times && got == 0; n++ {
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		res, err := runner.Run(context.Background(), cmd)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(out.String(), "got ")
		if got, err = strconv.Atoi(strings.TrimSpace(text)); err != nil {
			t.Fatalf("%+v, output %q", res, out.String())
		}
	}
	return got
}

// What lets a launch's calls pass helps no program: it cannot know it.
func TestPassHolds(t *testing.T) {
	for _, s := range []belljar.Supervisor{belljar.NoOne, belljar.Ptrace} {
		if got := attackPass(t, s, 5); got != 0 {
			t.Errorf("%s: %d calls passed", s, got)
		}
	}
}

// A pass that the program knows lets its own calls pass.
func TestPassMutant(t *testing.T) {
	launch.KnowPass(t, known)
	for _, s := range []belljar.Supervisor{belljar.NoOne, belljar.Ptrace} {
		if got := attackPass(t, s, 200); got == 0 {
			t.Errorf("%s: no call passed, so the attack proves nothing", s)
		}
	}
}

// Nothing of the launch is in the registers with which a program starts.
func TestRegistersAreCleared(t *testing.T) {
	testkit.Parked(t)
	launch.KnowPass(t, known)
	runner := belljar.NewRunner(belljar.Options{Policy: policy.Judge(), Unshare: belljar.On, Cgroup: belljar.Off, Containers: 1})
	defer runner.Close()
	for range 3 {
		res, err := runner.Run(context.Background(), belljar.Command{Args: []string{shown(t, testkit.Program(t, "c/registers", "bare")[0])}})
		if err != nil || res.Verdict != belljar.OK {
			t.Errorf("%+v, %v", res, err)
		}
	}
}
