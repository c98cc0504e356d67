package cases

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/test/programs"
)

// Case is a run: line of a program's header, with its keys understood.
type Case struct {
	in       []string // sandboxes; empty is all
	policies []string
	args     []string
	env      []string
	stdin    string
	limits   belljar.Limits
	cgroup   string // "on" or "off" if the case is about runs with or without one only
	parity   bool   // the output is the same outside of a sandbox
	box      string // what becomes of who reaches for the secret in the box; "" gives no box
	grants   []policy.FileRule
	calls    []policy.Rule // besides the preset's, asked before them

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
	"denied":         func(r *belljar.Result) int64 { return r.Denied },
}

// patience is the wall limit of a case that sets none: nothing here is meant to
// take that long.
const patience = time.Minute

// RaceSeconds is how long a program that races for something tries.
func RaceSeconds() float64 {
	if s, err := strconv.ParseFloat(os.Getenv("BELLJAR_RACE_SECONDS"), 64); err == nil && s > 0 {
		return s
	}
	if testing.Short() {
		return 0.25
	}
	return 0.5
}

// Parse understands a run: line.
func Parse(c programs.Case) (*Case, error) {
	tc := &Case{policies: []string{"judge"}, exit: -1}
	for key, value := range c.Keys {
		if err := tc.set(key, value); err != nil {
			return nil, fmt.Errorf("%s=%s: %w", key, value, err)
		}
	}
	if tc.verdicts == nil {
		return nil, fmt.Errorf("no verdict is expected")
	}
	if tc.limits.Wall == 0 {
		tc.limits.Wall = patience + time.Duration(RaceSeconds()*float64(time.Second))
	}
	return tc, nil
}

// In says whether the case is one of the sandbox.
func (tc *Case) In(s Sandbox) bool {
	for _, word := range tc.in {
		if s.is(word) {
			return true
		}
	}
	return len(tc.in) == 0
}

func (tc *Case) set(key, value string) error {
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
		tc.policies = strings.Split(value, ",")
	case "args":
		tc.args = strings.Fields(value)
	case "env":
		tc.env = strings.Fields(value)
	case "stdin":
		tc.stdin = value
	case "parity":
		tc.parity = true
	case "cgroup":
		if value != "on" && value != "off" {
			return fmt.Errorf("want on or off")
		}
		tc.cgroup = value
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
		if found, err := tc.setRule(key, value); found {
			return err
		}
		return tc.setNumber(key, value)
	}
	return nil
}

// accesses are the keys that add a rule on files.
var accesses = map[string]policy.Access{"stat": policy.Stat, "read": policy.Read, "write": policy.Write, "exec": policy.Exec}

func (tc *Case) setRule(key, value string) (found bool, err error) {
	if grant, ok := accesses[key]; ok {
		for _, pattern := range strings.Fields(value) {
			tc.grants = append(tc.grants, policy.FileRule{Pattern: pattern, Grant: grant})
		}
		return true, nil
	}
	switch key {
	case "box":
		if value != "deny" && value != "kill" {
			return true, fmt.Errorf("want deny or kill")
		}
		tc.box = value
	case "allow":
		for _, call := range strings.Fields(value) {
			tc.calls = append(tc.calls, policy.Rule{Call: call, Do: policy.Action{Kind: policy.Allow}})
		}
	default:
		return false, nil
	}
	return true, nil
}

func (tc *Case) setNumber(key, value string) error {
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

// options are the sandbox's, with the case's policy and limits. In its box the
// program may do everything but for two files.
func (tc *Case) options(t testing.TB, s Sandbox, preset string, a *Arena) belljar.Options {
	opts := s.Options(t, preset)
	opts.Limits = tc.limits
	p := opts.Policy
	p.Rules = append(append([]policy.Rule(nil), tc.calls...), p.Rules...)
	rule := func(pattern string, grant policy.Access, do policy.Action) {
		p.Files.Rules = append(p.Files.Rules, policy.FileRule{Pattern: a.Fill(pattern), Grant: grant, Do: do})
	}
	if tc.box != "" {
		do := policy.Action{Kind: policy.Kill}
		if tc.box == "deny" {
			do = policy.Action{Kind: policy.Deny, Errno: uint16(syscall.EACCES)}
		}
		p.Files.Rules = append(p.Files.Rules, a.Rules(do)...)
	}
	for _, g := range tc.grants {
		rule(g.Pattern, g.Grant, g.Do)
	}
	return opts
}
