package cases

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/test/programs"
)

// fate is what became of a run and why, without numbers that differ each time.
type fate struct {
	Verdict  belljar.Verdict
	ExitCode int
	Signal   string
	Limit    string
	Syscall  string // that violated the policy
	Path     string
	Rule     string
}

var digits = regexp.MustCompile(`[0-9]+`)

func (p *played) fate() fate {
	f := fate{Verdict: p.res.Verdict, ExitCode: p.res.ExitCode, Signal: p.res.Signal.String(), Limit: p.res.Limit}
	if f.Limit != "" {
		// A limit that is met ends whichever process met it, and whether the
		// first one ends by itself before it is killed is chance.
		f.ExitCode, f.Signal = 0, ""
	}
	if v := p.res.Violation; v != nil {
		f.Syscall, f.Rule = v.Syscall, v.Rule
		f.Path = digits.ReplaceAllString(strings.ReplaceAll(v.Path, p.a.Dir, "{arena}"), "N")
	}
	return f
}

// SameFate runs every case whose fate is certain in two sandboxes, and compares
// what became of it: verdict, violating call, path and rule.
func SameFate(t *testing.T, all []*programs.Program, one, other Sandbox) {
	for _, p := range all {
		variant := p.Builds[0]
		t.Run(strings.ReplaceAll(p.Name, "/", "-")+"."+variant, func(t *testing.T) {
			sub := subject{args: testkit.Program(t, p.Name, variant), file: testkit.Files(t, p.Name, variant)}
			for _, c := range p.Cases {
				tc, err := Parse(c)
				if err != nil {
					t.Fatal(err)
				}
				sub.where = fmt.Sprintf("%s:%d", p.Path(), c.Line)
				if tc.In(one) && tc.In(other) && len(tc.verdicts) == 1 && tc.verdicts[0] != string(belljar.TimeLimit) {
					tc.compare(t, &sub, one, other)
				}
			}
		})
	}
}

func (tc *Case) compare(t *testing.T, sub *subject, one, other Sandbox) {
	for _, preset := range tc.policies {
		a, b := tc.play(t, one, preset, belljar.Default, sub), tc.play(t, other, preset, belljar.Default, sub)
		if diff := cmp.Diff(a.fate(), b.fate()); diff != "" {
			t.Errorf("%s: policy %s: %s: %s and %s differ:\n%s", sub.where, preset, strings.Join(tc.args, " "), one.Name, other.Name, diff)
		}
	}
}
