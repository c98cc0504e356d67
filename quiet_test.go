package belljar

import (
	"testing"

	"github.com/belljar/belljar/policy"
)

// TestQuiet pins which policies let a lone task open files the cheap way
// outside of a private root: none that could have memory in common with others.
func TestQuiet(t *testing.T) {
	with := func(rules ...policy.FileRule) *policy.Policy {
		p := policy.Judge()
		p.Files.Rules = append(p.Files.Rules, rules...)
		return p
	}
	calling := func(call string) *policy.Policy {
		p := policy.Judge()
		p.Rules = append([]policy.Rule{{Call: call, Do: policy.Action{Kind: policy.Allow}}}, p.Rules...)
		return p
	}
	for _, tt := range []struct {
		name string
		p    *policy.Policy
		want bool
	}{
		{"judge", policy.Judge(), true},
		{"system file", with(policy.FileRule{Pattern: "/etc/hosts", Grant: policy.Read}), true},
		{"device", with(policy.FileRule{Pattern: "/dev/full", Grant: policy.Write}), true},
		{"data of others", with(policy.FileRule{Pattern: "/data/**", Grant: policy.Read}), false},
		{"anything", with(policy.FileRule{Pattern: "/**", Grant: policy.Read}), false},
		{"its directory", with(policy.FileRule{Pattern: "./**", Grant: policy.Read}), false},
		{"shared memory", with(policy.FileRule{Pattern: "/dev/shm/x", Grant: policy.Write}), false},
		{"devices all", with(policy.FileRule{Pattern: "/dev/**", Grant: policy.Write}), false},
		{"system file written", with(policy.FileRule{Pattern: "/etc/hosts", Grant: policy.Write}), false},
		{"a directory that begins as the system's", with(policy.FileRule{Pattern: "/library/**", Grant: policy.Read}), false},
		{"directories that begin as the system's", with(policy.FileRule{Pattern: "/*/x", Grant: policy.Read}), false},
		{"the system's, spelled oddly", with(policy.FileRule{Pattern: "//./usr//lib/**", Grant: policy.Read}), true},
		{"devices some", with(policy.FileRule{Pattern: "/dev/s*/x", Grant: policy.Write}), false},
		{"a graphics card", with(policy.FileRule{Pattern: "/dev/dri/**", Grant: policy.Write}), false},
		{"asynchronous input", calling("io_setup"), false},
		{"events in memory", calling("perf_event_open"), false},
		{"memory of other processes", calling("process_vm_writev"), false},
		{"SysV shared memory", calling("shmat"), false},
		{"descriptors from others", calling("connect"), false},
		{"observe", policy.Observe(), false},
	} {
		p := &plan{policy: tt.p, others: othersOf(tt.p)}
		if got := p.quiet(); got != tt.want {
			t.Errorf("%s: quiet %v, want %v", tt.name, got, tt.want)
		}
	}
}
