package belljar

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// A filter from a template equals one that was compiled for the token.
func TestTemplate(t *testing.T) {
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		o := seccomp.Options{Table: syscalls.AMD64, Trap: map[string]bool{"openat": true}, Exec: (*[3]uint64)(blank[:])}
		prog, err := seccomp.Compile(p, o)
		if err != nil {
			t.Fatal(err)
		}
		token := [3]uint64{0x1234_0000_5678, 0x7fff_1111_2222, 0x3f00_aaaa_bbb8}
		got := newTemplate([]bpf.Program{prog}).encode(token[:])
		o.Exec = &token
		want, err := seccomp.Compile(p, o)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([][]byte{want.Raw()}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A policy that is too long for one filter is refused where several would need
// the listener, of which there is one.
func TestNotifies(t *testing.T) {
	asks, answers := bpf.Program{{Op: bpf.RET | bpf.K, K: bpf.UserNotif}}, bpf.Program{{Op: bpf.RET | bpf.K, K: bpf.Allow}}
	if !notifies([]bpf.Program{answers, asks}) || notifies([]bpf.Program{answers}) || notifies(nil) {
		t.Error("which filters ask a listener")
	}
}

// What changes a filter changes its key.
func TestFilterKey(t *testing.T) {
	trap := map[string]bool{"openat": true, "stat": true}
	base := digest(policy.Judge(), string(Ptrace), trap)
	if base != digest(policy.Judge(), string(Ptrace), trap) {
		t.Error("the same policy has two keys")
	}
	for what, change := range map[string]func(*policy.Policy){
		"default": func(p *policy.Policy) { p.Default.Errno++ },
		"action":  func(p *policy.Policy) { p.Rules[3].Do.Kind ^= 1 },
		"call":    func(p *policy.Policy) { p.Rules[3].Call += "x" },
		"order":   func(p *policy.Policy) { p.Rules[0], p.Rules[len(p.Rules)-1] = p.Rules[len(p.Rules)-1], p.Rules[0] },
		"rule":    func(p *policy.Policy) { p.Rules = p.Rules[1:] },
		"when": func(p *policy.Policy) {
			p.Rules[0].When = append(p.Rules[0].When, policy.Cond{Arg: 5, Values: []uint64{1}})
		},
	} {
		p := policy.Judge()
		change(p)
		if digest(p, string(Ptrace), trap) == base {
			t.Errorf("a change of %s keeps the key", what)
		}
	}
	if digest(policy.Judge(), string(Ptrace), map[string]bool{"openat": true}) == base {
		t.Error("a change of the traps keeps the key")
	}
	if digest(policy.Judge(), string(Notify), trap) == base {
		t.Error("another supervisor keeps the key")
	}
}
