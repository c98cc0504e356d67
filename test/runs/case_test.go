package runs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/test/programs"
)

// testCase is a run: line of a program's header, with its keys understood.
type testCase struct {
	in     []string // sandboxes; empty is all
	policy string
	args   []string
	env    []string
	stdin  string
	limits belljar.Limits
	parity bool // the output is the same outside of a sandbox

	verdicts []string // one of them
	exit     int
	signal   string
	limit    *string
	syscall  string
	path     string
	stdout   *string
	contains string
	ranges   []between
}

// between is an expected range of one number of the result.
type between struct {
	key      string
	min, max int64
	get      func(*belljar.Result) int64
}

var numbers = map[string]func(*belljar.Result) int64{
	"cpu_used":       func(r *belljar.Result) int64 { return int64(r.CPU) },
	"peak_memory":    func(r *belljar.Result) int64 { return r.MemoryPeak },
	"peak_processes": func(r *belljar.Result) int64 { return int64(r.ProcessesPeak) },
	"output_used":    func(r *belljar.Result) int64 { return r.OutputBytes },
}

func parseCase(c programs.Case) (*testCase, error) {
	tc := &testCase{policy: "judge", exit: -1}
	for key, value := range c.Keys {
		if err := tc.set(key, value); err != nil {
			return nil, fmt.Errorf("%s=%s: %w", key, value, err)
		}
	}
	if tc.verdicts == nil {
		return nil, fmt.Errorf("no verdict is expected")
	}
	if tc.limits.Wall == 0 {
		tc.limits.Wall = 15 * time.Second // nothing here is meant to take that long
	}
	return tc, nil
}

func (tc *testCase) set(key, value string) error {
	if get, ok := numbers[key]; ok {
		low, high, found := strings.Cut(value, "..")
		if !found {
			high = low
		}
		b := between{key: key, get: get}
		var err1, err2 error
		b.min, err1 = number(low)
		b.max, err2 = number(high)
		tc.ranges = append(tc.ranges, b)
		return firstError(err1, err2)
	}
	switch key {
	case "in":
		tc.in = strings.Split(value, ",")
	case "policy":
		tc.policy = value
	case "args":
		tc.args = strings.Fields(value)
	case "env":
		tc.env = strings.Fields(value)
	case "stdin":
		tc.stdin = value
	case "parity":
		tc.parity = true
	case "verdict":
		tc.verdicts = strings.Split(value, "|")
	case "signal":
		tc.signal = value
	case "limit":
		tc.limit = &value
	case "syscall":
		tc.syscall = value
	case "path":
		tc.path = value
	case "stdout":
		tc.stdout = &value
	case "contains":
		tc.contains = value
	default:
		return tc.setNumber(key, value)
	}
	return nil
}

func (tc *testCase) setNumber(key, value string) error {
	n, err := number(value)
	if err != nil {
		return err
	}
	switch key {
	case "exit":
		tc.exit = int(n)
	case "cpu":
		tc.limits.CPU = time.Duration(n)
	case "wall":
		tc.limits.Wall = time.Duration(n)
	case "memory":
		tc.limits.Memory = n
	case "stack":
		tc.limits.Stack = n
	case "output":
		tc.limits.Output = n
	case "processes":
		tc.limits.Processes = int(n)
	case "files":
		tc.limits.Files = int(n)
	default:
		return fmt.Errorf("no such key")
	}
	return nil
}

// number reads 12, 12K, 12M, and durations such as 300ms.
func number(s string) (int64, error) {
	if d, err := time.ParseDuration(s); err == nil && strings.HasSuffix(s, "s") {
		return int64(d), nil
	}
	shift := 0
	if n := len(s) - 1; n > 0 {
		switch s[n] {
		case 'K':
			s, shift = s[:n], 10
		case 'M':
			s, shift = s[:n], 20
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n << shift, err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// check compares a result with what the case expects, and returns one line for
// each difference.
func (tc *testCase) check(r *belljar.Result, stdout, stderr, secret string) []string {
	var bad []string
	wrong := func(format string, args ...any) { bad = append(bad, fmt.Sprintf(format, args...)) }
	if !slices.Contains(tc.verdicts, string(r.Verdict)) {
		wrong("verdict %s, want %s", r.Verdict, strings.Join(tc.verdicts, " or "))
	}
	if tc.exit >= 0 && r.ExitCode != tc.exit {
		wrong("exit code %d, want %d", r.ExitCode, tc.exit)
	}
	if r.Verdict == belljar.NonzeroExit && (r.ExitCode == 42 || r.ExitCode == 99) && tc.exit < 0 {
		wrong("exit code %d: escaped, or could not do its own work", r.ExitCode)
	}
	if tc.signal != "" && r.Signal.String() != tc.signal {
		wrong("signal %q, want %s", r.Signal, tc.signal)
	}
	if tc.limit != nil && r.Limit != *tc.limit {
		wrong("limit %q, want %q", r.Limit, *tc.limit)
	}
	bad = append(bad, tc.checkViolation(r, secret)...)
	if tc.stdout != nil && stdout != *tc.stdout {
		wrong("output %q, want %q", clip(stdout), *tc.stdout)
	}
	if !strings.Contains(stdout, tc.contains) {
		wrong("output %q has no %q", clip(stdout), tc.contains)
	}
	if strings.Contains(stdout+stderr, secretText) {
		wrong("the output has the secret")
	}
	for _, b := range tc.ranges {
		if n := b.get(r); n < b.min || n > b.max {
			wrong("%s %d, want %d to %d", b.key, n, b.min, b.max)
		}
	}
	return bad
}

func (tc *testCase) checkViolation(r *belljar.Result, secret string) []string {
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
	if tc.syscall != "" && r.Violation.Syscall != tc.syscall {
		bad = append(bad, fmt.Sprintf("violating call %q, want %s", r.Violation.Syscall, tc.syscall))
	}
	if want := strings.ReplaceAll(tc.path, "{secret}", secret); want != "" && r.Violation.Path != want {
		bad = append(bad, fmt.Sprintf("violating path %q, want %s", r.Violation.Path, want))
	}
	if r.Violation.PID <= 0 || r.Violation.Decision != "kill" {
		bad = append(bad, fmt.Sprintf("evidence %+v: want a pid and decision kill", *r.Violation))
	}
	return bad
}

func clip(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "..."
	}
	return s
}
