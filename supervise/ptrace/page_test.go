package ptrace_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise/ptrace"
)

func TestMain(m *testing.M) {
	// Belljar opens a few descriptors once and keeps them, which is no leak.
	_, _ = belljar.PtraceRunner(belljar.Options{}).Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}})
	testkit.Main(m)
}

// attackPage runs the program that attacks the argument page or its own buffer,
// which may open one file but not another.
func attackPage(t *testing.T, s belljar.Supervisor, args ...string) string {
	t.Helper()
	opts := belljar.Options{Policy: policy.Observe(), Supervisor: s, Unshare: belljar.Off, Limits: belljar.Limits{Wall: 10 * time.Minute}}
	opts.Policy.Files.Rules = append(opts.Policy.Files.Rules,
		policy.FileRule{Pattern: "/etc/hostname", Do: policy.Action{Kind: policy.Deny, Errno: 13}})
	var out bytes.Buffer
	args = append([]string{"/etc/passwd", "/etc/hostname"}, args...)
	cmd := belljar.Command{Args: append(testkit.Program(t, "c/page", "static"), args...), Stdout: &out, Stderr: &out}
	res, err := belljar.Run(context.Background(), cmd, opts)
	if err != nil {
		t.Fatal(err)
	}
	if res.Verdict != belljar.OK {
		t.Fatalf("verdict %s, violation %+v, output %q", res.Verdict, res.Violation, out.String())
	}
	return out.String()
}

// The argument page can neither be replaced nor written by the program.
func TestPageHolds(t *testing.T) {
	if out := attackPage(t, belljar.Ptrace, "1"); out != "gave way 0, wins 0\n" {
		t.Error(out)
	}
}

// Without the seal the same attack replaces the page and opens the file that
// was refused.
func TestPageMutant(t *testing.T) {
	if !kernel.Mseal.Have() {
		t.Skip("this kernel seals no memory, so there is no seal to leave out")
	}
	ptrace.WithoutSeal(t)
	if out := attackPage(t, belljar.Ptrace, "30"); !strings.Contains(out, "gave way 1, wins 1") {
		t.Error(out)
	}
}

// Where the kernel cannot seal memory, the calls that could replace the page are
// refused.
func TestGuardHolds(t *testing.T) {
	t.Cleanup(kernel.Mseal.Lack())
	if out := attackPage(t, belljar.Ptrace, "1"); out != "gave way 0, wins 0\n" {
		t.Error(out)
	}
}

// Without that the same attack wins.
func TestGuardMutant(t *testing.T) {
	t.Cleanup(kernel.Mseal.Lack())
	ptrace.WithoutGuard(t)
	if out := attackPage(t, belljar.Ptrace, "30"); !strings.Contains(out, "gave way 1, wins 1") {
		t.Error(out)
	}
}

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

// Where the kernel cannot seal memory, programs open files all the same: with
// threads, and while other processes of the run are between vfork and exec.
func TestOpensUnsealed(t *testing.T) {
	t.Cleanup(kernel.Mseal.Lack())
	vforks := "for n in 1 2 3 4 5 6 7 8; do (for n in 1 2 3 4 5; do /bin/cat /etc/passwd || exit; done >/dev/null) & done; wait"
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"threads", testkit.Program(t, "c/openmany", "dynamic")},
		{"threads of a static program", testkit.Program(t, "c/openmany", "static")},
		{"processes", []string{"/bin/sh", "-c", vforks}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			opts := belljar.Options{Policy: policy.Compile(), Limits: belljar.Limits{Wall: 10 * time.Minute}}
			res, err := belljar.PtraceRunner(opts).Run(context.Background(), belljar.Command{Args: tt.args, Stdout: &out, Stderr: &out})
			if err != nil || res.Verdict != belljar.OK || strings.Contains(out.String(), "Cannot allocate") {
				t.Errorf("%+v, %v, output %q", res, err, out.String())
			}
		})
	}
}

// More threads open files than there are slots: those that find none wait for
// one, as they would behind openings that nothing interrupts. If there never is one
// they wait until the run ends, and open nothing, and signals reach them.
func TestFewSlots(t *testing.T) {
	for _, tt := range []struct {
		program string
		slots   int
		want    belljar.Verdict
		out     string
	}{
		{"c/openmany", 16, belljar.OK, "read 2000 times\n"},
		{"c/openmany", 1, belljar.OK, "read 2000 times\n"},
		{"c/openmany", 0, belljar.TimeLimit, ""},
		{"c/alarmed", 0, belljar.OK, "alarm\n"},
	} {
		ptrace.LeaveSlots(t, tt.slots)
		opts := belljar.Options{Policy: policy.Compile(), Limits: belljar.Limits{Wall: 10 * time.Minute}}
		if tt.want == belljar.TimeLimit {
			opts.Limits.Wall = time.Second
		}
		var out bytes.Buffer
		res, err := belljar.PtraceRunner(opts).Run(context.Background(), belljar.Command{Args: testkit.Program(t, tt.program, "static"), Stdout: &out, Stderr: &out})
		if err != nil || res.Verdict != tt.want || out.String() != tt.out {
			t.Errorf("%s with %d slots: %+v, %v, output %q", tt.program, tt.slots, res, err, out.String())
		}
	}
}

// The only slot belongs to a thread that sleeps in its opening. It is found, even though others
// trap all the time and so the tracer always has something else to do.
func TestFewSlotsWhileBusy(t *testing.T) {
	ptrace.LeaveSlots(t, 1)
	opts := belljar.Options{Policy: policy.Observe(), Limits: belljar.Limits{Wall: 10 * time.Minute}}
	opts.Policy.Files.Rules = append(opts.Policy.Files.Rules,
		policy.FileRule{Pattern: "/etc/hostname", Do: policy.Action{Kind: policy.Deny, Errno: 13}})
	var out bytes.Buffer
	cmd := belljar.Command{Args: append(testkit.Program(t, "c/fifobusy", "static"), "/etc/hostname"), Stdout: &out, Stderr: &out}
	res, err := belljar.PtraceRunner(opts).Run(context.Background(), cmd)
	if err != nil || res.Verdict != belljar.OK || out.String() != "opened\n" {
		t.Errorf("%+v, %v, output %q", res, err, out.String())
	}
}

// A call that is made anew, because a page had to be mapped first, counts once.
func TestCountsOnce(t *testing.T) {
	eachSupervisor(t, func(t *testing.T, s belljar.Supervisor) {
		for most, want := range map[uint64]belljar.Verdict{2000: belljar.OK, 1999: belljar.Violation} {
			opts := belljar.Options{Policy: policy.Observe(), Supervisor: s, Unshare: belljar.Off, Limits: belljar.Limits{Wall: 10 * time.Minute}}
			opts.Policy.Counts = []policy.Count{{Call: "openat", Max: most, Do: policy.Action{Kind: policy.Kill}}}
			res, err := belljar.Run(context.Background(), belljar.Command{Args: testkit.Program(t, "c/openmany", "static")}, opts)
			if err != nil || res.Verdict != want {
				t.Errorf("at most %d calls: %+v, %v", most, res, err)
			}
		}
	})
}

// needsStaying skips a test whose program counts as one that others may write.
func needsStaying(t *testing.T) {
	t.Helper()
	if !kernel.ExecDeniesWrite.Have() {
		t.Skip("this kernel, as far as this user can see, lets files be written while they are executed")
	}
}

// What a thread writes into the buffer after the decision is not opened.
func TestBufferHolds(t *testing.T) {
	eachSupervisor(t, func(t *testing.T, s belljar.Supervisor) {
		if out := attackPage(t, s, "1", "buffer"); out != "gave way 0, wins 0\n" {
			t.Error(out)
		}
	})
}

// If calls of a task went on as they are although it has company, the same
// attack would open the file that was refused.
func TestBufferMutant(t *testing.T) {
	needsStaying(t)
	eachSupervisor(t, func(t *testing.T, s belljar.Supervisor) {
		ptrace.AlwaysAlone(t)
		if out := attackPage(t, s, "30", "buffer"); out != "gave way 0, wins 1\n" {
			t.Error(out)
		}
	})
}
