package main

import (
	"runtime"
	"slices"
	"testing"

	moby "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// around are arguments on both sides of each comparison of a call's rules.
func around(p *policy.Policy, call string) [][6]uint64 {
	out := [][6]uint64{{}, {1, 1, 1, 1, 1, 1}, {all64, all64, all64, all64, all64, all64}}
	for _, r := range p.Rules {
		if !r.Names(call) {
			continue
		}
		for _, c := range r.When {
			for _, v := range append(slices.Clone(c.Values), c.Mask, 0x10000000, 0x11) {
				for _, near := range []uint64{v - 1, v, v + 1} {
					var args [6]uint64
					args[c.Arg] = near
					out = append(out, args)
				}
			}
		}
	}
	return out
}

const all64 = ^uint64(0)

// Docker's profile, imported, exported and imported again, decides every call
// of every architecture as at first.
func TestDockerRoundTrip(t *testing.T) {
	for _, table := range []*syscalls.Table{syscalls.AMD64, syscalls.ARM64} {
		first, err := docker(table)
		if err != nil {
			t.Fatal(err)
		}
		tables := append([]*syscalls.Table{table}, first.Also...)
		src, err := seccomp.ExportOCI(first.Policy, tables...)
		if err != nil {
			t.Fatal(err)
		}
		second, err := seccomp.ImportOCI("again.json", src, seccomp.Host{Table: table})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(second.Also, first.Also) {
			t.Errorf("%s: also for %v, not %v", table.GOARCH, second.Also, first.Also)
		}
		for _, each := range tables {
			for nr, call := range each.Calls() {
				for _, args := range around(first.Policy, call) {
					want, _ := first.Policy.Decide(each, nr, args)
					if got, _ := second.Policy.Decide(each, nr, args); got != want {
						t.Errorf("%s on %s %#x: %s, was %s", call, each.GOARCH, args, got, want)
					}
				}
			}
		}
	}
}

// The imported profile decides as the filter does that libseccomp makes of what
// Docker's own code makes of the profile, for arguments as C passes them.
func TestDockerEqualsLibseccomp(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("libseccomp makes filters for its own architecture here")
	}
	program, err := buildLibrary(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	spec, err := moby.GetDefaultProfile(&specs.Spec{Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{}}})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := library(program, specRules(t, spec))
	if err != nil {
		t.Fatal(err)
	}
	in, err := docker(syscalls.AMD64)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := seccomp.Compile(in.Policy, seccomp.Options{Table: syscalls.AMD64})
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for nr, call := range syscalls.AMD64.Calls() {
		for _, args := range around(in.Policy, call) {
			for i := range args {
				if bits := syscalls.AMD64.ArgBits(call, i); bits < 64 {
					args[i] &= 1<<bits - 1 // the kernel ignores the rest, libseccomp's rules do not
				}
			}
			d := bpf.Data{Nr: int32(nr), Arch: syscalls.AMD64.Audit, Args: args}
			want, _, err := theirs.Run(d)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, _ := ours.Run(d); got != want {
				t.Errorf("%s%#x: %s, libseccomp says %s", call, args, bpf.AnswerString(got), bpf.AnswerString(want))
			}
			compared++
		}
	}
	t.Logf("%d decisions", compared)
}

// specRules are a runtime's rules for libseccomp, read without our importer.
func specRules(t *testing.T, spec *specs.LinuxSeccomp) rules {
	t.Helper()
	actions := map[specs.LinuxSeccompAction]uint32{specs.ActAllow: bpf.Allow, specs.ActErrno: bpf.Errno}
	ops := map[specs.LinuxSeccompOperator]policy.Op{specs.OpNotEqual: policy.Ne, specs.OpLessThan: policy.Lt, specs.OpLessEqual: policy.Le,
		specs.OpEqualTo: policy.Eq, specs.OpGreaterEqual: policy.Ge, specs.OpGreaterThan: policy.Gt, specs.OpMaskedEqual: policy.Mask}
	errno := func(n *uint) uint32 {
		if n == nil {
			return 1
		}
		return uint32(*n)
	}
	out := rules{fallback: actions[spec.DefaultAction] | errno(spec.DefaultErrnoRet)}
	for _, s := range spec.Syscalls {
		answer, ok := actions[s.Action]
		if !ok {
			t.Fatalf("no answer for %s", s.Action)
		}
		if s.Action == specs.ActErrno {
			answer |= errno(s.ErrnoRet)
		}
		var when []policy.Cond
		for _, a := range s.Args {
			c := policy.Cond{Arg: int(a.Index), Op: ops[a.Op], Values: []uint64{a.Value}}
			if a.Op == specs.OpMaskedEqual {
				c.Mask, c.Values = a.Value, []uint64{a.ValueTwo}
			}
			when = append(when, c)
		}
		for _, name := range s.Names {
			if nr, ok := syscalls.AMD64.Number(name); ok && answer != out.fallback {
				out.all = append(out.all, rule{name, nr, when, answer})
			}
		}
	}
	return out
}
