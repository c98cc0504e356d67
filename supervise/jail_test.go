package supervise

import (
	"bufio"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/internal/testkit"
)

// jailKind in the environment makes the test binary a tracee in namespaces of
// its own: "chroot" or "pivot", by how it gets its root.
const jailKind, jailDir = "BELLJAR_TEST_JAIL", "BELLJAR_TEST_JAIL_DIR"

// The main thread is the tracee of most tests. A goroutine that makes its thread
// act for tracees must not get that one.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	if kind := os.Getenv(jailKind); kind != "" {
		if err := jailed(kind, os.Getenv(jailDir)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	Warm()
	testkit.Main(m)
}

func jailed(kind, dir string) error {
	steps := []func() error{
		func() error { return syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "") },
		func() error { return syscall.Mount(dir, dir, "", syscall.MS_BIND|syscall.MS_REC, "") },
		func() error { return syscall.Chdir(dir) },
		func() error { return syscall.Mount("proc", "proc", "proc", 0, "") },
	}
	if kind == "chroot" {
		steps = append(steps, func() error { return syscall.Chroot(".") })
	} else {
		steps = append(steps,
			func() error { return syscall.PivotRoot(".", ".") },
			func() error { return syscall.Unmount(".", syscall.MNT_DETACH) })
	}
	steps = append(steps, func() error { return syscall.Chdir("/in") })
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// startJail starts a tracee whose root is dir, PID 1 of its PID namespace, with
// descriptor 3 open on a directory outside. It skips where the host does not
// let this user make namespaces.
func startJail(t *testing.T, kind, dir string, outside *os.File) thread {
	t.Helper()
	cmd := osexec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), jailKind+"="+kind, jailDir+"="+dir)
	cmd.ExtraFiles = []*os.File{outside}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	if err := cmd.Start(); err != nil {
		t.Skipf("user namespaces: %v", err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, _ := bufio.NewReader(stdout).ReadString('\n')
	if line != "ready\n" {
		t.Skipf("the host lets no tracee make its own root: %s", line)
	}
	return thread{cmd.Process.Pid, cmd.Process.Pid}
}

// TestResolveInJail proves that paths are seen as a tracee with its own root,
// mounts and PIDs sees them.
func TestResolveInJail(t *testing.T) {
	for _, kind := range []string{"chroot", "pivot"} {
		t.Run(kind, func(t *testing.T) { resolveInJail(t, kind) })
	}
}

func resolveInJail(t *testing.T, kind string) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	for _, d := range []string{"proc", "in", "etc"} {
		must(t, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	must(t, os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte("jail"), 0o644))
	must(t, os.Symlink("/etc/passwd", filepath.Join(dir, "in/abs")))
	must(t, os.Symlink("../../../../etc/passwd", filepath.Join(dir, "in/up")))
	outside, err := os.Open("/etc")
	must(t, err)
	defer outside.Close()
	th := startJail(t, kind, dir, outside)
	number := strconv.Itoa(th.pid)
	var r resolver
	defer r.close()
	for _, c := range []struct {
		dir   int32
		path  string
		want  string
		kind  objectKind
		errno syscall.Errno
	}{
		{path: "/", want: "/", kind: objFile},
		{path: "/..", want: "/", kind: objFile},
		{path: "/etc/passwd", want: "/etc/passwd", kind: objFile},
		{path: "abs", want: "/etc/passwd", kind: objFile},
		{path: "up", want: "/etc/passwd", kind: objFile},
		{path: "../../../etc/passwd", want: "/etc/passwd", kind: objFile},
		{path: "/proc/self/status", want: "/proc/self/status", kind: objFile},
		{path: "/proc/1/status", want: "/proc/self/status", kind: objFile},
		{path: "/proc/thread-self/comm", want: "/proc/self/task/1/comm", kind: objFile},
		{path: "/proc/" + number + "/status", want: "/proc/" + number + "/status", errno: syscall.ENOENT},
		{path: "/proc/self/root/etc/passwd", want: "/etc/passwd", kind: objFile},
		{path: "/proc/self/cwd", want: "/in", kind: objFile},
		{path: "passwd", dir: 3, want: unreachable + "/etc/passwd", kind: objOutside},
		{path: "/proc/self/fd/3/passwd", want: unreachable + "/etc/passwd", kind: objOutside},
		{path: "/proc/self/fd/3/none/x", want: unreachable + "/etc/none/x", errno: syscall.ENOENT},
		{path: "/proc/self/fd/0", want: "/proc/self/fd/0", kind: objAnonymous},
	} {
		p := pathRequest{dir: c.dir, path: c.path}
		if c.dir == 0 {
			p.dir = atFDCWD
		}
		o := r.resolve(th, &p, nil)
		if o.path != c.want || o.kind != c.kind || o.errno != c.errno {
			t.Errorf("%s: %q kind %d (%v), want %q kind %d (%v)", c.path, o.path, o.kind, o.errno, c.want, c.kind, c.errno)
		}
		o.close()
	}
	wantOwnStatus(t, &r, th)
}

// wantOwnStatus proves that /proc/self leads to the tracee, not to us.
func wantOwnStatus(t *testing.T, r *resolver, th thread) {
	t.Helper()
	o := r.resolve(th, &pathRequest{dir: atFDCWD, path: "/proc/self/ns/pid"}, nil)
	defer o.close()
	theirs, errno := fdPath(o.fd)
	ours, errno2 := readLink(sys.AT_FDCWD, "/proc/self/ns/pid")
	if errno != 0 || errno2 != 0 || theirs == ours {
		t.Errorf("/proc/self/ns/pid is %q (%v), ours is %q (%v)", theirs, errno, ours, errno2)
	}
	// No rule names it, and it is no descriptor: its own path counts.
	if o.kind != objAnonymous || o.path != "/proc/self/ns/pid" || o.own {
		t.Errorf("namespace: %+v", o)
	}
}

// TestForeignRoot proves that a thread which changed its root matches no rule:
// it would choose what the names in rules mean.
func TestForeignRoot(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	for _, d := range []string{"proc", "in"} {
		must(t, os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	th := startJail(t, "chroot", dir, os.Stdin)
	var r resolver
	defer r.close()
	first := r.resolve(own(), &pathRequest{dir: atFDCWD, path: "/"}, nil)
	first.close()
	for path, want := range map[string]string{"/in": "/in", "/in/none/x": "/in/none/x"} {
		o := r.resolve(th, &pathRequest{dir: atFDCWD, path: path}, nil)
		if o.path != unreachable+dir+want {
			t.Errorf("%s: %q kind %d (%v)", path, o.path, o.kind, o.errno)
		}
		o.close()
	}
}
