package supervise

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/belljar/belljar/policy"
)

// TestWithin proves that a look at a name in a directory is the thread's own where
// it is alone, that the directory is remembered only where nobody can move it, and
// that each name is decided by its own path.
func TestWithin(t *testing.T) {
	if _, err := os.Stat("/usr/bin/env"); err != nil {
		t.Skip("no /usr/bin/env")
	}
	uid, gid := programIDs()
	own := ownTree(t)
	must(t, os.WriteFile(own+"/f", nil, 0o644))
	must(t, os.Symlink("/etc/passwd", own+"/link"))
	refuse := policy.Action{Kind: policy.Deny, Errno: 13}
	e := newEngine(t, EngineConfig{Dir: own, UID: uid, GID: gid, Policy: &policy.Policy{Files: policy.Files{Default: kill, Rules: []policy.FileRule{
		{Pattern: "./**", Grant: policy.Write}, {Pattern: "/usr/**", Grant: policy.Read}, {Pattern: "/usr/bin/env", Do: refuse}, {Pattern: "/usr/bin/mawk", Do: refuse}}}}})
	e.resolver.fixed = true
	type look struct {
		dir, name string
		follow    bool
		kind      Kind
		kept      bool // the directory
	}
	looks := []look{
		{dir: own, name: "f", kind: Allow},
		{dir: own, name: "link", kind: Allow},
		{dir: own, name: "link", follow: true, kind: Kill},
		{dir: own, name: "..", kind: Return},
		{dir: "/usr/bin", name: "sh", kind: Allow, kept: true},
		{dir: "/usr/bin", name: "env", kind: Deny, kept: true},
		{dir: "/usr/bin", name: "no such file", kind: Fail, kept: true},
		{dir: "/proc/self", name: "maps", kind: Kill},
	}
	if to, err := filepath.EvalSymlinks("/usr/bin/awk"); err == nil && to == "/usr/bin/mawk" { // as in Debian
		looks = append(looks, look{dir: "/usr/bin", name: "awk", kind: Allow, kept: true}, look{dir: "/usr/bin", name: "awk", follow: true, kind: Deny, kept: true})
	}
	for _, tt := range looks {
		fd, err := unix.Open(tt.dir, unix.O_PATH|unix.O_DIRECTORY, 0)
		must(t, err)
		var st unix.Statx_t
		must(t, unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID|unix.STATX_INO, &st))
		flags := atSymlinkNofollow
		if tt.follow {
			flags = 0
		}
		for _, alone := range []bool{true, true, false} {
			trap := trapOf("newfstatat", fd, tt.name, 0, flags)
			trap.Args[2] = trap.Tracee.(*fakeTracee).put(string(make([]byte, 256)))
			trap.Alone = alone
			want := tt.kind
			switch {
			case want == Allow && !alone:
				want = Return
			case want == Fail && alone:
				want = Allow // the kernel finds out
			}
			onThread(t, func() {
				if d := e.Handle(trap); d.Kind != want {
					t.Errorf("%s in %s, alone %v: %+v, want kind %d", tt.name, tt.dir, alone, d, want)
				}
			})
		}
		path, kept := e.known.dir(dirID{uint64(st.Dev_major)<<32 | uint64(st.Dev_minor), st.Ino, st.Mnt_id})
		if kept != tt.kept || kept && path != tt.dir {
			t.Errorf("%s: kept %v as %q", tt.dir, kept, path)
		}
		unix.Close(fd)
	}
}
