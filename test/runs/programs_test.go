package runs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/test/programs"
)

const secretText = "the secret that must not get out"

// secretFile is readable and, what is worse, writable by everybody: only the
// sandbox keeps a program from it. It is not in /tmp, which presets allow.
func secretFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(testkit.DirIn(t, "/var/tmp"), "secret")
	if err := os.WriteFile(name, []byte(secretText), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o666); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestPrograms proves that every program of test/programs meets the fate that
// its header states, in every sandbox.
func TestPrograms(t *testing.T) {
	testkit.Leaks(t)
	all, err := programs.All()
	if err != nil {
		t.Fatal(err)
	}
	secret := secretFile(t)
	for _, p := range all {
		for _, variant := range p.Builds {
			t.Run(strings.ReplaceAll(p.Name, "/", "-")+"."+variant, func(t *testing.T) {
				args := testkit.Program(t, p.Name, variant)
				for _, c := range p.Cases {
					tc, err := parseCase(c)
					if err != nil {
						t.Fatalf("test/programs/%s:%d: %v", p.File, c.Line, err)
					}
					each(t, func(t *testing.T, s sandbox) {
						if len(tc.in) > 0 && !slices.Contains(tc.in, s.name) {
							return
						}
						runCase(t, s, tc, args, testkit.Files(t, p.Name, variant), fmt.Sprintf("test/programs/%s:%d", p.File, c.Line), secret)
					})
				}
			})
		}
	}
	text, err := os.ReadFile(secret)
	if err != nil || string(text) != secretText {
		t.Errorf("the secret was changed: %q, %v", text, err)
	}
}

func runCase(t *testing.T, s sandbox, tc *testCase, program []string, files, where, secret string) {
	args := slices.Clone(program)
	for _, arg := range tc.args {
		args = append(args, strings.ReplaceAll(arg, "{secret}", secret))
	}
	opts := s.options(t, tc.policy)
	opts.Limits = tc.limits
	if len(program) > 1 { // an interpreter's script or class
		s.show(t, &opts, files)
	}
	begin := time.Now()
	res, out := run(t, belljar.Command{Args: args, Env: tc.env, Stdin: strings.NewReader(tc.stdin)}, opts)
	took := time.Since(begin)
	bad := tc.check(res, out.stdout.String(), out.stderr.String(), secret)
	if limit := tc.limits.Wall + time.Second; took > limit {
		bad = append(bad, fmt.Sprintf("the run took %v", took))
	}
	if tc.parity {
		if want := outside(t, args, tc); want != out.stdout.String() {
			bad = append(bad, fmt.Sprintf("output %q, outside of a sandbox %q", out.stdout.String(), want))
		}
	}
	if len(bad) > 0 {
		t.Errorf("%s: %s: %s\n  %s\n  result %+v\n  violation %+v\n  stdout %q\n  stderr %q", where, s.name, strings.Join(tc.args, " "),
			strings.Join(bad, "\n  "), brief(res), res.Violation, clip(out.stdout.String()), clip(out.stderr.String()))
	}
}

// brief is a result without its list of layers.
func brief(r *belljar.Result) belljar.Result {
	b := *r
	b.Enforcement, b.Violation = nil, nil
	return b
}

// outside runs a program without a sandbox.
func outside(t testing.TB, args []string, tc *testCase) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = tc.env
	cmd.Dir = "/"
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v outside of a sandbox: %v", args, err)
	}
	return out.String()
}
