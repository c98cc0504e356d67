package cases

import (
	"fmt"
	"slices"
	"strings"

	"github.com/belljar/belljar"
)

// exit codes of programs that did not do what their case is about.
const (
	exitEscaped = 42 // it got what it must not have
	exitFailed  = 99 // it could not do its own work
)

// check compares a result with what the case expects, and returns one line for
// each difference.
func (tc *Case) check(r *belljar.Result, stdout string, a *Arena) []string {
	var bad []string
	wrong := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	if !slices.Contains(tc.verdicts, string(r.Verdict)) {
		wrong("verdict %s, want %s", r.Verdict, strings.Join(tc.verdicts, " or "))
	}
	if tc.exit >= 0 && r.ExitCode != tc.exit {
		wrong("exit code %d, want %d", r.ExitCode, tc.exit)
	}
	if r.Verdict == belljar.NonzeroExit && (r.ExitCode == exitEscaped || r.ExitCode == exitFailed) && tc.exit < 0 {
		wrong("exit code %d: escaped, or could not do its own work", r.ExitCode)
	}
	if tc.signal != "" && r.Signal.String() != tc.signal {
		wrong("signal %q, want %s", r.Signal, tc.signal)
	}
	if tc.limit != nil && r.Limit != *tc.limit {
		wrong("limit %q, want %q", r.Limit, *tc.limit)
	}
	bad = append(bad, tc.checkViolation(r, a)...)
	if tc.stdout != nil && stdout != *tc.stdout {
		wrong("output %q, want %q", Clip(stdout), *tc.stdout)
	}
	if want := a.Fill(tc.contains); !strings.Contains(stdout, want) {
		wrong("output %q has no %q", Clip(stdout), want)
	}
	for _, b := range tc.ranges {
		if n := b.get(r); n < b.min || n > b.max {
			wrong("%s %d, want %d to %d", b.key, n, b.min, b.max)
		}
	}
	return bad
}

func (tc *Case) checkViolation(r *belljar.Result, a *Arena) []string {
	if r.Verdict != belljar.Violation {
		if r.Violation != nil {
			return []string{fmt.Sprintf("verdict %s with a violation: %+v", r.Verdict, *r.Violation)}
		}
		return nil
	}
	if r.Violation == nil {
		return []string{"a violation without its evidence"}
	}
	var bad []string
	if tc.syscall != "" && !slices.Contains(strings.Split(tc.syscall, "|"), r.Violation.Syscall) {
		bad = append(bad, fmt.Sprintf("violating call %q, want %s", r.Violation.Syscall, tc.syscall))
	}
	if want := a.Fill(tc.path); want != "" && r.Violation.Path != want {
		bad = append(bad, fmt.Sprintf("violating path %q, want %s", r.Violation.Path, want))
	}
	if r.Violation.PID <= 0 || r.Violation.Decision != "kill" {
		bad = append(bad, fmt.Sprintf("evidence %+v: want a pid and decision kill", *r.Violation))
	}
	return bad
}
