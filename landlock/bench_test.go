package landlock

import (
	"fmt"
	"os"
	"testing"

	"github.com/belljar/belljar/policy"
)

// BenchmarkFor is what is done once per policy and directory.
func BenchmarkFor(b *testing.B) {
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				For(p, MaxABI, Options{Dir: "/tmp", Canon: Canonical, List: Names})
			}
		})
	}
}

// BenchmarkLaunch is a whole launch of /bin/true; the difference from "none"
// is what a domain costs each run, together with what it costs the program.
func BenchmarkLaunch(b *testing.B) {
	needABI(b, 1)
	run := func(name string, r Ruleset) {
		b.Run(fmt.Sprintf("%s/%d rules", name, len(r.Paths)), func(b *testing.B) {
			for b.Loop() {
				if _, err := start(b, r.Steps(), os.Geteuid(), "/", nil, []string{"/bin/true"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("none", Ruleset{})
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		run(name, For(p, kernelABI(), Options{Dir: "/tmp", Canon: Canonical, List: Names}).With("/bin/true", nil))
	}
}

// BenchmarkSteps is the part of a launch that Belljar itself spends.
func BenchmarkSteps(b *testing.B) {
	r := For(policy.Judge(), MaxABI, Options{Dir: "/tmp", Canon: Canonical, List: Names}).With("/bin/true", nil)
	for b.Loop() {
		r.Steps()
	}
}
