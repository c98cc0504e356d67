package belljar_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar"
)

// A result survives its own JSON, whatever signal it names.
func TestResultRoundTrip(t *testing.T) {
	for sig := belljar.Signal(0); sig <= 64; sig++ {
		want := belljar.Result{Verdict: belljar.Violation, Signal: sig, CPU: 5,
			Violation: &belljar.ViolationInfo{Syscall: "openat", Path: "/etc/passwd"}, Enforcement: []belljar.Layer{{Name: "seccomp", State: "on"}}}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got belljar.Result
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("signal %d: %s", sig, diff)
		}
	}
}
