package runs

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/cgroup"
	"github.com/belljar/belljar/internal/testkit"
)

// limitsCPUs skips a test where no cgroup can keep limits on CPUs, after it has
// seen that a run with them is refused there.
func limitsCPUs(t *testing.T, controller string, opts belljar.Options) {
	t.Helper()
	tree, err := cgroup.Find()
	if err != nil {
		t.Fatal(err)
	}
	why, _ := tree.Lacks(controller)
	if why == "" {
		return
	}
	if _, _, err := tryRun(belljar.Command{Args: []string{"/bin/true"}}, opts); !errors.Is(err, belljar.ErrNotSupported) {
		t.Fatalf("error %v; want a refusal, because %s", err, why)
	}
	t.Skipf("no cgroup with the %s controller: %s", controller, why)
}

// TestCPUs proves that a run gets no more of a CPU than it is allowed: at a
// fifth two threads with 50 ms of work each take half a second, or one period
// of 100 ms less, because a period's share may be used at once.
func TestCPUs(t *testing.T) {
	each(t, func(t *testing.T, s sandbox) {
		opts := s.Options(t, "compile")
		opts.Limits.CPUs = 0.2
		limitsCPUs(t, cgroup.CPU, opts)
		res, _ := run(t, belljar.Command{Args: append(testkit.Program(t, "c/cpu", "dynamic"), "threads", "0.05")}, opts)
		if res.Verdict != belljar.OK || res.Wall < 400*time.Millisecond {
			t.Errorf("%+v, want ok after 400 ms", brief(res))
		}
	})
}

// TestCPUSet proves that a run stays on the CPUs that it is allowed, also if it
// asks for others.
func TestCPUSet(t *testing.T) {
	allowed := allowedCPUs(t)
	each(t, func(t *testing.T, s sandbox) {
		for _, want := range []string{allowed[0], allowed[len(allowed)-1]} {
			opts := s.Options(t, "observe")
			opts.Limits.CPUSet = want
			limitsCPUs(t, cgroup.CPUSet, opts)
			args := []string{"/bin/sh", "-c", "taskset -p ffffffff $$ >/dev/null 2>&1; exec cat /proc/self/status"}
			res, out := run(t, belljar.Command{Args: args}, opts)
			if res.Verdict != belljar.OK || !strings.Contains(out.Stdout.String(), "Cpus_allowed_list:\t"+want+"\n") {
				t.Errorf("CPU %s: %+v: %s%s", want, brief(res), out.Stdout.String(), out.Stderr.String())
			}
		}
	})
}

// allowedCPUs returns the CPUs that this process may use.
func allowedCPUs(t *testing.T) []string {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "Cpus_allowed_list:\t")
	list, _, _ := strings.Cut(rest, "\n")
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == '-' })
}

// TestCPUsRefused proves that a limit on CPUs is never ignored: a run that
// cannot have it does not start.
func TestCPUsRefused(t *testing.T) {
	for _, tt := range []struct {
		name    string
		limits  belljar.Limits
		group   belljar.Switch
		feature bool // the host is to blame, or the options
	}{
		{"without a cgroup", belljar.Limits{CPUs: 1}, belljar.Off, true},
		{"a set without a cgroup", belljar.Limits{CPUSet: "0"}, belljar.Off, true},
		{"negative", belljar.Limits{CPUs: -1}, belljar.Default, false},
		{"too little", belljar.Limits{CPUs: 0.001}, belljar.Default, false},
		{"no list", belljar.Limits{CPUSet: "all"}, belljar.Default, false},
		{"no such CPU", belljar.Limits{CPUSet: "0,4095"}, belljar.Default, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := tryRun(belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{Limits: tt.limits, Cgroup: tt.group})
			if err == nil || cgroupFinding().State == belljar.LayerOn && errors.Is(err, belljar.ErrNotSupported) != tt.feature {
				t.Errorf("error %v", err)
			}
		})
	}
}
