package escapes_test

import (
	"errors"
	"io/fs"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/test/cases"
	"github.com/belljar/belljar/test/escapes"
)

// escaped is the exit status of a program that got what it must not have.
const escaped = 42

// allowing is a preset without one defence: it allows the calls.
func allowing(preset *policy.Policy, calls ...string) *policy.Policy {
	var rules []policy.Rule
	for _, call := range calls {
		rules = append(rules, policy.Rule{Call: call, Do: policy.Action{Kind: policy.Allow}})
	}
	preset.Rules = append(rules, preset.Rules...)
	return preset
}

// noFiles is a policy that decides no paths and no endpoints.
func noFiles(p *policy.Policy) *policy.Policy {
	p.Files, p.Network = policy.Files{}, policy.Network{}
	return p
}

// alone is the least that there is: a filter, and nobody who decides.
var alone = belljar.Options{Supervisor: belljar.NoOne, Unshare: belljar.Off}

// TestMutants switches one defence off at a time, with what the public API
// offers for it, and runs the attack that it holds: the attack must win, or it
// would prove nothing where it loses.
func TestMutants(t *testing.T) {
	tests := []struct {
		defence string
		program string
		args    []string
		policy  *policy.Policy
		options belljar.Options
	}{
		{"the filter refuses sockets", "escapes/abi", []string{"socket"}, allowing(noFiles(policy.Compile()), "socket"), alone},
		{"the filter refuses another personality", "escapes/doors", []string{"personality"}, allowing(noFiles(policy.Judge()), "personality"), alone},
		{"the filter refuses to hide memory", "escapes/doors", []string{"prctl", "dumpable"}, allowing(noFiles(policy.Judge()), "prctl"), alone},
		{"the filter refuses a listener", "escapes/doors", []string{"listener"}, allowing(noFiles(policy.Judge()), "seccomp"), alone},
		{"the filter refuses a program without a path", "escapes/doors", []string{"memfd"},
			allowing(noFiles(policy.Compile()), "memfd_create", "execveat"), alone},
		{"file rules", "c/readfile", []string{"open", "{secret}"}, noFiles(policy.Judge()), alone},
		{"file rules, by a link", "c/readfile", []string{"root", "{secret}"}, noFiles(policy.Judge()), alone},
		{"file rules, for changes", "c/writefile", []string{"unlink", "{secret}"}, allowing(noFiles(policy.Judge()), "@file-write"), alone},
		{"file rules, for execution", "escapes/processes", []string{"exec", "{tool}"}, noFiles(policy.Compile()), alone},
		{"file rules, for interpreters", "escapes/processes", []string{"script", "{tool}"}, noFiles(policy.Compile()), alone},
		{"file rules, for loaders", "escapes/processes", []string{"loader", "{tool}"}, noFiles(policy.Compile()), alone},
	}
	for _, tt := range tests {
		t.Run(tt.defence, func(t *testing.T) {
			a := cases.NewArena(t, testkit.Program(t, tt.program, variant(t, tt.program))[0])
			opts := tt.options
			opts.Policy, opts.Limits.Wall = tt.policy, time.Minute
			res, out := cases.Run(t, belljar.Command{Args: fill(a, tt.args), Dir: a.Box}, opts)
			// A program that runs as a loader crashes, since it is none.
			if res.ExitCode != escaped && res.Verdict != belljar.Signaled {
				t.Errorf("the attack did not win: %+v %+v\n%s%s", cases.Brief(res), res.Violation, out.Stdout.String(), out.Stderr.String())
			}
		})
	}
}

func variant(t *testing.T, program string) string {
	t.Helper()
	for _, p := range corpus(t) {
		if p.Name == program {
			return p.Builds[0]
		}
	}
	return "dynamic"
}

func fill(a *cases.Arena, args []string) []string {
	all := []string{a.Program()}
	for _, arg := range args {
		all = append(all, a.Fill(arg))
	}
	return all
}

// checksName is a handler that checks the name of what is executed, and lets
// the kernel read it again.
type checksName struct{}

func (checksName) Handle(t *supervise.Trap) supervise.Decision {
	if name, err := t.Path(0); err == nil && name == "evil" {
		return supervise.Decision{Kind: supervise.Deny, Errno: syscall.EACCES}
	}
	return supervise.Decision{Kind: supervise.Allow}
}

// TestExecMutant shows that a name that changes gets past whoever only reads
// it: what was executed must be looked at, when it can no longer change.
func TestExecMutant(t *testing.T) {
	p := noFiles(policy.Compile())
	p.Rules = append([]policy.Rule{{Call: "execve", Do: policy.Action{Kind: policy.Trap}}}, p.Rules...)
	a := cases.NewArena(t, testkit.Program(t, "escapes/processes", "dynamic")[0])
	res, out := cases.Run(t, belljar.Command{Args: fill(a, []string{"flip", "{tool}", "60"}), Dir: a.Box},
		belljar.Options{Policy: p, Supervisor: belljar.Ptrace, Unshare: belljar.Off, Handler: checksName{}})
	if res.ExitCode != escaped {
		t.Errorf("a minute of attacks won nothing: %+v\n%s%s", cases.Brief(res), out.Stdout.String(), out.Stderr.String())
	}
}

// TestUntracedMutant shows that a child which no tracer follows stays when the
// run ends, where a policy asks for that by name.
func TestUntracedMutant(t *testing.T) {
	a := cases.NewArena(t, testkit.Program(t, "escapes/processes", "dynamic")[0])
	p := policy.Observe()
	p.Rules = append([]policy.Rule{{Call: "clone", Do: policy.Action{Kind: policy.Allow},
		When: []policy.Cond{{Op: policy.Mask, Mask: syscall.CLONE_UNTRACED, Values: []uint64{syscall.CLONE_UNTRACED}}}}}, p.Rules...)
	res, out := cases.Run(t, belljar.Command{Args: fill(a, []string{"untraced"}), Dir: a.Box},
		belljar.Options{Policy: p, Supervisor: belljar.Ptrace, Unshare: belljar.Off})
	_, pid, _ := strings.Cut(strings.TrimSpace(out.Stdout.String()), "ESCAPED: ")
	left, err := strconv.Atoi(pid)
	if res.ExitCode != escaped || err != nil {
		t.Fatalf("no child was made: %+v\n%s%s", cases.Brief(res), out.Stdout.String(), out.Stderr.String())
	}
	if len(testkit.ProcessesOf(a.Dir)) == 0 {
		t.Error("nobody is left: the attack proves nothing")
		return
	}
	if err := syscall.Kill(left, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	for len(testkit.ProcessesOf(a.Dir)) > 0 {
		time.Sleep(time.Millisecond)
	}
}

// outsideOfSandboxes runs a program as it is, and returns its exit status and
// its output.
func outsideOfSandboxes(t *testing.T, a *cases.Arena, args ...string) (int, string) {
	t.Helper()
	args = fill(a, args)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = a.Box
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// TestCarelessFilters shows what filters that forget the architecture, or that
// an int is half of a register, let through.
func TestCarelessFilters(t *testing.T) {
	a := cases.NewArena(t, testkit.Program(t, "escapes/abi", "amd64")[0])
	tests := []struct {
		args []string
		want int // exit status, -1 for a signal
	}{
		{[]string{"careless", "{secret}"}, escaped},
		{[]string{"careless", "{secret}", "no"}, -1},
		{[]string{"whole"}, escaped},
		{[]string{"whole", "no"}, 0},
	}
	for _, tt := range tests {
		if got, out := outsideOfSandboxes(t, a, tt.args...); got != tt.want {
			t.Errorf("%v: exit status %d, want %d\n%s", tt.args, got, tt.want, out)
		}
	}
}

// TestMatrixOutside shows that every call of the matrix reaches the secret where
// nothing keeps it from that.
func TestMatrixOutside(t *testing.T) {
	a := cases.NewArena(t, testkit.Program(t, "escapes/paths", "dynamic")[0])
	_, out := outsideOfSandboxes(t, a, "matrix", "{inner}", "box")
	won := map[string]bool{}
	for line := range strings.Lines(out) {
		if call, _, ok := strings.Cut(line, ", "); ok {
			won[call] = true
		}
	}
	source := source(t, "paths.c")
	// These the kernel refuses for what the secret is: no link, no attribute of
	// its own, not below the box by an absolute path, not executable.
	exempt := []string{"readlink", "getxattr", "openat2 beneath", "execve", "execveat"}
	for line := range strings.Lines(source) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), `X("`)
		if call, _, _ := strings.Cut(rest, `"`); ok && !won[call] && !slices.Contains(exempt, call) {
			t.Errorf("%s got nothing: the matrix proves nothing about it", call)
		}
	}
	if len(a.Check()) == 0 {
		t.Error("nothing has changed: the arena's check sees nothing")
	}
}

// TestSignalsOutside shows that the parent can be signalled where nothing
// forbids it.
func TestSignalsOutside(t *testing.T) {
	a := cases.NewArena(t, testkit.Program(t, "escapes/processes", "dynamic")[0])
	if _, out := outsideOfSandboxes(t, a, "signals", "parent"); !strings.Contains(out, "sent 1\n") {
		t.Errorf("output %q", out)
	}
}

// TestOthersOutside shows that the parent's priority and processors can be set
// where nothing forbids it.
func TestOthersOutside(t *testing.T) {
	a := cases.NewArena(t, testkit.Program(t, "escapes/processes", "dynamic")[0])
	if _, out := outsideOfSandboxes(t, a, "others", "parent"); !strings.Contains(out, "others: setpriority") || !strings.Contains(out, "others: syscall(SYS_sched_setaffinity") {
		t.Errorf("output %q", out)
	}
}

// TestLimitsOff shows that each limit is what ends its program: without it the
// program goes on until another one does.
func TestLimitsOff(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		limits belljar.Limits
		more   func(*belljar.Result) bool
	}{
		{"cpu", []string{"orphans-burn"}, belljar.Limits{Wall: 3 * time.Second}, func(r *belljar.Result) bool { return r.CPU > 50*time.Millisecond }},
		{"memory", []string{"shared", "100"}, belljar.Limits{Wall: 2 * time.Second}, func(r *belljar.Result) bool { return r.MemoryPeak > 64<<20 }},
		{"output", []string{"chorus"}, belljar.Limits{Wall: time.Second}, func(r *belljar.Result) bool { return r.OutputBytes > 2<<20 }},
		{"wall", []string{"sleepy"}, belljar.Limits{Wall: time.Second}, func(r *belljar.Result) bool { return r.Wall >= time.Second }},
	}
	program := testkit.Program(t, "escapes/resources", "dynamic")[0]
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := cases.NewArena(t, program)
			res, _ := cases.Run(t, belljar.Command{Args: fill(a, tt.args)},
				belljar.Options{Policy: policy.Compile(), Supervisor: belljar.Ptrace, Unshare: belljar.Off, Limits: tt.limits})
			if res.Verdict != belljar.TimeLimit || res.Limit != "wall" || !tt.more(res) {
				t.Errorf("%+v", cases.Brief(res))
			}
		})
	}
}

func source(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(escapes.Programs.Sources, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
