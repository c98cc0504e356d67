package unshare

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar/internal/launch"
	"github.com/google/go-cmp/cmp"
)

// shell runs a script in a sandbox and returns what it wrote. The host's
// mounts must not change.
func shell(t testing.TB, s Spec, script string) string {
	t.Helper()
	before := hostMounts(t)
	o, err := run(t, s, "/bin/sh", "-c", script)
	if err != nil {
		t.Fatalf("launch: %v\n%s", err, o.out)
	}
	if diff := cmp.Diff(before, hostMounts(t)); diff != "" {
		t.Errorf("mounts of the host changed:\n%s", diff)
	}
	return o.out
}

func hostMounts(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatAProgramSees(t *testing.T) {
	uid := ownSpec().UID
	tests := []struct {
		name, script, want string
	}{
		{"it is not PID 1", "echo $$", "2\n"},
		{"no process of the host", "echo /proc/[0-9]*", "/proc/1 /proc/2\n"},
		{"init's name", "cat /proc/1/comm", "belljar-init\n"},
		{"nothing of init", "cat /proc/1/environ 2>&1; ls /proc/1/fd 2>&1",
			"cat: /proc/1/environ: Permission denied\nls: cannot open directory '/proc/1/fd': Permission denied\n"},
		{"host name", "hostname; cat /proc/sys/kernel/domainname", "belljar\n(none)\n"},
		{"no home, no var, no run, no sys", "ls -d /home /root /var /run /sys /mnt /etc/shadow 2>/dev/null", ""},
		{"own devices", "cd /dev; echo *", "fd full null random shm stderr stdin stdout urandom zero\n"},
		{"devices work", "head -c 3 /dev/zero | od -An -c; echo x > /dev/null && echo y > /dev/full", "  \\0  \\0  \\0\n/bin/sh: 1: echo: echo: I/O error\n"},
		{"standard files by name", "echo a > /dev/stdout; echo b > /dev/fd/1", "a\nb\n"},
		{"no network", "tail -n +3 /proc/net/dev | sed 's/:.*//'; cat /sys/class/net 2>/dev/null", "    lo\n"},
		{"no capability", "grep -c 'Cap.*:.*0000000000000000' /proc/self/status", "5\n"},
		{"no new privileges", "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1\n"},
		{"accounts of its own", "getent passwd | cut -d: -f3; [ $(id -un) = " + accountName(uid, "user") + " ]", fmt.Sprintf("0\n%d\n", uid)},
		{"no host leaks in /proc", "cat /proc/keys /proc/interrupts 2>&1", "cat: /proc/keys: Permission denied\ncat: /proc/interrupts: Permission denied\n"},
		{"nowhere to write", "for f in / /usr /etc /dev /proc/sys/kernel /proc/self; do touch $f/x 2>/dev/null && echo $f; done; echo h > /proc/self/comm", "/bin/sh: 1: cannot create /proc/self/comm: Read-only file system\n"},
		{"but in the temporary directories", "echo 1 > /tmp/x; echo 2 > /dev/shm/x; cat /tmp/x /dev/shm/x", "1\n2\n"},
		{"temporary space is small", "head -c 70000000 /dev/zero > /tmp/x 2>/dev/null || wc -c < /tmp/x", "67108864\n"},
		{"no way up", "cd ../../..; ls -d ../tmp ../home 2>/dev/null", "../tmp\n"},
		{"all mounts are nosuid, the devices' are not nodev", "grep -cv nosuid /proc/self/mountinfo; grep -v nodev /proc/self/mountinfo | cut -d' ' -f5 | sort | tr '\\n' ' '",
			"0\n/dev/full /dev/null /dev/random /dev/urandom /dev/zero "},
		{"no new namespace as an own user", "unshare -m true 2>&1", "unshare: unshare failed: Operation not permitted\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, shell(t, ownSpec(), tt.script)); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
}

// TestWithoutADefence switches a defence off and expects that its attack
// succeeds, which shows that the tests above are able to fail.
func TestWithoutADefence(t *testing.T) {
	dir := hostDir(t)
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o666); err != nil {
		t.Fatal(err)
	}
	os.Chmod(secret, 0o666)
	with := func(m Mount) Spec {
		s, r := ownSpec(), DefaultRoot().With(m)
		s.Root = &r
		return s
	}
	shown := Mount{Kind: Bind, Source: dir, Target: dir}
	writable := shown
	writable.Writable = true
	attack := "cat " + secret + " 2>/dev/null; echo +w 2>/dev/null >> " + secret
	tests := []struct {
		name string
		spec Spec
		out  string
		file string
	}{
		{"root", ownSpec(), "", "s3cret"},
		{"no private root", with(shown), "s3cret", "s3cret"},
		{"no read-only either", with(writable), "s3cret", "s3cret+w\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := shell(t, tt.spec, "("+attack+") 2>/dev/null")
			content, err := os.ReadFile(secret)
			if err != nil {
				t.Fatal(err)
			}
			if out != tt.out || string(content) != tt.file {
				t.Errorf("the program read %q and left %q; want %q and %q", out, content, tt.out, tt.file)
			}
		})
	}
	t.Run("network", func(t *testing.T) {
		s := ownSpec()
		own := shell(t, s, "readlink /proc/self/ns/net")
		s.HostNetwork = true
		host, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		if got := shell(t, s, "readlink /proc/self/ns/net"); got != host+"\n" || own == got {
			t.Errorf("host network %s, with it %s, without it %s", host, got, own)
		}
	})
}

// hostDir makes a directory outside of what the default root replaces that
// every user may use.
func hostDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	os.Chmod(dir, 0o777)
	return dir
}

func TestSignalsKillByDefault(t *testing.T) {
	// PID 1 would not die of them.
	for _, sig := range []syscall.Signal{syscall.SIGABRT, syscall.SIGXCPU, syscall.SIGTERM, syscall.SIGSEGV} {
		o, err := run(t, ownSpec(), "/bin/sh", "-c", "kill -"+strconv.Itoa(int(sig))+" $$; echo alive")
		if err != nil || !o.status.Signaled() || o.status.Signal() != sig || o.out != "" {
			t.Errorf("%v: status %v, output %q, error %v", sig, o.status, o.out, err)
		}
	}
}

func TestInitReapsOrphans(t *testing.T) {
	// The inner shell starts a loop that outlives it; init adopts and reaps it,
	// so its CPU time is in init's usage. The outer one waits until nobody else
	// is left, for a minute at most, and sees that in /proc without a fork.
	script := `sh -c '(i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done) &'
		n=0; set -- /proc/[0-9]*
		while [ $# -gt 2 ] && [ $n -lt 1200 ]; do sleep 0.05; n=$((n+1)); set -- /proc/[0-9]*; done
		echo "$@"`
	o, err := run(t, ownSpec(), "/bin/sh", "-c", script)
	if err != nil || o.out != "/proc/1 /proc/2\n" {
		t.Errorf("status %#x, output %q, error %v; want no process but init and the shell", o.status, o.out, err)
	}
	if cpu := time.Duration(o.orphan.Utime.Nano()); cpu < 20*time.Millisecond {
		t.Errorf("init's usage has %v of its adopted processes; a loop of 200000 takes longer", cpu)
	}
}

func TestEndKillsEverything(t *testing.T) {
	// Daemons that left the session hold the pipe open; run returns only
	// when they are dead.
	begin := time.Now()
	o, err := run(t, ownSpec(), "/bin/sh", "-c", "for i in 1 2 3; do setsid sleep 100 & done; setsid -f sleep 100; echo started")
	if err != nil || o.out != "started\n" || time.Since(begin) > 10*time.Second {
		t.Errorf("output %q, error %v after %v", o.out, err, time.Since(begin))
	}
}

func TestErrorsNameTheStep(t *testing.T) {
	missing := DefaultRoot().With(Mount{Kind: Bind, Source: "/nonexistent/source", Target: "/x"})
	below := DefaultRoot().With(Mount{Kind: Bind, Source: "/usr", Target: "/usr/nonexistent/target"})
	over := DefaultRoot().With(Mount{Kind: Tmpfs, Target: "/"})
	noDir := DirRoot("/nonexistent/root", false)
	noFile := DirRoot("/etc/passwd", false)
	for _, tt := range []struct {
		root *Root
		want string
	}{
		{&missing, "private root: stat /nonexistent/source: no such file or directory"},
		{&below, "private root: nothing to mount on at /usr/nonexistent/target: lstat /usr/nonexistent/target: no such file or directory"},
		{&over, "private root: nothing can be mounted on /: use a root directory"},
		{&noDir, "private root: stat /nonexistent/root: no such file or directory"},
		{&noFile, "private root: open /etc/passwd: not a directory"},
	} {
		s := ownSpec()
		s.Root = tt.root
		if _, err := run(t, s, "/bin/true"); err == nil || err.Error() != tt.want {
			t.Errorf("error %v, want %s", err, tt.want)
		}
	}
	var step *launch.StepError
	if _, err := run(t, ownSpec(), "/nonexistent/program"); !errors.As(err, &step) || step.Process != "program" || step.Errno != syscall.ENOENT {
		t.Errorf("missing program: %v", err)
	}
	s := ownSpec()
	s.Hostname = strings.Repeat("x", 65)
	if _, err := run(t, s, "/bin/true"); !errors.As(err, &step) || step.Step != "sethostname" || step.Errno != syscall.EINVAL {
		t.Errorf("long hostname: %v", err)
	}
}

func TestFailureInsideInit(t *testing.T) {
	// A source that goes away between the plan and the launch fails init,
	// which must stop the program from ever running.
	dir := hostDir(t)
	gone := filepath.Join(dir, "gone")
	if err := os.Mkdir(gone, 0o755); err != nil {
		t.Fatal(err)
	}
	s, r := ownSpec(), DefaultRoot().With(Mount{Kind: Bind, Source: gone, Target: "/gone"})
	s.Root = &r
	steps, err := r.steps(s.UID, true)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(gone)
	life, err := launch.Self()
	if err != nil {
		t.Fatal(err)
	}
	program := &launch.Process{Name: "program", Steps: []launch.Step{{Name: "exit", Exit: true}}}
	box, err := s.sandbox(steps, program, life)
	if err != nil {
		t.Fatal(err)
	}
	l, err := launch.Prepare(box.Process)
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	var step *launch.StepError
	if err := box.Ready(l); !errors.As(err, &step) || step.Process != "init" || step.Step != "open_tree" || step.Errno != syscall.ENOENT {
		t.Errorf("error %v, want ENOENT of init's open_tree", err)
	}
	if program.PID() != 0 {
		t.Errorf("the program was started in an unfinished sandbox")
	}
}
