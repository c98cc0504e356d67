package unshare

import (
	"os"
	"os/exec"
	"testing"
)

// BenchmarkRun compares a fresh sandbox around /bin/true with os/exec.
func BenchmarkRun(b *testing.B) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	b.Run("exec", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("/bin/true").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	small := Root{}.With(Mount{Kind: Bind, Target: "/usr", Source: "/usr"}, Mount{Kind: Proc, Target: "/proc"}, Mount{Kind: Tmpfs, Target: "/tmp"})
	for _, name := range []string{"/bin", "/lib", "/lib64"} {
		m, _ := asOnHost(name)
		small = small.With(m)
	}
	for _, bench := range []struct {
		name string
		root *Root
		host bool
	}{{"default root", nil, true}, {"default root, network", nil, false}, {"small root", &small, true}} {
		b.Run(bench.name, func(b *testing.B) {
			s := ownSpec()
			s.HostNetwork, s.Root = bench.host, bench.root
			for b.Loop() {
				runTrue(b, s, null)
			}
		})
	}
}

func runTrue(b testing.TB, s Spec, null *os.File) {
	p := newProgram(b, s, null, "/bin/true")
	defer p.close()
	if p.err != nil {
		b.Fatal(p.err)
	}
	if err := p.box.reapProgram(p.launch); err != nil {
		b.Fatal(err)
	}
	if _, err := p.box.End(); err != nil {
		b.Fatal(err)
	}
}
