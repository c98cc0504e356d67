package supervise

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/belljar/belljar/policy"
)

// BenchmarkHandle is the cost of one decision, without the trap.
func BenchmarkHandle(b *testing.B) {
	root, err := filepath.EvalSymlinks(b.TempDir())
	must(b, err)
	must(b, os.WriteFile(root+"/f", nil, 0o644))
	must(b, os.Symlink("f", root+"/link"))
	b.Chdir(root)
	e := newEngine(b, EngineConfig{Dir: root, Policy: &policy.Policy{Files: policy.Files{
		Rules: []policy.FileRule{{Pattern: "./**", Grant: policy.Read}}}}})
	for _, c := range []struct{ name, path string }{
		{"clean", root + "/f"}, {"relative", "f"}, {"link", root + "/link"}, {"missing", root + "/none/f"},
	} {
		b.Run(c.name, func(b *testing.B) {
			trap := trapOf("openat", atFDCWD, c.path, 0)
			b.ReportAllocs()
			for b.Loop() {
				e.Decide(trap)
			}
		})
	}
}
