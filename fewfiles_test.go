package belljar_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/policy"
)

// fewFiles in the environment makes the test binary run out of descriptors.
const fewFiles = "BELLJAR_TEST_FEW_FILES"

// TestFewFiles proves that a process which is out of descriptors, at whatever
// moment of a run it notices, says so: the run fails, or is one like any other, and
// leaves no descriptor behind. The limit is that of a process of its own.
func TestFewFiles(t *testing.T) {
	if os.Getenv(fewFiles) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestFewFiles$", fmt.Sprintf("-test.short=%t", testing.Short()))
		cmd.Env = append(os.Environ(), fewFiles+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	step := 1
	if testing.Short() {
		step = 4
	}
	for name, opts := range map[string]belljar.Options{
		"ptrace":  {Policy: policy.Compile(), Supervisor: belljar.Ptrace, Unshare: belljar.Off},
		"notify":  {Policy: policy.Compile(), Supervisor: belljar.Notify, Unshare: belljar.Off},
		"unshare": {Policy: policy.Compile(), Supervisor: belljar.NoOne},
		"both":    {Policy: policy.Compile()},
	} {
		t.Run(name, func(t *testing.T) {
			runner := belljar.NewRunner(opts)
			if out, err := echo(runner); err != nil || out != "hello\n" {
				t.Skipf("this host has no such sandbox: output %q, error %v", out, err)
			}
			failed, good := 0, 0
			for few := 0; few < 64; few += step {
				before := descriptors(t)
				restore := limitFiles(t, before+few)
				out, err := echo(runner)
				restore()
				switch {
				case err != nil:
					failed++
				case out == "hello\n":
					good++
				default:
					// The program itself, or its supervisor, had too few.
					if strings.Contains(out, "hello") {
						t.Errorf("%d descriptors: output %q", few, out)
					}
				}
				if after := descriptors(t); after > before {
					t.Errorf("%d descriptors: %d are open, %d were before", few, after, before)
				}
			}
			if failed == 0 || good == 0 {
				t.Errorf("%d runs failed, %d were good", failed, good)
			}
		})
	}
}

// echo runs a program that opens a file and has pipes for all its streams.
func echo(runner *belljar.Runner) (string, error) {
	var out, errs bytes.Buffer
	_, err := runner.Run(context.Background(), belljar.Command{Args: []string{"/bin/cat"}, Stdin: strings.NewReader("hello\n"), Stdout: &out, Stderr: &errs})
	return out.String(), err
}

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names) - 1 // one of them was the directory
}

// limitFiles lets this process have no descriptor of a higher number.
func limitFiles(t *testing.T, n int) (restore func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(n), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
	}
}
