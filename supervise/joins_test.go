package supervise

import (
	"testing"

	"github.com/belljar/belljar/policy"
)

// TestJoins proves that calls which let others write a program's memory trap where the
// policy lets a program make them, and that after one nobody counts as alone.
func TestJoins(t *testing.T) {
	for _, call := range joinCalls {
		p := policy.Judge()
		p.Network = policy.Network{}
		p.Rules = append([]policy.Rule{{Call: call, Do: policy.Action{Kind: policy.Allow}}}, p.Rules...)
		e, err := NewEngine(EngineConfig{Table: arch, Policy: p, Dir: "/"})
		if err != nil {
			t.Fatal(err)
		}
		if e, err = e.ForRun("/bin/true"); err != nil {
			t.Fatal(err)
		}
		trap := trapOf(call)
		trap.Alone = true
		if !e.alone() || !e.Traps(call) {
			t.Errorf("%s: alone %v, traps %v", call, e.alone(), e.Traps(call))
		}
		if d := e.Decide(trap); d.Kind != Allow {
			t.Errorf("%s: %+v", call, d)
		}
		if e.alone() {
			t.Errorf("%s is made, and its thread is alone", call)
		}
		e.Close()
	}
	e, err := NewEngine(EngineConfig{Table: arch, Policy: policy.Judge(), Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, call := range joinCalls {
		if e.Traps(call) {
			t.Errorf("judge refuses %s, and yet it traps", call)
		}
	}
}
