package supervise

import (
	"os"
	"syscall"
	"testing"

	"github.com/belljar/belljar/policy"
)

const rdonly = 0

// TestKnown proves which openings are answered without a look at the file
// system the second time: none that a tracee could make lead elsewhere.
func TestKnown(t *testing.T) {
	if _, err := os.Stat("/usr/bin/env"); err != nil {
		t.Skip("no /usr/bin/env")
	}
	dir := ownTree(t)
	must(t, os.WriteFile(dir+"/f", []byte("text"), 0o644))
	must(t, os.Symlink("/usr/bin/env", dir+"/link"))
	e := actingEngine(t, dir)
	e.resolver.fixed = true
	defer e.Close()
	for _, tt := range []struct {
		path string
		want bool
	}{
		{"/usr/bin/env", true}, {"/usr/bin", true}, {dir + "/f", false}, {dir + "/link", false},
		{"/usr/bin/../bin/env", true}, {"/proc/self/maps", false},
	} {
		onThread(t, func() {
			for range 2 {
				fd, errno := open(t, e, trapOf("openat", -100, tt.path, rdonly))
				if errno != 0 {
					t.Errorf("%s: %v", tt.path, errno)
					return
				}
				want, err := os.Stat(tt.path)
				must(t, err)
				f := os.NewFile(uintptr(fd), tt.path)
				if got, err := f.Stat(); err != nil || !os.SameFile(got, want) && tt.path != "/proc/self/maps" {
					t.Errorf("%s: another file, or %v", tt.path, err)
				}
				f.Close()
			}
		})
		k := e.known.find(&pathRequest{path: tt.path, want: read})
		if (k != nil) != tt.want {
			t.Errorf("%s: known %+v, want %v", tt.path, k, tt.want)
		}
	}
}

// TestKnownBecomesLink proves that a known path which is a link by now is looked
// up anew, for what it leads to.
func TestKnownBecomesLink(t *testing.T) {
	if _, err := os.Stat("/usr/bin/env"); err != nil {
		t.Skip("no /usr/bin/env")
	}
	dir := ownTree(t)
	link := dir + "/was-a-file"
	must(t, os.Symlink("/usr/bin/env", link))
	e := actingEngine(t, dir)
	e.resolver.fixed = true
	e.known.keep(&pathRequest{path: link, want: read}, &knownPath{allowed: Decision{Kind: Allow, Path: link}, below: append([]byte(link[1:]), 0), opens: true, systems: true})
	onThread(t, func() {
		trap := trapOf("openat", -100, link, rdonly)
		d := e.Handle(trap)
		_, errno := d.Opening.Open()
		if errno != syscall.ELOOP || !d.Opening.Outdated(errno) {
			t.Errorf("opened at first: %v", errno)
		}
		d.Opening.Close()
		d = e.Handle(trap)
		if d.Kind != Open || d.Path != "/usr/bin/env" && d.Path != "/bin/env" {
			t.Errorf("opened then: %+v", d)
			return
		}
		d.Opening.Close()
	})
}

// TestFixesRoot proves that nothing is known where a program could get another
// root or other mounts.
func TestFixesRoot(t *testing.T) {
	for _, name := range []string{"judge", "compile", "interpreter", "observe"} {
		p, ok := policy.Preset(name)
		if !ok || !fixesRoot(p) {
			t.Errorf("%s: a program could get another root", name)
		}
		for _, call := range []string{"chroot", "unshare", "setns", "pivot_root", "mount", "clone3"} {
			p, _ := policy.Preset(name)
			p.Rules = append([]policy.Rule{{Call: call, When: []policy.Cond{{Arg: 1, Op: policy.Eq, Values: []uint64{7}}}, Do: policy.Action{Kind: policy.Allow}}}, p.Rules...)
			if fixesRoot(p) {
				t.Errorf("%s with some %s: the root counts as fixed", name, call)
			}
		}
		p, _ = policy.Preset(name)
		const newUser = 0x10000000 // CLONE_NEWUSER, here with SIGCHLD
		p.Rules = append([]policy.Rule{{Call: "clone", When: []policy.Cond{{Op: policy.Eq, Values: []uint64{newUser | 17}}}, Do: policy.Action{Kind: policy.Allow}}}, p.Rules...)
		if fixesRoot(p) {
			t.Errorf("%s with one form of clone: the root counts as fixed", name)
		}
	}
}
