package unshare

import (
	"bytes"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// outcome is what became of a program.
type outcome struct {
	out    string
	status syscall.WaitStatus
	orphan syscall.Rusage
}

// specFor is the sandbox that this process may have.
func specFor() Spec {
	s := Spec{UID: os.Getuid(), GID: os.Getgid(), User: true}
	if os.Geteuid() == 0 {
		s = Spec{UID: nobody, GID: nobody}
	}
	return s
}

// run runs a program in a sandbox to its end.
func run(t testing.TB, s Spec, args ...string) (outcome, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return start(t, s, w, func() string {
		w.Close()
		b, _ := io.ReadAll(r)
		return string(b)
	}, args...)
}

func start(t testing.TB, s Spec, w *os.File, read func() string, args ...string) (o outcome, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	token, err := launch.NewToken(args[0], args, []string{"PATH=/usr/bin:/bin", "LC_ALL=C"})
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	life, err := launch.Self()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	prog := launch.Program{Dir: "/", Umask: 0o22, Parent: life, Token: token,
		Files: []int{int(null.Fd()), int(w.Fd()), int(w.Fd())}, Privileged: true,
		SetIDs: os.Geteuid() == 0, UID: s.UID, GID: s.GID}
	box, err := s.Sandbox(prog.Process(), life)
	if err != nil {
		return o, err
	}
	l, err := launch.Prepare(box.Process)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	if err := box.Ready(l); err != nil {
		return o, err
	}
	failure := l.Wait(box.Program)
	if read != nil {
		o.out = read()
	}
	if o.status, err = sys.WaitPID(box.Program.PID(), nil); err != nil {
		t.Fatal(err)
	}
	if o.orphan, err = box.End(); err != nil {
		t.Fatal(err)
	}
	return o, failure
}

func shell(t testing.TB, s Spec, script string) string {
	t.Helper()
	before := mounts(t)
	o, err := run(t, s, "/bin/sh", "-c", script)
	if err != nil {
		t.Fatalf("launch: %v\n%s", err, o.out)
	}
	if after := mounts(t); !bytes.Equal(before, after) {
		t.Errorf("mounts of the host changed:\n%s\nto\n%s", before, after)
	}
	return o.out
}

func mounts(t testing.TB) []byte {
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInside(t *testing.T) {
	out := shell(t, specFor(), `echo $$; hostname; id; ls / /dev /proc; cat /proc/self/mountinfo; grep Cap /proc/self/status; cat /proc/net/dev; touch /usr/x /x /tmp/x; cat /proc/keys; cat /etc/passwd; ls -l /proc/scsi`)
	t.Log(strings.TrimSpace(out))
}
