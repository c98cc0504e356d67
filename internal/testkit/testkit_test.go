package testkit

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

func TestProgram(t *testing.T) {
	for _, tt := range []struct{ name, variant string }{
		{"c/hello", "dynamic"}, {"c/hello", "static"}, {"cpp/hello", "dynamic"}, {"go/hello/main", "dynamic"},
		{"java/Hello", "dynamic"}, {"js/hello", "dynamic"}, {"py/hello", "dynamic"},
	} {
		t.Run(tt.name+"."+tt.variant, func(t *testing.T) {
			args := Program(t, tt.name, tt.variant)
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Stdin = strings.NewReader("1\n")
			out, err := cmd.CombinedOutput()
			if err != nil || !bytes.HasPrefix(out, []byte("hello, world")) {
				t.Errorf("%v: %v, output %q", args, err, out)
			}
		})
	}
}

func TestAsNobody(t *testing.T) {
	AsNobody(t, func(t *testing.T) {
		Unprivileged(t)
		out, err := exec.Command(Program(t, "c/hello", "dynamic")[0]).Output()
		if err != nil || string(out) != "hello, world\n" {
			t.Errorf("%v, output %q", err, out)
		}
	})
}

// TestLeaks proves that each kind of leak is seen: a check that sees nothing
// would pass every test.
func TestLeaks(t *testing.T) {
	Program(t, "c/sleep", "dynamic")
	tests := map[string]func(t *testing.T) (undo func()){
		"descriptor": func(t *testing.T) func() {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			return func() { r.Close(); w.Close() }
		},
		"process": func(t *testing.T) func() {
			cmd := exec.Command(Program(t, "c/sleep", "dynamic")[0], "100")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			return func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
		},
		"mount": func(t *testing.T) func() {
			Root(t)
			dir := t.TempDir()
			if err := syscall.Mount("none", dir, "tmpfs", 0, ""); err != nil {
				t.Skip("this root may not mount:", err)
			}
			return func() { _ = syscall.Unmount(dir, 0) }
		},
		"temporary file": func(t *testing.T) func() {
			dir, err := os.MkdirTemp("", "belljar-leak-")
			if err != nil {
				t.Fatal(err)
			}
			return func() { os.Remove(dir) }
		},
	}
	for kind, leak := range tests {
		t.Run(kind, func(t *testing.T) {
			t.TempDir() // made before, so that it is not seen as a leak
			before := observe()
			undo := leak(t)
			left := observe().since(before)
			undo()
			if !strings.Contains(left, kind) {
				t.Errorf("saw %q, want a %s", left, kind)
			}
			if left := settle(before); left != "" {
				t.Errorf("still there:\n%s", left)
			}
		})
	}
}

func TestOrphanIsSeen(t *testing.T) {
	before := observe()
	args := Program(t, "c/daemon", "dynamic")
	if out, err := exec.Command(args[0], "sleep").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	left := observe().since(before)
	if !strings.Contains(left, "process") {
		t.Errorf("saw %q, want the daemon", left)
	}
	for _, name := range names("/proc") {
		if exe, _ := os.Readlink("/proc/" + name + "/exe"); exe == args[0] {
			killByName(t, name)
		}
	}
	time.Sleep(10 * time.Millisecond)
}

func killByName(t *testing.T, pid string) {
	t.Helper()
	if err := exec.Command("kill", "-9", pid).Run(); err != nil {
		t.Error(err)
	}
}
