package supervise

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/policy"
)

// onThread runs f on a thread that acts for tracees and ends with f.
func onThread(t testing.TB, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends here
		err := Begin()
		defer func() { done <- err }()
		if err == nil {
			f()
		}
	}()
	must(t, <-done)
}

// programIDs are who a program would be if this test's process started it.
func programIDs() (uid, gid int) {
	if os.Geteuid() == 0 {
		return 65534, 65534
	}
	return os.Geteuid(), os.Getegid()
}

// ownTree is a directory that the program may write to, with a clean path.
func ownTree(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	uid, gid := programIDs()
	for d := dir; len(d) > len(os.TempDir()); d = filepath.Dir(d) {
		must(t, os.Chmod(d, 0o755))
	}
	must(t, os.Chown(dir, uid, gid))
	return dir
}

// actingEngine allows everything below dir, on behalf of the program.
func actingEngine(t testing.TB, dir string) *Engine {
	uid, gid := programIDs()
	return newEngine(t, EngineConfig{Dir: dir, UID: uid, GID: gid, Policy: &policy.Policy{Files: policy.Files{
		Default: kill, Rules: []policy.FileRule{{Pattern: "./**", Grant: policy.Write}, {Pattern: "/usr/**", Grant: policy.Read},
			{Pattern: "/proc/self/**", Grant: policy.Read}}}}})
}

// open opens as the engine decides, and returns what the tracee would get.
func open(t testing.TB, e *Engine, trap *Trap) (fd int, errno syscall.Errno) {
	t.Helper()
	d := e.Handle(trap)
	if d.Kind != Open {
		return -1, d.Errno
	}
	defer d.Opening.Close()
	return d.Opening.Open()
}

// TestOpening proves what an opening tells a supervisor.
func TestOpening(t *testing.T) {
	dir := ownTree(t)
	must(t, os.WriteFile(dir+"/f", nil, 0o644))
	must(t, os.Symlink("f", dir+"/link"))
	must(t, syscall.Mkfifo(dir+"/fifo", 0o666))
	t.Chdir(dir)
	held, err := os.Open(dir + "/f")
	must(t, err)
	defer held.Close()
	pr, pw, err := os.Pipe()
	must(t, err)
	defer pr.Close()
	defer pw.Close()
	e := actingEngine(t, dir)
	type told struct {
		path   string
		blocks bool
		flags  uint64
		mode   uint32
	}
	env, err := filepath.EvalSymlinks("/usr/bin/env")
	must(t, err)
	for _, c := range []struct {
		path  string
		flags int
		want  told
	}{
		{env, 0, told{path: env}},
		{"/usr/bin/../bin/env", 0, told{path: env}},
		{dir + "/f", syscall.O_RDWR, told{path: dir + "/f", flags: syscall.O_RDWR}},
		{"f", 0, told{path: dir + "/f"}},
		{"link", 0, told{path: dir + "/f"}},
		{"new", syscall.O_CREAT | syscall.O_WRONLY, told{path: dir + "/new", flags: syscall.O_CREAT | syscall.O_WRONLY, mode: 0o666}},
		{"fifo", syscall.O_RDONLY, told{path: dir + "/fifo", blocks: true}},
		{"fifo", syscall.O_RDONLY | syscall.O_NONBLOCK, told{path: dir + "/fifo", flags: syscall.O_NONBLOCK}},
		{"f", 1 << 30, told{path: dir + "/f"}},
		{"f", oPath | syscall.O_CREAT | syscall.O_CLOEXEC, told{path: dir + "/f", flags: oPath | syscall.O_CLOEXEC}},
		{fdName(held), 0, told{path: dir + "/f"}},
		{fdName(pr), 0, told{blocks: true}},
	} {
		onThread(t, func() {
			d := e.Handle(trapOf("openat", atFDCWD, c.path, c.flags, 0o666))
			if d.Kind != Open {
				t.Errorf("%s: %+v", c.path, d)
				return
			}
			defer d.Opening.Close()
			var got told
			var ok bool
			got.path, ok = d.Opening.Path()
			got.blocks = d.Opening.Blocks()
			got.flags, got.mode = d.Opening.Flags(), d.Opening.Mode()
			if got != c.want || ok != (c.want.path != "") {
				t.Errorf("%s: %+v, want %+v", c.path, got, c.want)
			}
			if n := d.Opening.Descriptor(); (n >= 0) != strings.HasPrefix(c.path, "/proc/self/fd/") {
				t.Errorf("%s: descriptor %d", c.path, n)
			}
		})
	}
	onThread(t, func() {
		d := e.Handle(trapOf("openat", atFDCWD, "/proc/self/status", 0))
		if d.Kind != Open {
			t.Errorf("own status: %+v", d)
			return
		}
		defer d.Opening.Close()
		if path, _ := d.Opening.Path(); path != "/proc/"+itoa(os.Getpid())+"/status" || d.Path != "/proc/self/status" {
			t.Errorf("own status is %s, decided as %s", path, d.Path)
		}
	})
}

// TestOpenOnBehalf proves that Open gives what the kernel would have given.
func TestOpenOnBehalf(t *testing.T) {
	ownArch(t)
	dir := ownTree(t)
	t.Chdir(dir)
	uid, gid := programIDs()
	must(t, os.WriteFile("f", []byte("data"), 0o644))
	must(t, os.Mkdir("d", 0o755))
	must(t, os.Chown("d", uid, gid))
	must(t, os.Symlink("made", "dangling"))
	must(t, os.Symlink("f", "link"))
	if os.Geteuid() == 0 {
		must(t, os.Chown("f", uid, gid))
		must(t, os.WriteFile("secret", nil, 0o600))
		must(t, os.Mkdir("locked", 0o700))
	}
	e := actingEngine(t, dir)
	const creat, excl = syscall.O_CREAT | syscall.O_WRONLY, syscall.O_EXCL
	for _, c := range []struct {
		path  string
		flags int
		want  syscall.Errno
		root  bool // needs a Belljar that may more than the program
	}{
		{path: "f"},
		{path: "link"},
		{path: "link", flags: syscall.O_NOFOLLOW, want: syscall.ELOOP},
		{path: "link", flags: syscall.O_NOFOLLOW | oPath},
		{path: "f", flags: syscall.O_DIRECTORY, want: syscall.ENOTDIR},
		{path: "f", flags: syscall.O_DIRECTORY | oPath, want: syscall.ENOTDIR},
		{path: "f", flags: creat},
		{path: "f", flags: creat | excl, want: syscall.EEXIST},
		{path: "d", flags: creat, want: syscall.EISDIR},
		{path: "d/.", flags: creat, want: syscall.EISDIR},
		{path: "d/.", flags: creat | excl, want: syscall.EEXIST},
		{path: "d", flags: syscall.O_WRONLY, want: syscall.EISDIR},
		{path: "d", flags: syscall.O_DIRECTORY},
		{path: "d", flags: oTmpfileBit | syscall.O_DIRECTORY | syscall.O_RDWR},
		{path: "d", flags: oTmpfileBit | syscall.O_RDWR, want: syscall.EINVAL},
		{path: "new1", flags: creat | excl},
		{path: "dangling", flags: creat},
		{path: "dangling", flags: creat | excl, want: syscall.EEXIST},
		{path: "none", want: syscall.ENOENT},
		{path: "none/", flags: creat, want: syscall.EISDIR},
		{path: "secret", want: syscall.EACCES, root: true},
		{path: "locked/x", want: syscall.EACCES, root: true},
		{path: "locked", want: syscall.EACCES, root: true},
		{path: "locked", flags: oPath, root: true},
	} {
		if c.root && os.Geteuid() != 0 {
			continue
		}
		onThread(t, func() {
			fd, errno := open(t, e, trapOf("openat", atFDCWD, c.path, c.flags, 0o666))
			if errno != c.want {
				t.Errorf("%s %#o: %v, want %v", c.path, c.flags, errno, c.want)
			}
			if errno == 0 {
				syscall.Close(fd)
			}
		})
	}
	var st syscall.Stat_t
	must(t, syscall.Stat("made", &st))
	if int(st.Uid) != uid || int(st.Gid) != gid {
		t.Errorf("a new file belongs to %d:%d, want %d:%d", st.Uid, st.Gid, uid, gid)
	}
	umask := syscall.Umask(0)
	syscall.Umask(umask)
	if st.Mode&0o7777 != 0o666&^uint32(umask) {
		t.Errorf("a new file has mode %#o under umask %#o", st.Mode&0o7777, umask)
	}
}

// A FIFO that takes the place of a file to be created makes nobody wait who must not.
func TestOpeningMustWait(t *testing.T) {
	dir := ownTree(t)
	e := actingEngine(t, dir)
	defer e.Close()
	onThread(t, func() {
		d := e.Handle(trapOf("openat", -100, dir+"/new", syscall.O_CREAT|syscall.O_WRONLY, 0o600))
		if d.Kind != Open || d.Opening.Blocks() {
			t.Errorf("%+v", d)
			return
		}
		defer d.Opening.Close()
		must(t, syscall.Mkfifo(dir+"/new", 0o666))
		must(t, os.Chmod(dir+"/new", 0o666))
		if fd, errno := d.Opening.Open(); errno == 0 || !d.Opening.MustWait() {
			t.Errorf("opened %d, %v", fd, errno)
		}
		reader, err := syscall.Open(dir+"/new", syscall.O_RDONLY|syscall.O_NONBLOCK, 0)
		must(t, err)
		defer syscall.Close(reader)
		fd, errno := d.Opening.OpenPatiently()
		if errno != 0 || d.Opening.MustWait() {
			t.Errorf("with a reader: %v", errno)
			return
		}
		syscall.Close(fd)
	})
}
