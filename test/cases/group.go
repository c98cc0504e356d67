package cases

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/belljar/belljar"
)

// groupNames are how headers and messages call the switch for cgroups.
var groupNames = map[belljar.Switch]string{belljar.Default: "default", belljar.On: "on", belljar.Off: "off"}

// haveGroups says why this user cannot have cgroups that keep limits, "" if it
// can.
var haveGroups = sync.OnceValue(func() (why string) {
	for _, f := range belljar.Doctor() {
		if f.Layer == "cgroup" && f.State != belljar.LayerOn {
			return f.Why
		}
	}
	return ""
})

// groups returns with which settings of Options.Cgroup the case is run: what is
// about limits or numbers that a cgroup gives is run with and without one.
func (tc *Case) groups(t testing.TB) []belljar.Switch {
	t.Helper()
	why := haveGroups()
	switch {
	case tc.cgroup == "off":
		return []belljar.Switch{belljar.Off}
	case tc.cgroup == "on" && why != "":
		t.Skipf("no cgroups for this user: %s", why)
	case tc.cgroup == "on":
		return []belljar.Switch{belljar.On}
	case !tc.measures() || why != "":
		return []belljar.Switch{belljar.Default}
	}
	return []belljar.Switch{belljar.On, belljar.Off}
}

// measures reports whether a cgroup has a part in what the case is about.
func (tc *Case) measures() bool {
	for _, b := range tc.ranges {
		if b.key == "cpu_used" || b.key == "peak_memory" {
			return true
		}
	}
	return tc.limits.CPU > 0 || tc.limits.Memory > 0 || tc.limits.Processes > 0
}

// checkSources compares where numbers come from with where they must come from.
func checkSources(r *belljar.Result, group belljar.Switch) (bad []string) {
	for _, source := range []string{r.CPUSource, r.MemorySource} {
		if group == belljar.Default {
			continue
		}
		// Version 2 before Linux 5.19 has no peak.
		grouped := strings.HasPrefix(source, "cgroup") || source == "vmhwm" && r.CPUSource == "cgroup2"
		if grouped != (group == belljar.On) {
			bad = append(bad, fmt.Sprintf("a number from %q with cgroup %s", source, groupNames[group]))
		}
	}
	return bad
}
