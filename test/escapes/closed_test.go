package escapes_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/test/cases"
)

// fewFiles in the environment makes the test binary run out of descriptors.
const fewFiles = "BELLJAR_TEST_FEW_FILES"

// TestFewFilesHold proves that a supervisor which runs out of descriptors, at
// whatever moment of a call, lets no call pass: every call on every name of a
// secret still gets nothing. The limit is that of a process of its own.
func TestFewFilesHold(t *testing.T) {
	if os.Getenv(fewFiles) == "" {
		testkit.Program(t, "escapes/paths", "dynamic") // or it is skipped there
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestFewFilesHold$")
		cmd.Env = append(os.Environ(), fewFiles+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	program := testkit.Program(t, "escapes/paths", "dynamic")[0]
	for _, name := range []string{"ptrace", "notify"} {
		t.Run(name, func(t *testing.T) {
			s := cases.Find(t, name)
			s.Require(t)
			decided, short := 0, 0
			for few := 0; few < 28; few += 1 + few/8 {
				a := cases.NewArena(t, program)
				opts := s.Options(t, "compile")
				opts.Policy.Files.Rules = append(opts.Policy.Files.Rules, a.Rules(policy.Action{Kind: policy.Deny, Errno: uint16(syscall.EACCES)})...)
				opts.Limits.Files = 64 // of the program
				restore := limitFiles(t, few)
				res, out, err := cases.TryRun(belljar.Command{Args: fill(a, []string{"matrix", "{inner}", "box"}), Dir: a.Box}, opts)
				restore()
				text := out.Stdout.String()
				if strings.Contains(text, "ESCAPED") || a.Leaks(text+out.Stderr.String()) {
					t.Errorf("with %d descriptors: %s", few, cases.Clip(text))
				}
				if bad := a.Check(); len(bad) > 0 {
					t.Errorf("with %d descriptors: %q", few, bad)
				}
				switch {
				case err == nil && res.Verdict == belljar.OK:
					decided++
				default:
					short++
				}
			}
			if decided == 0 || short == 0 {
				t.Errorf("%d runs had enough descriptors and %d too few", decided, short)
			}
		})
	}
}

// limitFiles lets this process have so many more descriptors than it has.
func limitFiles(t *testing.T, few int) (restore func()) {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	set := func(n uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: old.Max}); err != nil {
			t.Fatal(err)
		}
	}
	set(uint64(len(names) - 1 + few))
	return func() { set(old.Cur) }
}
