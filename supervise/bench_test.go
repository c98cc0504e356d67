package supervise

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/belljar/belljar/policy"
)

// BenchmarkMade is the cost of a call that is decided and made in the tracee's
// place, or decided and pinned for one that opens, without the trap.
func BenchmarkMade(b *testing.B) {
	dir := ownTree(b)
	must(b, os.WriteFile(dir+"/f", nil, 0o644))
	b.Chdir(dir)
	e := actingEngine(b, dir)
	for _, c := range []struct{ name, call, path string }{
		{"stat", "stat", dir + "/f"}, {"stat relative", "stat", "f"}, {"stat missing", "stat", dir + "/none"},
		{"open", "open", dir + "/f"}, {"mkdir that exists", "mkdir", dir + "/f"},
	} {
		b.Run(c.name, func(b *testing.B) {
			onThread(b, func() {
				trap := trapOf(c.call, c.path, fakeBase)
				trap.Tracee.(*fakeTracee).put(string(make([]byte, 256)))
				if c.call == "open" {
					trap.Args[1] = 0
				}
				b.ReportAllocs()
				for b.Loop() {
					if d := e.Handle(trap); d.Opening != nil {
						d.Opening.Close()
					}
				}
			})
		})
	}
}

// BenchmarkSteady is the cost of a call that a program makes over and over.
func BenchmarkSteady(b *testing.B) {
	for _, c := range steadyCalls(b) {
		b.Run(c.name, func(b *testing.B) {
			onThread(b, func() {
				c.do()
				b.ReportAllocs()
				for b.Loop() {
					c.do()
				}
			})
		})
	}
}

// BenchmarkDecide is the cost of one decision, without the trap.
func BenchmarkDecide(b *testing.B) {
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
