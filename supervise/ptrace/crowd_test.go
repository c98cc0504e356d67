package ptrace_test

import (
	"context"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

// TestCrowd proves that a trap among hundreds of processes that all trap, and of which most
// find no slot for what they open, costs a few times what it costs among eight: nothing is done for
// each stop that grows with the number of tracees, but for the kernel's own look for who has stopped.
func TestCrowd(t *testing.T) {
	perTrap(t, 8) // what is made once for all runs
	few, many := perTrap(t, 8), perTrap(t, 400)
	t.Logf("%v per trap among 8 processes, %v among 400", few, many)
	if many > 8*few {
		t.Errorf("a trap among 400 processes costs %v of CPU time, among 8 %v", many, few)
	}
}

// perTrap is the CPU time that Belljar has used for each trap of a run whose
// program has so many processes that open a file; all open it equally often.
func perTrap(t *testing.T, processes int) time.Duration {
	t.Helper()
	const opens = 16_000
	p := policy.Compile()
	opts := belljar.Options{Policy: p, Supervisor: belljar.Ptrace, Unshare: belljar.Off, Limits: belljar.Limits{Wall: 10 * time.Minute}}
	args := append(testkit.Program(t, "c/crowd", "static"), strconv.Itoa(processes), strconv.Itoa(opens/processes), "/etc/passwd")
	before := cpuTime(t)
	res, err := belljar.Run(context.Background(), belljar.Command{Args: args}, opts)
	used := cpuTime(t) - before
	if err != nil || res.Verdict != belljar.OK || res.Traps < opens {
		t.Fatalf("%+v, %v", res, err)
	}
	return used / time.Duration(res.Traps)
}

// cpuTime is what this process has used, without its children.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		t.Fatal(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}
