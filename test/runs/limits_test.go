package runs

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
)

// groups returns the settings of Options.Cgroup that this user can have.
func groups() map[string]belljar.Switch {
	all := map[string]belljar.Switch{"off": belljar.Off}
	if cgroupFinding().State == belljar.LayerOn {
		all["on"] = belljar.On
	}
	return all
}

func cgroupFinding() belljar.Finding {
	all := belljar.Doctor()
	return all[slices.IndexFunc(all, func(f belljar.Finding) bool { return f.Layer == "cgroup" })]
}

func layerOf(layers []belljar.Layer, name string) belljar.Layer {
	return layers[slices.IndexFunc(layers, func(l belljar.Layer) bool { return l.Name == name })]
}

// TestCPUPrecision proves that a program is killed within 10 ms of CPU time
// after its limit, also if it uses several CPUs. On a machine that is busy with
// other things Belljar may be late; that it can be on time is what counts.
func TestCPUPrecision(t *testing.T) {
	const limit, within, tries = 200 * time.Millisecond, 10 * time.Millisecond, 40
	for _, mode := range []string{"self", "threads", "orphan"} {
		for name, group := range groups() {
			each(t, func(t *testing.T, s sandbox) {
				least := time.Hour
				for n := 0; n < tries && least > within; n++ {
					opts := s.Options(t, "compile")
					opts.Cgroup, opts.Limits.CPU = group, limit
					res, _ := run(t, belljar.Command{Args: append(testkit.Program(t, "c/cpu", "dynamic"), mode, "100")}, opts)
					if res.Verdict != belljar.TimeLimit || res.Limit != "cpu" || res.CPU < limit {
						t.Fatalf("%+v, want a time limit", brief(res))
					}
					least = min(least, res.CPU-limit)
				}
				if least > within {
					t.Errorf("%s, cgroup %s: never killed earlier than %v after the limit", mode, name, least)
				}
			})
		}
	}
}

// TestCgroupSwitch proves that a run has a cgroup where a limit needs one or
// somebody asks, and never where it is switched off; and that the layer and the
// sources of the numbers say so.
func TestCgroupSwitch(t *testing.T) {
	finding := cgroupFinding()
	tests := []struct {
		name   string
		change func(*belljar.Options)
		group  bool
		why    string
	}{
		{"no limit", func(o *belljar.Options) {}, false, "no limit of this run needs one"},
		{"time", func(o *belljar.Options) { o.Limits.CPU = time.Minute }, false, "no limit of this run needs one"},
		{"memory", func(o *belljar.Options) { o.Limits.Memory = 64 << 20 }, true, ""},
		{"processes", func(o *belljar.Options) { o.Limits.Processes = 1 }, true, ""},
		{"on", func(o *belljar.Options) { o.Cgroup = belljar.On }, true, ""},
		{"required", func(o *belljar.Options) { o.Require = []string{"cgroup"} }, true, ""},
		{"off", func(o *belljar.Options) { o.Cgroup, o.Limits.Memory = belljar.Off, 64<<20 }, false, "switched off"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, s sandbox) {
				opts := s.Options(t, "judge")
				tt.change(&opts)
				demanded := opts.Cgroup == belljar.On || opts.Require != nil
				res, _, err := tryRun(belljar.Command{Args: []string{"/bin/true"}}, opts)
				if finding.State != belljar.LayerOn && demanded {
					if !errors.Is(err, belljar.ErrNotSupported) {
						t.Errorf("error %v; this host has no cgroups for us: %s", err, finding.Why)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				layer := layerOf(res.Enforcement, "cgroup")
				group := tt.group && finding.State == belljar.LayerOn
				got := fmt.Sprint(layer.State != belljar.LayerOff, strings.HasPrefix(res.CPUSource, "cgroup"))
				if got != fmt.Sprint(group, group) || !strings.Contains(layer.Why, tt.why) || !group && layer.Why == "" {
					t.Errorf("layer %+v, CPU from %s, memory from %s; want a cgroup: %v", layer, res.CPUSource, res.MemorySource, group)
				}
			})
		})
	}
}

// TestCgroupHidden proves that a program with namespaces is at the root of all
// cgroups that it sees: their names would tell of the host.
func TestCgroupHidden(t *testing.T) {
	each(t, func(t *testing.T, s sandbox) {
		for name, group := range groups() {
			opts := s.Options(t, "observe")
			opts.Cgroup = group
			res, out := run(t, belljar.Command{Args: []string{"/bin/cat", "/proc/self/cgroup"}}, opts)
			if res.Verdict != belljar.OK || out.Stdout.Len() == 0 {
				t.Fatalf("%+v: %s", brief(res), out.Stderr.String())
			}
			for line := range strings.Lines(out.Stdout.String()) {
				if hidden := strings.HasSuffix(line, ":/\n"); s.Private() && !hidden {
					t.Errorf("cgroup %s: %q", name, line)
				}
			}
		}
	})
}
