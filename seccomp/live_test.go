//go:build linux

package seccomp_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// refusing makes a policy in which no call runs: what it would allow fails with
// an errno of its own, so that a test can make every call.
func refusing(p *policy.Policy) *policy.Policy {
	instead := func(a policy.Action) policy.Action {
		return policy.Action{Kind: policy.Deny, Errno: 100 + 10*uint16(a.Kind) + a.Errno%8}
	}
	q := &policy.Policy{Default: instead(p.Default), Rules: slices.Clone(p.Rules)}
	for i := range q.Rules {
		q.Rules[i].Do = instead(q.Rules[i].Do)
	}
	return q
}

// calls is how many numbers are tried, from 0 on.
const calls = 600

// unfiltered are calls that no filter sees: the kernel lets them pass because
// its own trampolines make them (seccomp_uprobe_exception, since 6.14), and
// ends a process that makes them elsewhere with SIGILL. On arm64 they are none.
var unfiltered = slices.DeleteFunc([]string{"uretprobe", "uprobe"}, func(name string) bool {
	table := syscalls.ForGOARCH(runtime.GOARCH)
	if table == nil {
		return true
	}
	_, ok := table.Number(name)
	return !ok
})

// The kernel decides as the policy does: 200 random filters are installed in
// processes, which make every system call, with arguments on the boundaries of
// the rules' conditions.
func TestKernelEqualsPolicy(t *testing.T) {
	table := syscalls.ForGOARCH(runtime.GOARCH)
	if table == nil {
		t.Skip("no table of system calls for this architecture")
	}
	filters := 200
	if testing.Short() {
		filters = 20
	}
	var in bytes.Buffer
	var want []int32
	var about []bpf.Data
	write := func(v any) { binary.Write(&in, binary.NativeEndian, v) }
	for seed := range filters {
		g := generator{Rand: rand.New(rand.NewPCG(uint64(seed), 99)), calls: someCalls}
		p := refusing(g.policy())
		prog, err := seccomp.Compile(p, seccomp.Options{Table: table})
		if err != nil {
			t.Fatal(err)
		}
		write(uint32(len(prog)))
		write(prog)
		write(uint32(calls - len(unfiltered)))
		for nr := range calls {
			if slices.Contains(unfiltered, table.Name(nr)) {
				continue
			}
			d := bpf.Data{Nr: int32(nr), Args: g.args(p)}
			action, _ := p.Decide(table, nr, d.Args)
			want, about = append(want, int32(action.Errno)), append(about, d)
			write(uint64(nr))
			write(d.Args)
		}
	}
	out := runLive(t, &in)
	if len(out) != len(want) {
		t.Fatalf("%d answers for %d calls", len(out), len(want))
	}
	for i := range want {
		if out[i] != want[i] {
			t.Fatalf("call %d, %s(%#x): errno %d, the policy says %d", i, table.Name(int(about[i].Nr)), about[i].Args, out[i], want[i])
		}
	}
}

func runLive(t *testing.T, in *bytes.Buffer) []int32 {
	t.Helper()
	binaryFile := filepath.Join(t.TempDir(), "live")
	if out, err := exec.Command("cc", "-O1", "-Wall", "-o", binaryFile, "testdata/live.c").CombinedOutput(); err != nil {
		t.Fatalf("compile testdata/live.c: %v\n%s", err, out)
	}
	cmd := exec.Command(binaryFile)
	cmd.Stdin, cmd.Stderr = in, os.Stderr
	raw, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]int32, len(raw)/4)
	for i := range out {
		out[i] = int32(binary.NativeEndian.Uint32(raw[4*i:]))
	}
	return out
}
