package escapes_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/test/cases"
)

// private are the sandboxes with a root and a network of their own.
func private(t *testing.T, f func(t *testing.T, s cases.Sandbox)) {
	cases.Each(t, func(t *testing.T, s cases.Sandbox) {
		if s.Private() {
			f(t, s)
		}
	})
}

// offer listens on a socket without a place in a directory and gives everybody
// who connects a descriptor of the secret.
func offer(t *testing.T, secret string) (name string) {
	t.Helper()
	name = fmt.Sprintf("belljar-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "@" + name, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	file, err := os.Open(secret)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	go func() {
		for {
			c, err := l.AcceptUnix()
			if err != nil {
				return // closed: the test is over
			}
			// A client that has gone is the client's affair.
			_, _, _ = c.WriteMsgUnix([]byte{0}, syscall.UnixRights(int(file.Fd())), nil)
			c.Close()
		}
	}()
	return name
}

// TestHostSockets proves that a server of the host cannot be reached, not even
// under a policy that allows sockets, and that it can be reached from outside.
func TestHostSockets(t *testing.T) {
	a := cases.NewArena(t, testkit.Program(t, "escapes/outside", "dynamic")[0])
	name := offer(t, a.Secret)
	if got, out := outsideOfSandboxes(t, a, "abstract", name); got != escaped {
		t.Errorf("outside: exit status %d\n%s", got, out)
	}
	private(t, func(t *testing.T, s cases.Sandbox) {
		opts := s.Options(t, "observe")
		res, out := cases.Run(t, belljar.Command{Args: fill(a, []string{"abstract", name})}, opts)
		if got := out.Stdout.String(); res.Verdict != belljar.OK || !strings.Contains(got, "refused: ECONNREFUSED") {
			t.Errorf("%+v\n%s", cases.Brief(res), got)
		}
	})
}

// TestNothingIsLeftForTheNextRun proves that what a run leaves in memory that
// outlives processes, and in the places for temporary files, the next does not
// find, though it finds what it left itself.
func TestNothingIsLeftForTheNextRun(t *testing.T) {
	program := testkit.Program(t, "escapes/outside", "dynamic")[0]
	private(t, func(t *testing.T, s cases.Sandbox) {
		a := cases.NewArena(t, program)
		key := fmt.Sprint(0x42000000 + os.Getpid())
		opts := s.Options(t, "observe")
		for _, step := range []struct{ what, want string }{{"leave", "found 3\n"}, {"find", "found 0\n"}} {
			res, out := cases.Run(t, belljar.Command{Args: fill(a, []string{step.what, key})}, opts)
			if res.Verdict != belljar.OK || out.Stdout.String() != step.want {
				t.Errorf("%s: %+v, output %q, want %q", step.what, cases.Brief(res), out.Stdout.String(), step.want)
			}
		}
	})
}

// TestCompilerReadsNothing proves that a compiler does not put into its
// messages, or into a program, what it may not read, and that it would if it
// might.
func TestCompilerReadsNothing(t *testing.T) {
	gcc := testkit.Tool(t, "gcc")
	sources := map[string]string{
		"include":  "#include \"{secret}\"\nint main(void) { return 0; }\n",
		"link":     "#include \"linked.h\"\nint main(void) { return 0; }\n",
		"assemble": "__asm__(\".incbin \\\"{secret}\\\"\");\nint main(void) { return 0; }\n",
	}
	for name, text := range sources {
		cases.Each(t, func(t *testing.T, s cases.Sandbox) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for _, allowed := range []bool{false, true} {
					if got := compiled(t, s, gcc, text, allowed); got != allowed {
						t.Errorf("reading is allowed: %t, the secret came out: %t", allowed, got)
					}
				}
			})
		})
	}
}

// compiled reports whether the compiler told a piece of the secret.
func compiled(t *testing.T, s cases.Sandbox, gcc, text string, allowed bool) bool {
	a := cases.NewArena(t, "")
	if err := os.WriteFile(filepath.Join(a.Box, "x.c"), []byte(a.Fill(text)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(a.Secret, filepath.Join(a.Box, "linked.h")); err != nil {
		t.Fatal(err)
	}
	opts := s.Options(t, "compile")
	opts.Policy.Files.Rules = append(opts.Policy.Files.Rules, policy.FileRule{Pattern: a.Box + "/**", Grant: policy.Write},
		policy.FileRule{Pattern: a.Box, Grant: policy.Write})
	if allowed {
		opts.Policy.Files.Rules = append(opts.Policy.Files.Rules, policy.FileRule{Pattern: a.Secret, Grant: policy.Read})
	}
	opts.Limits.Wall = 2 * time.Minute
	res, out := cases.Run(t, belljar.Command{Args: []string{gcc, "-o", "x", "x.c"}, Dir: a.Box, Env: []string{"PATH=/usr/bin:/bin"}}, opts)
	if res.Verdict != belljar.OK && res.Verdict != belljar.NonzeroExit {
		t.Errorf("%+v %+v\n%s", cases.Brief(res), res.Violation, out.Stderr.String())
	}
	program, err := os.ReadFile(filepath.Join(a.Box, "x"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return a.Leaks(out.Stdout.String() + out.Stderr.String() + string(program))
}

// TestDescriptorsOfTheCaller proves that descriptors which the calling process
// would hand to any child do not reach a program.
func TestDescriptorsOfTheCaller(t *testing.T) {
	program := testkit.Program(t, "escapes/resources", "dynamic")[0]
	secret, err := syscall.Open("/proc/self/exe", syscall.O_RDONLY, 0) // without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(secret)
	cases.Each(t, func(t *testing.T, s cases.Sandbox) {
		a := cases.NewArena(t, program)
		opts := s.Options(t, "judge")
		for files, want := range map[int]string{0: "3\n", 1: "4\n"} {
			cmd := belljar.Command{Args: fill(a, []string{"descriptors"})}
			if files > 0 {
				cmd.Files = append(cmd.Files, os.Stderr)
			}
			res, out := cases.Run(t, cmd, opts)
			if got := out.Stdout.String(); res.Verdict != belljar.OK || got != want {
				t.Errorf("%d files: %+v, output %q, want %q", files, cases.Brief(res), strings.TrimSpace(got), want)
			}
		}
	})
}
