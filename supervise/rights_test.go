package supervise

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// rightsTree has what the program must not touch, in a directory of its own.
func rightsTree(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can act for somebody who may less")
	}
	dir := ownTree(t)
	t.Chdir(dir)
	for _, d := range []string{"locked", "fixed", "sticky"} {
		must(t, os.Mkdir(d, 0o755))
	}
	for _, f := range []string{"secret", "locked/x", "fixed/x", "sticky/theirs"} {
		must(t, os.WriteFile(f, []byte("data"), 0o600))
	}
	must(t, os.WriteFile("sticky/open", nil, 0o666))
	must(t, os.Chmod("sticky/open", 0o666))
	must(t, os.Symlink(dir+"/mine", "sticky/link"))
	must(t, os.WriteFile("mine", nil, 0o644))
	must(t, os.Chown("mine", 65534, 65534))
	must(t, os.Lchown("sticky/link", 12345, 12345))
	must(t, os.Chmod("locked", 0o700))
	must(t, os.Chmod("sticky", 0o777|os.ModeSticky))
	return dir
}

// attempts are calls that need rights which a program has not.
var attempts = []struct {
	call string
	args []any
	want syscall.Errno
}{
	{"access", []any{"locked/x", 0}, syscall.EACCES},
	{"access", []any{"secret", 4}, syscall.EACCES},
	{"truncate", []any{"secret", 0}, syscall.EACCES},
	{"truncate", []any{"/proc/sys/kernel/hostname", 0}, syscall.EACCES},
	{"chmod", []any{"secret", 0o777}, syscall.EPERM},
	{"chown", []any{"mine", 0, 0}, syscall.EPERM},
	{"mkdir", []any{"fixed/new", 0o755}, syscall.EACCES},
	{"unlink", []any{"fixed/x"}, syscall.EACCES},
	{"unlink", []any{"sticky/theirs"}, syscall.EPERM},
	{"rename", []any{"sticky/open", "mine2"}, syscall.EPERM},
	{"mknod", []any{"device", syscall.S_IFCHR | 0o666, 0x103}, syscall.EPERM},
	{"setxattr", []any{"mine", "trusted.a", "v", 1, 0}, syscall.EPERM},
	{"utimensat", []any{atFDCWD, "secret", 0, 0}, syscall.EACCES},
	{"open", []any{"secret", 0, 0}, syscall.EACCES},
	{"open", []any{"fixed/new", syscall.O_CREAT | syscall.O_WRONLY, 0o644}, syscall.EACCES},
	{"open", []any{"/proc/sys/kernel/hostname", syscall.O_WRONLY, 0}, syscall.EACCES},
}

// try makes one of the attempts and returns its error.
func try(t *testing.T, e *Engine, trap *Trap) syscall.Errno {
	switch d := e.Handle(trap); d.Kind {
	case Open:
		defer d.Opening.Close()
		fd, errno := d.Opening.Open()
		if errno == 0 {
			syscall.Close(fd)
		}
		return errno
	case Return:
		return 0
	case Fail:
		return d.Errno
	default:
		t.Errorf("%s: %+v", trap.Name(), d)
		return 0
	}
}

func rightsEngine(t *testing.T) *Engine {
	return newEngine(t, EngineConfig{UID: 65534, GID: 65534, Policy: &policy.Policy{Files: policy.Files{
		Default: policy.Action{Kind: policy.Allow}, Rules: []policy.FileRule{{Pattern: "/none", Do: kill}}}}})
}

// TestRights proves that what a policy allows still needs the program's own
// rights, and that the thread has Belljar's again afterwards.
func TestRights(t *testing.T) {
	rightsTree(t)
	e := rightsEngine(t)
	onThread(t, func() {
		for _, a := range attempts {
			if errno := try(t, e, trapOf(a.call, a.args...)); errno != a.want {
				t.Errorf("%s %q: %v, want %v", a.call, a.args, errno, a.want)
			}
			if caps, errno := sys.ReadCapabilities(); errno != 0 || caps != e.identity.own {
				t.Fatalf("capabilities after %s: %+v, want %+v", a.call, caps, e.identity.own)
			}
		}
		var who actor
		who.id = &e.identity
		if uid, gid := sys.EffectiveIDs(); uid != 65534 || gid != 65534 {
			t.Errorf("between traps the thread is %d:%d", uid, gid)
		}
		if !who.leave() {
			t.Error(who.err)
		}
		if uid, gid := sys.EffectiveIDs(); uid != 0 || gid != uint32(os.Getegid()) {
			t.Errorf("for other code the thread is %d:%d", uid, gid)
		}
	})
	if _, err := os.Stat("fixed/x"); err != nil {
		t.Error(err)
	}
}

// TestRightsMutant proves that the rights are what keeps the program out: with
// Belljar's own, attempts succeed.
func TestRightsMutant(t *testing.T) {
	rightsTree(t)
	e := rightsEngine(t)
	e.identity.switches = false
	onThread(t, func() {
		for _, a := range attempts {
			if a.call == "truncate" || a.call == "open" && a.args[0] != "secret" {
				continue // the host's name is not to be changed, nor what follows to be missing
			}
			if errno := try(t, e, trapOf(a.call, a.args...)); errno != 0 && a.call != "setxattr" {
				t.Errorf("%s %q with Belljar's rights: %v", a.call, a.args, errno)
			}
		}
	})
}

// TestProtectedPlaces proves that the kernel's protections of sticky directories
// hold where the walk follows a link, opens a file or links one.
func TestProtectedPlaces(t *testing.T) {
	dir := rightsTree(t)
	e := rightsEngine(t)
	onThread(t, func() {
		if errno := try(t, e, trapOf("stat", "sticky/link", fakeBase)); protectedSymlinks() != 0 && errno != syscall.EACCES {
			t.Errorf("a stranger's link in a sticky directory: %v", errno)
		}
		must(t, os.Lchown(dir+"/sticky/link", 65534, 65534))
		trap := trapOf("stat", "sticky/link", fakeBase)
		trap.Tracee.(*fakeTracee).put(string(make([]byte, 256)))
		if errno := try(t, e, trap); errno != 0 {
			t.Errorf("the program's own link: %v", errno)
		}
		if hardlinks, _ := sysctl("fs/protected_hardlinks"); hardlinks != 0 {
			if errno := try(t, e, trapOf("link", "secret", "second")); errno != syscall.EPERM {
				t.Errorf("a hard link to a file that the program may not write: %v", errno)
			}
		}
	})
	for _, c := range []struct {
		level     int
		dir, file sys.FileStat
		want      syscall.Errno
	}{
		{1, sys.FileStat{Mode: 0o1777}, sys.FileStat{UID: 5}, syscall.EACCES},
		{1, sys.FileStat{Mode: 0o1777, UID: 5}, sys.FileStat{UID: 5}, 0},
		{1, sys.FileStat{Mode: 0o1777}, sys.FileStat{UID: 65534}, 0},
		{1, sys.FileStat{Mode: 0o777}, sys.FileStat{UID: 5}, 0},
		{1, sys.FileStat{Mode: 0o1775}, sys.FileStat{UID: 5}, 0},
		{2, sys.FileStat{Mode: 0o1775}, sys.FileStat{UID: 5}, syscall.EACCES},
	} {
		if got := refuseSticky(c.level, c.dir, c.file, 65534); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// stale is a tracee whose thread has gone on.
type stale struct{ *fakeTracee }

func (stale) Valid() bool { return false }

// TestFailureIsClosed proves that nothing is done where Belljar cannot be sure
// what it is about.
func TestFailureIsClosed(t *testing.T) {
	dir := ownTree(t)
	t.Chdir(dir)
	must(t, os.WriteFile("f", nil, 0o644))
	uid, gid := programIDs()
	must(t, os.Chown("f", uid, gid))
	e := actingEngine(t, dir)
	dead := osexec.Command("/bin/true")
	must(t, dead.Run())
	onThread(t, func() {
		for _, call := range []string{"unlink", "open", "stat"} {
			trap := trapOf(call, "f", fakeBase)
			trap.Tracee = stale{trap.Tracee.(*fakeTracee)}
			if d := e.Handle(trap); d.Kind != Fail || d.Errno != syscall.ESRCH {
				t.Errorf("%s of a thread that went on: %+v", call, d)
			}
			trap = trapOf(call, "f", fakeBase)
			trap.PID, trap.TID = dead.Process.Pid, dead.Process.Pid
			if d := e.Handle(trap); d.Kind != Fail || d.Errno != syscall.ESRCH {
				t.Errorf("%s of a thread that is gone: %+v", call, d)
			}
		}
		if d := e.Handle(trapOf("unlink", 0)); d.Kind != Fail || d.Errno != syscall.EFAULT {
			t.Errorf("memory that cannot be read: %+v", d)
		}
		trap := trapOf("stat", "f", 16)
		if d := e.Handle(trap); d.Kind != Fail || d.Errno != syscall.EFAULT {
			t.Errorf("memory that cannot be written: %+v", d)
		}
	})
	if _, err := os.Stat("f"); err != nil {
		t.Error(err)
	}
}

// fewFiles in the environment makes the test binary run out of descriptors.
const fewFiles = "BELLJAR_TEST_FEW_FILES"

// TestNoDescriptors proves that a Belljar without descriptors lets no call
// pass, in a process of its own.
func TestNoDescriptors(t *testing.T) {
	if os.Getenv(fewFiles) == "" {
		cmd := osexec.Command("/proc/self/exe", "-test.run=^TestNoDescriptors$")
		cmd.Env = append(os.Environ(), fewFiles+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	dir := ownTree(t)
	must(t, os.WriteFile(filepath.Join(dir, "f"), nil, 0o644))
	t.Chdir(dir)
	e := actingEngine(t, dir)
	passed, failed := 0, 0
	onThread(t, func() {
		runtime.GC() // no finalizer closes a file meanwhile
		for limit := range uint64(24) {
			must(t, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit, Max: 4096}))
			for _, path := range []string{"f", dir + "/f", "../" + filepath.Base(dir) + "/f"} {
				trap := trapOf("access", path, 4)
				switch d := e.Handle(trap); {
				case d.Kind == Return:
					passed++
				case d.Kind == Fail && d.Errno == syscall.EMFILE:
					failed++
				default:
					t.Errorf("with %d descriptors: %+v", limit, d)
				}
			}
		}
	})
	if passed == 0 || failed == 0 {
		t.Errorf("%d calls were made, %d failed", passed, failed)
	}
}
