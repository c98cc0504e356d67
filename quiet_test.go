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
	aio := policy.Judge()
	aio.Rules = append([]policy.Rule{{Call: "io_setup", Do: policy.Action{Kind: policy.Allow}}}, aio.Rules...)
	shm := policy.Judge()
	shm.Rules = append([]policy.Rule{{Call: "shmat", Do: policy.Action{Kind: policy.Allow}}}, shm.Rules...)
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
		{"asynchronous input", aio, false},
		{"SysV shared memory", shm, false},
		{"observe", policy.Observe(), false},
	} {
		p := &plan{policy: tt.p}
		if got := p.quiet(); got != tt.want {
			t.Errorf("%s: quiet %v, want %v", tt.name, got, tt.want)
		}
	}
}
