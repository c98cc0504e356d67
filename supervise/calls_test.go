package supervise

import (
	"encoding/binary"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// notDecided are calls with a path that no sandboxed program has the right to
// make, or whose path names no file.
var notDecided = strings.Fields("mount umount umount2 pivot_root move_mount mount_setattr fspick quotactl " +
	"mq_open mq_unlink open_tree_attr")

// TestEveryPathCall proves that the table has every path argument that the
// tables of system calls know, at the same place.
func TestEveryPathCall(t *testing.T) {
	for _, name := range syscalls.Names() {
		var want, got []int
		for i, kind := range syscalls.Args(name) {
			if kind == syscalls.Path {
				want = append(want, i)
			}
		}
		if len(want) == 0 || slices.Contains(notDecided, name) {
			continue
		}
		call := pathCallOf[name]
		if call == nil {
			t.Errorf("%s: not in the table, has paths at %v", name, want)
			continue
		}
		for _, p := range call.paths {
			got = append(got, int(p.path))
			if p.dir != cwd && syscalls.Args(name)[p.dir] != syscalls.DirFD {
				t.Errorf("%s: argument %d is no dirfd", name, p.dir)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: paths at %v, want %v", name, got, want)
		}
	}
	for _, call := range pathCalls {
		if !syscalls.Known(call.name) {
			t.Errorf("%s: no architecture has this call", call.name)
		}
	}
}

func how(flags, resolve uint64, more string) string {
	b := make([]byte, openHowSize)
	binary.LittleEndian.PutUint64(b, flags)
	binary.LittleEndian.PutUint64(b[16:], resolve)
	return string(b) + more
}

// TestReadRequest proves what each form of a call asks for.
func TestReadRequest(t *testing.T) {
	const cwd32 = uint64(0xffffff9c) // AT_FDCWD, zero-extended
	req := func(p ...pathRequest) []pathRequest { return p }
	at := func(dir int32, path string, want policy.Access, l last) pathRequest {
		return pathRequest{dir: dir, path: path, want: want, last: l}
	}
	created := at(atFDCWD, "p", write, follow)
	created.create = true
	exclusive := at(atFDCWD, "p", write, nofollow)
	exclusive.create = true
	unnamed := at(3, "p", write, follow)
	unnamed.unnamed = true
	self := pathRequest{dir: 3, want: stat, self: true}
	beneath := at(3, "p", read, follow)
	beneath.resolve = sys.RESOLVE_BENEATH
	for _, c := range []struct {
		what  string
		trap  *Trap
		want  []pathRequest
		errno syscall.Errno
	}{
		{what: "read", trap: trapOf("openat", cwd32, "p", 0), want: req(at(atFDCWD, "p", read, follow))},
		{what: "O_RDWR", trap: trapOf("open", "p", syscall.O_RDWR), want: req(at(atFDCWD, "p", write, follow))},
		{what: "O_TRUNC", trap: trapOf("open", "p", syscall.O_TRUNC), want: req(at(atFDCWD, "p", write, follow))},
		{what: "O_CREAT", trap: trapOf("open", "p", syscall.O_CREAT), want: req(created)},
		{what: "O_EXCL", trap: trapOf("open", "p", syscall.O_CREAT|syscall.O_EXCL), want: req(exclusive)},
		{what: "creat", trap: trapOf("creat", "p"), want: req(created)},
		{what: "O_NOFOLLOW", trap: trapOf("open", "p", amd64Nofollow), want: req(at(atFDCWD, "p", read, nofollow))},
		{what: "O_PATH drops O_CREAT", trap: trapOf("openat", 3, "p", oPath|syscall.O_CREAT|syscall.O_RDWR),
			want: req(at(3, "p", stat, follow))},
		{what: "O_TMPFILE", trap: trapOf("openat", 3, "p", oTmpfileBit|amd64Directory|syscall.O_RDWR), want: req(unnamed)},
		{what: "openat2", trap: trapOf("openat2", 3, "p", how(0, sys.RESOLVE_BENEATH, ""), openHowSize), want: req(beneath)},
		{what: "openat2 zero tail", trap: trapOf("openat2", 3, "p", how(0, sys.RESOLVE_BENEATH, "\x00\x00"), openHowSize+2),
			want: req(beneath)},
		{what: "openat2 tail", trap: trapOf("openat2", 3, "p", how(0, 0, "\x01"), openHowSize+1), errno: syscall.E2BIG},
		{what: "openat2 short", trap: trapOf("openat2", 3, "p", how(0, 0, ""), 8), errno: syscall.EINVAL},
		{what: "openat2 huge", trap: trapOf("openat2", 3, "p", how(0, 0, ""), 1<<20), errno: syscall.E2BIG},
		{what: "openat2 NULL", trap: trapOf("openat2", 3, "p", 0, openHowSize), errno: syscall.EFAULT},
		{what: "openat2 unknown flag", trap: trapOf("openat2", 3, "p", how(0, 1<<40, ""), openHowSize), errno: syscall.EINVAL},
		{what: "fstat", trap: trapOf("newfstatat", 3, "", 0, atEmptyPath), want: req(self)},
		{what: "fstat NULL", trap: trapOf("newfstatat", 3, 0, 0, atEmptyPath), want: req(self)},
		{what: "empty path", trap: trapOf("newfstatat", 3, "", 0, 0), want: req(at(3, "", stat, follow))},
		{what: "lstat", trap: trapOf("newfstatat", 3, "p", 0, atSymlinkNofollow), want: req(at(3, "p", stat, nofollow))},
		{what: "futimens", trap: trapOf("utimensat", 3, 0, 0, 0)},
		{what: "symlinkat", trap: trapOf("symlinkat", "target", 3, "p"), want: req(at(3, "p", write, entry))},
		{what: "linkat", trap: trapOf("linkat", 3, "p", 4, "q", atSymlinkFollow),
			want: req(at(3, "p", write, follow), at(4, "q", write, entry))},
		{what: "renameat2", trap: trapOf("renameat2", 3, "p", 4, "q", 0),
			want: req(at(3, "p", write, entry), at(4, "q", write, entry))},
		{what: "NULL", trap: trapOf("stat", 0), errno: syscall.EFAULT},
	} {
		got, errno := readRequest(c.trap, pathCallOf[c.trap.Name()])
		if errno != c.errno || !slices.Equal(got.paths[:got.n], c.want) {
			t.Errorf("%s: %+v, %v\nwant %+v, %v", c.what, got.paths[:got.n], errno, c.want, c.errno)
		}
	}
}
