package belljar_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

// A runner's later sandboxes are copies of a template. A program must not be
// able to tell, nor find anything of the runs before it.
func TestTemplateLooksTheSame(t *testing.T) {
	testkit.Root(t)
	runner := belljar.UnshareRunner(belljar.Options{Policy: policy.Compile()})
	const look = `cut -d" " -f5,6 /proc/self/mountinfo | sort
stat -c "%A %U %G %N" /* /dev/* /etc/*
cat /etc/passwd /proc/keys 2>&1
ls -A /tmp /dev/shm /proc/acpi 2>&1
for d in / /usr /etc /dev /proc; do touch $d/x 2>&1; done
touch /tmp/x /dev/shm/x
echo pid $$; umask; cat /proc/sys/kernel/hostname`
	var first string
	for i := range 4 {
		out := output(t, runner, "/bin/sh", "-c", look)
		if i == 0 {
			first = out
			if !strings.Contains(out, "pid 2\n") || !strings.Contains(out, "Read-only file system") {
				t.Fatalf("the first sandbox is not as expected:\n%s", out)
			}
			continue
		}
		if diff := cmp.Diff(lines(first), lines(out)); diff != "" {
			t.Errorf("run %d (-first +later):\n%s", i, diff)
		}
	}
}

func lines(s string) []string { return strings.Split(s, "\n") }

func output(t *testing.T, r *belljar.Runner, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	res, err := r.Run(context.Background(), belljar.Command{Args: args, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatal(err)
	}
	if res.Verdict != belljar.OK {
		t.Errorf("%s: %+v\n%s", args, res, out.String())
	}
	return out.String()
}

// Programs of their own, shown inside /tmp and elsewhere, run from one runner
// at once, with and without a template that fits.
func TestRunnerManyPrograms(t *testing.T) {
	testkit.Root(t)
	runner := belljar.UnshareRunner(belljar.Options{Policy: policy.Compile()})
	var wg sync.WaitGroup
	var programs []string // all written before any runs: a process that is being launched holds what is open for writing
	for _, base := range []string{"/tmp", "/var"} {
		dir, err := os.MkdirTemp(base, "belljar-runner-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			program := filepath.Join(dir, "p"+string(rune('a'+i)))
			if err := os.WriteFile(program, []byte("#!/bin/sh\necho $0\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			programs = append(programs, program)
		}
	}
	for _, program := range programs {
		wg.Go(func() {
			if got := output(t, runner, program); got != program+"\n" {
				t.Errorf("%s printed %q", program, got)
			}
		})
	}
	wg.Wait()
}

// A file that a policy grants is what the path leads to now, not what it led
// to when a template was made.
func TestTemplateSeesReplacedFiles(t *testing.T) {
	testkit.Root(t)
	dir := testkit.DirIn(t, "/var")
	file := filepath.Join(dir, "input")
	p := policy.Compile()
	p.Files.Rules = append(p.Files.Rules, policy.FileRule{Pattern: file, Grant: policy.Read})
	runner := belljar.UnshareRunner(belljar.Options{Policy: p})
	defer runner.Close()
	for i := range 5 {
		want := strings.Repeat("x", i+1)
		next := file + ".new"
		if err := os.WriteFile(next, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
		if got := output(t, runner, "/bin/cat", file); got != want {
			t.Errorf("run %d reads %q, want %q", i, got, want)
		}
	}
}

func TestIDsOutOfRange(t *testing.T) {
	for _, id := range []int{-1, 1 << 32, 1<<32 - 1} {
		_, err := belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{UID: &id})
		if err == nil || !strings.Contains(err.Error(), "no user or group") {
			t.Errorf("uid %d: %v", id, err)
		}
	}
}

// A writer that is slow gets all of the output.
func TestSlowWriter(t *testing.T) {
	var slow slowWriter
	res, err := belljar.Run(context.Background(),
		belljar.Command{Args: []string{"/bin/sh", "-c", "head -c 100000 /dev/zero"}, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: &slow},
		belljar.Options{Policy: policy.Compile()})
	if err != nil || slow.n != 100000 || res.OutputBytes != 100000 {
		t.Errorf("%d bytes arrived, result %+v, error %v", slow.n, res, err)
	}
}

type slowWriter struct{ n int }

func (w *slowWriter) Write(b []byte) (int, error) {
	time.Sleep(1500 * time.Millisecond)
	w.n += len(b)
	return len(b), nil
}

// Descriptor 3 may be the number that Belljar's own pidfd has.
func TestFileAtLifelinesNumber(t *testing.T) {
	var files []*os.File
	for range 12 {
		f, err := os.Open("/etc/passwd")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	var out bytes.Buffer
	res, err := belljar.Run(context.Background(),
		belljar.Command{Args: []string{"/bin/sh", "-c", "head -c 4 <&9"}, Env: []string{"PATH=/usr/bin:/bin"}, Stdout: &out, Files: files},
		belljar.Options{Policy: policy.Compile()})
	if err != nil || res.Verdict != belljar.OK || out.String() != "root" {
		t.Errorf("%q, %+v, %v", out.String(), res, err)
	}
}

// A program that dies after exec has given up the old one, and before it ran,
// has been a run.
func TestBrokenProgram(t *testing.T) {
	dir := testkit.Dir(t)
	elf, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken")
	if err := os.WriteFile(broken, elf[:len(elf)/3], 0o755); err != nil {
		t.Fatal(err)
	}
	res, err := belljar.Run(context.Background(), belljar.Command{Args: []string{broken}}, belljar.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Wall < 0 || res.Wall > time.Minute || res.Setup < 0 || res.Setup > time.Minute {
		t.Errorf("%+v", res)
	}
}

// Landlock keeps a program from opening its input anew to write to it, which
// the private root cannot: the descriptor is of the host's own mount.
func TestInputStaysReadOnly(t *testing.T) {
	if kernel.LandlockABI() == 0 {
		t.Skip("this kernel has no Landlock")
	}
	name := filepath.Join(testkit.DirIn(t, "/var/tmp"), "in")
	if err := os.WriteFile(name, []byte("input"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o666); err != nil {
		t.Fatal(err)
	}
	for mode, runner := range map[string]*belljar.Runner{
		"unshare": belljar.UnshareRunner(belljar.Options{Policy: policy.Compile()}),
		"ptrace":  belljar.PtraceRunner(belljar.Options{Policy: policy.Compile()}),
	} {
		in, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		var out bytes.Buffer
		res, err := runner.Run(context.Background(), belljar.Command{Args: []string{"/bin/sh", "-c", "cat /proc/self/fd/0; echo changed > /proc/self/fd/0"},
			Env: []string{"PATH=/usr/bin:/bin"}, Stdin: in, Stdout: &out, Stderr: &out})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(name); err != nil || string(b) != "input" {
			t.Errorf("%s: the file is %q now, %v", mode, b, err)
		}
		if !strings.HasPrefix(out.String(), "input") || res.Verdict == belljar.OK {
			t.Errorf("%s: %+v\n%s", mode, res, out.String())
		}
	}
}
