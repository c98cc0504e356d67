package unshare

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWith(t *testing.T) {
	a := Root{}.With(Mount{Target: "/a", Source: "/1"}, Mount{Target: "b/", Source: "/2"})
	b := a.With(Mount{Target: "/a", Source: "/3"}).Without("/b")
	if diff := cmp.Diff([]Mount{{Target: "/a", Source: "/1"}, {Target: "/b", Source: "/2"}}, a.Mounts); diff != "" {
		t.Errorf("the original changed:\n%s", diff)
	}
	if diff := cmp.Diff([]Mount{{Target: "/a", Source: "/3"}}, b.Mounts); diff != "" {
		t.Errorf("the copy:\n%s", diff)
	}
}

func TestResolve(t *testing.T) {
	r := Root{}.With(Mount{Kind: Symlink, Target: "/bin", Source: "usr/bin"}, Mount{Kind: Symlink, Target: "/loop", Source: "/loop"},
		Mount{Kind: Symlink, Target: "/usr/a", Source: "../bin/b"})
	for in, want := range map[string]string{
		"/bin": "/usr/bin", "/bin/ls": "/usr/bin/ls", "/binary": "/binary", "/usr/a/c": "/usr/bin/b/c", "/loop/x": "/loop/x", "/": "/", "..": "/",
	} {
		if got := r.resolve(in); got != want && in != "/loop/x" {
			t.Errorf("resolve(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestRoots builds roots of every kind and looks at them from inside, with and
// without mount_setattr (Linux 5.12), and in a user namespace as root too.
func TestRoots(t *testing.T) {
	dir := hostDir(t)
	for name, content := range map[string]string{"file": "f", "data/x": "x", "data/secret": "s"} {
		name = filepath.Join(dir, name)
		os.Mkdir(filepath.Dir(name), 0o777)
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		os.Chmod(filepath.Dir(name), 0o777)
		os.Chmod(name, 0o666)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "data/etc")); err != nil {
		t.Fatal(err)
	}
	at := func(m Mount, source, target string) Mount { m.Source, m.Target = source, target; return m }
	ro, rw := Mount{}, Mount{Writable: true}
	tests := []struct {
		name   string
		mounts []Mount
		script string
		want   string
	}{
		{"read-only file", []Mount{at(ro, dir+"/file", "/in/a/file")}, "cat /in/a/file; echo x >> /in/a/file; stat -c %a /in/a", "f/bin/sh: 1: cannot create /in/a/file: Read-only file system\n755\n"},
		{"read-only directory", []Mount{at(ro, dir+"/data", "/in")}, "cat /in/x; touch /in/y || echo no", "xtouch: cannot touch '/in/y': Read-only file system\nno\n"},
		{"writable in read-only", []Mount{at(ro, dir, "/in"), at(rw, dir+"/data", "/in/data")}, "touch /in/data/w && rm /in/data/w && touch /in/w 2>/dev/null || echo no", "no\n"},
		{"read-only in writable", []Mount{at(rw, dir, "/in"), at(ro, dir+"/data", "/in/data")}, "touch /in/w && rm /in/w && touch /in/data/w 2>/dev/null || echo no", "no\n"},
		{"in a tmpfs", []Mount{at(ro, dir+"/data", "/tmp/a/b")}, "cat /tmp/a/b/x; rm -rf /tmp/a 2>/dev/null || echo kept", "xkept\n"},
		{"tmpfs of a size", []Mount{{Kind: Tmpfs, Target: "/t", Size: 1 << 20}}, "head -c 2000000 /dev/zero > /t/x 2>/dev/null; wc -c < /t/x", "1048576\n"},
		{"tmpfs with few files", []Mount{{Kind: Tmpfs, Target: "/t", Size: 4096}}, "i=0; while touch /t/$i 2>/dev/null && [ $i -lt 1000 ]; do i=$((i+1)); done; echo $i", "63\n"},
		{"masks", []Mount{at(ro, dir, "/in"), {Kind: Mask, Target: "/in/file"}, {Kind: Mask, Target: "/in/data"}, {Kind: Mask, Target: "/in/missing"}},
			"cat /in/file 2>&1; ls /in/data 2>&1; ls /in", "cat: /in/file: Permission denied\nls: cannot open directory '/in/data': Permission denied\ndata\nfile\n"},
		{"a symlink of the host does not lead out", []Mount{at(ro, dir+"/data", "/in"), at(ro, dir+"/file", "/in/etc/passwd")}, "cat /etc/passwd", "f"},
		{"through a symlink of the root", []Mount{{Kind: Symlink, Target: "/s", Source: "r/s"}, {Kind: Dir, Target: "/r/s"}, at(ro, dir+"/file", "/s/file")}, "cat /r/s/file", "f"},
		{"file, directory, link", []Mount{{Kind: File, Target: "/a/f", Content: "hi"}, {Kind: Dir, Target: "/d"}, {Kind: Symlink, Target: "/l", Source: "a/f"}}, "cat /l; rmdir /d 2>/dev/null || echo kept", "hikept\n"},
		{"a mount below a source stays", []Mount{at(ro, "/dev", "/hostdev")}, "touch /hostdev/shm/x 2>/dev/null || echo no; cat /hostdev/null 2>/dev/null || echo nodev", "no\nnodev\n"},
		{"a device by its name", []Mount{at(ro, "/dev/zero", "/z")}, "head -c 1 /z | od -An -c", "  \\0\n"},
	}
	specs := map[string]func(*Spec){"setattr": func(*Spec) {}, "remount": func(s *Spec) { s.oldAttributes = true }}
	if os.Geteuid() == 0 {
		specs["user namespace"] = func(s *Spec) { s.User = true }
		specs["remount in a user namespace"] = func(s *Spec) { s.User, s.oldAttributes = true, true }
	}
	for name, change := range specs {
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				s, r := ownSpec(), DefaultRoot().With(tt.mounts...)
				s.Root = &r
				change(&s)
				if diff := cmp.Diff(tt.want, shell(t, s, tt.script)); diff != "" {
					t.Errorf("want -, got +\n%s", diff)
				}
			})
		}
	}
}

// TestDirRoot uses the host's root directory as one, which has all that the
// shell needs.
func TestDirRoot(t *testing.T) {
	for _, old := range []bool{false, true} {
		s, r := ownSpec(), DirRoot("/", false)
		s.Root, s.oldAttributes = &r, old
		got := shell(t, s, "echo $$; touch /x /usr/x /var/tmp/x 2>&1; touch /tmp/x && ls -A /tmp /dev; echo /proc/[0-9]*; cat /proc/keys 2>&1")
		want := strings.Join([]string{"2",
			"touch: cannot touch '/x': Read-only file system", "touch: cannot touch '/usr/x': Read-only file system", "touch: cannot touch '/var/tmp/x': Read-only file system",
			"/dev:", "fd", "full", "null", "random", "shm", "stderr", "stdin", "stdout", "urandom", "zero", "", "/tmp:", "x",
			"/proc/1 /proc/2", "cat: /proc/keys: Permission denied", ""}, "\n")
		if diff := cmp.Diff(want, strings.Replace(got, "/proc/4", "", 1)); diff != "" {
			t.Errorf("old attributes %v: want -, got +\n%s", old, diff)
		}
	}
}

func TestWritableDirRoot(t *testing.T) {
	dir := hostDir(t)
	// DirRoot mounts /dev where the directory has one. Debian 11's kernel, which
	// has TOMOYO switched on, looks /dev/fd/0 up when init is executed.
	var mounts []Mount
	for _, name := range []string{"/proc", "/dev", "/usr", "/bin", "/lib", "/lib64"} {
		if _, err := os.Stat(name); err != nil {
			continue // arm64 has no /lib64
		}
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if name != "/proc" && name != "/dev" {
			mounts = append(mounts, Mount{Source: name, Target: name})
		}
	}
	for _, writable := range []bool{false, true} {
		s, r := ownSpec(), DirRoot(dir, writable).With(mounts...)
		s.Root = &r
		shell(t, s, "echo hi > /written")
		_, err := os.Stat(filepath.Join(dir, "written"))
		if (err == nil) != writable {
			t.Errorf("writable %v: the file on the host: %v", writable, err)
		}
	}
	os.Remove(filepath.Join(dir, "written"))
}

// TestSubmounts: what is mounted below a source becomes read-only too.
func TestSubmounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount on the host")
	}
	dir := hostDir(t)
	sub := filepath.Join(dir, "with space")
	if err := os.Mkdir(sub, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("test", sub, "tmpfs", syscall.MS_NOEXEC, "mode=1777"); err != nil {
		t.Fatal(err)
	}
	defer syscall.Unmount(sub, syscall.MNT_DETACH)
	for _, s := range []Spec{{}, {oldAttributes: true}, {User: true}, {User: true, oldAttributes: true}} {
		r := DefaultRoot().With(Mount{Source: dir, Target: "/in"})
		s.Root, s.UID, s.GID = &r, nobody, nobody
		if got := shell(t, s, "touch '/in/with space/x' 2>&1; grep -c '/in.*ro,.*noexec' /proc/self/mountinfo"); got != "touch: cannot touch '/in/with space/x': Read-only file system\n1\n" {
			t.Errorf("%+v: %s", s, got)
		}
	}
}

// A room is at a top directory in which the root shows nothing.
func TestRoom(t *testing.T) {
	root := Root{}.With(Mount{Kind: Tmpfs, Target: "/tmp"}, Mount{Kind: Bind, Target: "/usr", Source: "/usr"}, Mount{Kind: File, Target: "/etc/passwd"},
		Mount{Kind: Symlink, Target: "/bin", Source: "usr/bin"}, Mount{Kind: Symlink, Target: "/home", Source: "usr/home"})
	for name, want := range map[string]string{
		"/srv/a/program": "/srv", "/srv/program": "/srv", "/program": "",
		"/tmp/program": "", "/usr/bin/env": "", "/bin/env": "", "/home/a/program": "", "/etc/program": "", "/etc/a/program": "",
	} {
		if got := root.Room(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := DirRoot("/", false).Room("/srv/a/program"); got != "" {
		t.Errorf("in a directory: %q", got)
	}
}
