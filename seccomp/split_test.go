package seccomp_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// long adds rules on a call that take a few instructions each. It reports
// whether the call has arguments for that.
func long(p *policy.Policy, call string, rules int) bool {
	more := &policy.Policy{}
	for i := range rules {
		more.Rules = append(more.Rules, policy.Rule{Call: call, Do: policy.Action{Kind: policy.Deny, Errno: uint16(1 + i%50)}, When: []policy.Cond{
			{Arg: 0, Op: policy.Eq, Values: []uint64{uint64(i)}}, {Arg: 1, Op: policy.Eq, Values: []uint64{uint64(7 * i)}}}})
	}
	if more.Validate() != nil {
		return false
	}
	p.Rules = append(p.Rules, more.Rules...)
	return true
}

// together is what the kernel makes of the answers of several filters: the
// most restrictive action, which has the lowest number as a signed word.
func together(t *testing.T, filters []bpf.Program, d bpf.Data) uint32 {
	t.Helper()
	answer := uint32(bpf.Allow)
	for _, f := range filters {
		got, _, err := f.Run(d)
		if err != nil {
			t.Fatal(err)
		}
		if int32(got&0xffff0000) < int32(answer&0xffff0000) {
			answer = got
		}
	}
	return answer
}

// Policies that are too long for one filter are decided by several as one
// would, and the last of them decides seccomp(2), so that all can be installed.
func TestCompileAll(t *testing.T) {
	decisions := 0
	for seed := range uint64(6) {
		g := generator{Rand: rand.New(rand.NewPCG(seed, 12)), calls: []string{"fcntl", "prctl", "socket", "seccomp", "setreuid", "read"}}
		p, o := g.policy(), seccomp.Options{Table: tables[seed%uint64(len(tables))]}
		if seed%2 == 0 {
			o.Also = []*syscalls.Table{tables[(seed+1)%uint64(len(tables))]}
		}
		for _, call := range g.calls[:5] {
			if !long(p, call, (400+g.IntN(50))/(1+len(o.Also))) {
				t.Fatalf("%s cannot have rules", call)
			}
		}
		filters, err := seccomp.CompileAll(p, o)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(filters) < 2 {
			t.Errorf("seed %d: %d filters", seed, len(filters))
		}
		all := append(o.Also, o.Table)
		for range 2000 {
			table := all[g.IntN(len(all))]
			d := bpf.Data{Nr: int32(g.nr(table)), Arch: table.Audit, Args: g.args(p)}
			action, _ := p.Decide(table, int(d.Nr), d.Args)
			if got := together(t, filters, d); got != answer(action) {
				t.Fatalf("seed %d: %s%#x: %s, the policy says %s", seed, table.Name(int(d.Nr)), d.Args, bpf.AnswerString(got), action)
			}
			decisions++
		}
		for _, table := range all {
			nr, ok := table.Number("seccomp")
			if !ok {
				continue
			}
			for _, f := range filters[:len(filters)-1] {
				if got, _, _ := f.Run(bpf.Data{Nr: int32(nr), Arch: table.Audit}); got != bpf.Allow {
					t.Errorf("seed %d: a filter that others follow answers seccomp with %s", seed, bpf.AnswerString(got))
				}
			}
		}
	}
	t.Logf("%d decisions", decisions)
}

// A policy that needs no division has one filter, that of Compile.
func TestCompileAllOne(t *testing.T) {
	o := seccomp.Options{Table: syscalls.AMD64}
	filters, err := seccomp.CompileAll(policy.Judge(), o)
	if err != nil {
		t.Fatal(err)
	}
	want, err := seccomp.Compile(policy.Judge(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(filters) != 1 || string(filters[0].Raw()) != string(want.Raw()) {
		t.Errorf("%d filters", len(filters))
	}
}

func TestCompileAllRejects(t *testing.T) {
	alone, many := &policy.Policy{}, &policy.Policy{}
	long(alone, "socket", 3000)
	for _, call := range syscalls.Names() {
		if len(many.Rules) < 10000 {
			long(many, call, 400)
		}
	}
	for want, p := range map[string]*policy.Policy{"the rules on [socket] alone need": alone, "the kernel takes 32768": many} {
		if _, err := seccomp.CompileAll(p, seccomp.Options{Table: syscalls.AMD64}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
