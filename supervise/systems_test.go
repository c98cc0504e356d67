package supervise

import (
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// TestSystems pins what counts as nobody's but the system's when it is opened.
func TestSystems(t *testing.T) {
	file := func(uid, mode uint32) sys.FileStat { return sys.FileStat{Mode: syscall.S_IFREG | mode, UID: uid} }
	for _, tt := range []struct {
		path string
		want policy.Access
		stat sys.FileStat // zero: nothing was looked up
		ok   bool
	}{
		{"/usr/lib/x", read, sys.FileStat{}, true},
		{"/etc/hosts", read, file(0, 0o666), true}, // root's to keep in order
		{"/etc/hosts", write, file(0, 0o644), false},
		{"/library/x", read, sys.FileStat{}, false},
		{"/usr", read, sys.FileStat{}, true},
		{"/data/x", read, sys.FileStat{}, false},
		{"/data/x", read, file(0, 0o644), true},
		{"/data/x", read, file(0, 0o664), false},
		{"/data/x", read, file(0, 0o646), false},
		{"/data/x", read, file(1000, 0o444), false},
		{"/data/x", write, file(0, 0o644), false},
		{"/data", read, sys.FileStat{Mode: syscall.S_IFDIR | 0o777}, true},
		{"pipe:[1]", read, sys.FileStat{Mode: syscall.S_IFIFO}, true},
		{"/data/null", read, sys.FileStat{Mode: syscall.S_IFCHR}, false},
		{"/dev/null", write, sys.FileStat{Mode: syscall.S_IFCHR}, true},
		{"/dev/pts/1", write, sys.FileStat{Mode: syscall.S_IFCHR}, true},
		{"/dev/shm/x", read, sys.FileStat{}, false},
		{"/dev/dri/card0", read, sys.FileStat{Mode: syscall.S_IFCHR}, false},
		{"", read, sys.FileStat{}, false},
	} {
		o := object{path: tt.path, fd: -1, stat: tt.stat}
		if tt.stat != (sys.FileStat{}) {
			o.fd = 0
		}
		if got := isSystems(&o, tt.want); got != tt.ok {
			t.Errorf("%s, access %v, %o of %d: %v", tt.path, tt.want, tt.stat.Mode, tt.stat.UID, got)
		}
	}
}
