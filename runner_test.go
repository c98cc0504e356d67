package belljar_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar"
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
			wg.Go(func() {
				if got := output(t, runner, program); got != program+"\n" {
					t.Errorf("%s printed %q", program, got)
				}
			})
		}
	}
	wg.Wait()
}
