package belljar

import (
	"testing"

	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/unshare"
)

// TestQuiet proves in which private roots a lone program's memory is its own, and in
// which of them what it opens must be looked at.
func TestQuiet(t *testing.T) {
	bind := func(source, target string, writable bool) unshare.Mount {
		return unshare.Mount{Kind: unshare.Bind, Source: source, Target: target, Writable: writable}
	}
	const program = "/home/me/program"
	for _, tt := range []struct {
		name             string
		root             *unshare.Root
		quiet, strangers bool
	}{
		{"the host's root", nil, true, true},
		{"somebody's root", &unshare.Root{Dir: "/srv/root"}, false, true},
		{"nothing but the system", &unshare.Root{Mounts: []unshare.Mount{bind("/usr", "/usr", false), {Kind: unshare.Tmpfs, Target: "/tmp"}}}, true, false},
		{"the program", &unshare.Root{Mounts: []unshare.Mount{bind(program, program, false)}}, true, !kernel.ExecDeniesWrite.Have()},
		{"a directory of somebody's", &unshare.Root{Mounts: []unshare.Mount{bind("/srv/data", "/srv/data", false)}}, true, true},
		{"a directory to write to", &unshare.Root{Mounts: []unshare.Mount{bind("/srv/data", "/out", true)}}, true, true},
		{"one that looks like the system's", &unshare.Root{Mounts: []unshare.Mount{bind("/srv/data", "/usr/share/data", false)}}, false, true},
		{"a device", &unshare.Root{Mounts: []unshare.Mount{bind("/srv/data", "dev/../dev/null", false)}}, false, true},
		{"all devices", &unshare.Root{Mounts: []unshare.Mount{bind("/srv/data", "/dev", false)}}, false, true},
		{"everything", &unshare.Root{Mounts: []unshare.Mount{bind("/srv/data", "/", false)}}, false, true},
		{"the system's, to write to", &unshare.Root{Mounts: []unshare.Mount{bind("/etc", "/etc", true)}}, false, true},
	} {
		p := &plan{path: program, root: tt.root}
		if got := p.quiet(); got != tt.quiet {
			t.Errorf("%s: quiet %v", tt.name, got)
		}
		if got := p.strangers(); got != tt.strangers {
			t.Errorf("%s: strangers %v", tt.name, got)
		}
	}
}
