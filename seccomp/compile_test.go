package seccomp_test

import (
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/syscalls"
)

// Every preset compiles to a filter that the kernel would take, for every architecture.
func TestPresetsCompile(t *testing.T) {
	for _, name := range policy.Presets() {
		for _, table := range []*syscalls.Table{syscalls.AMD64, syscalls.I386, syscalls.ARM64} {
			p, _ := policy.Preset(name)
			prog, err := seccomp.Compile(p, seccomp.Options{Table: table})
			if err != nil {
				t.Errorf("%s on %s: %v", name, table.GOARCH, err)
			}
			t.Logf("%s on %s: %d instructions", name, table.GOARCH, len(prog))
		}
	}
}
