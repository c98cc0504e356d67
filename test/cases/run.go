package cases

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/test/programs"
)

// Test runs every case of the programs in every sandbox, several at the same
// time if parallel is set.
func Test(t *testing.T, all []*programs.Program, parallel bool) {
	for _, p := range all {
		for _, variant := range p.Builds {
			t.Run(strings.ReplaceAll(p.Name, "/", "-")+"."+variant, func(t *testing.T) {
				args := testkit.Program(t, p.Name, variant)
				for _, c := range p.Cases {
					tc, err := Parse(c)
					if err != nil {
						t.Fatalf("%s:%d: %v", p.Path(), c.Line, err)
					}
					testCase(t, tc, &subject{
						args: args, file: testkit.Files(t, p.Name, variant), parallel: parallel,
						where: fmt.Sprintf("%s:%d", p.Path(), c.Line),
					})
				}
			})
		}
	}
}

// subject is what a case is about.
type subject struct {
	args     []string // that start the program
	file     string   // what it was compiled or copied to
	where    string   // the case is written
	parallel bool
}

func testCase(t *testing.T, tc *Case, sub *subject) {
	for _, s := range Sandboxes {
		if !tc.In(s) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			s.Require(t)
			if sub.parallel {
				t.Parallel()
			}
			for _, group := range tc.groups(t) {
				for _, preset := range tc.policies {
					tc.run(t, s, preset, group, sub)
				}
			}
		})
	}
}

// played is one run of a case.
type played struct {
	args []string
	res  *belljar.Result
	out  *Output
	took time.Duration
	a    *Arena
}

// play runs a case in an arena of its own.
func (tc *Case) play(t *testing.T, s Sandbox, preset string, group belljar.Switch, sub *subject) played {
	copied := ""
	if len(sub.args) == 1 {
		copied = sub.file
	}
	a := NewArena(t, copied)
	args := []string{a.Program()}
	if copied == "" {
		args = append([]string(nil), sub.args...)
	}
	for _, arg := range tc.args {
		args = append(args, a.Fill(strings.ReplaceAll(arg, "{seconds}", fmt.Sprint(RaceSeconds()))))
	}
	opts := tc.options(t, s, preset, a)
	opts.Cgroup = group
	if copied == "" { // an interpreter's script or class
		s.Show(&opts, sub.file)
	}
	cmd := belljar.Command{Args: args, Env: tc.env, Stdin: strings.NewReader(tc.stdin)}
	if tc.box != "" {
		cmd.Dir = a.Box
	}
	begin := time.Now()
	res, out := Run(t, cmd, opts)
	return played{args, res, out, time.Since(begin), a}
}

func (tc *Case) run(t *testing.T, s Sandbox, preset string, group belljar.Switch, sub *subject) {
	p := tc.play(t, s, preset, group, sub)
	args, res, out, took, a := p.args, p.res, p.out, p.took, p.a

	stdout, stderr := out.Stdout.String(), out.Stderr.String()
	bad := tc.check(res, stdout, a)
	bad = append(bad, a.Check()...)
	bad = append(bad, checkSources(res, group)...)
	if a.Leaks(stdout + stderr) {
		bad = append(bad, "the output has a piece of the secret")
	}
	if limit := tc.limits.Wall + 10*time.Second; took > limit {
		bad = append(bad, fmt.Sprintf("the run took %v", took))
	}
	if tc.parity {
		if want := outside(t, args, tc.env); want != stdout {
			bad = append(bad, fmt.Sprintf("output %q, outside of a sandbox %q", stdout, want))
		}
	}
	if len(bad) > 0 {
		t.Errorf("%s: %s, policy %s, cgroup %s: %s\n  %s\n  result %+v\n  violation %+v\n  stdout %q\n  stderr %q", sub.where, s.Name, preset, groupNames[group],
			strings.Join(tc.args, " "), strings.Join(bad, "\n  "), Brief(res), res.Violation, Clip(stdout), Clip(stderr))
	}
}

// outside runs a program without a sandbox.
func outside(t testing.TB, args, env []string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = env
	cmd.Dir = "/"
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v outside of a sandbox: %v", args, err)
	}
	return out.String()
}
