package runs

import (
	"testing"

	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/test/cases"
	"github.com/belljar/belljar/test/programs"
)

// TestPrograms proves that every program of test/programs meets the fate that
// its header states, in every sandbox.
func TestPrograms(t *testing.T) {
	testkit.Leaks(t)
	all, err := programs.Programs.All()
	if err != nil {
		t.Fatal(err)
	}
	cases.Test(t, all, true)
}

// TestSameFate proves that it is the policy that decides and not who enforces
// it: a tracer and notifications give every program the same verdict, for the
// same call on the same path.
func TestSameFate(t *testing.T) {
	if testing.Short() {
		t.Skip("TestPrograms compares each supervisor with the headers")
	}
	testkit.Leaks(t)
	testkit.Notify(t)
	all, err := programs.Programs.All()
	if err != nil {
		t.Fatal(err)
	}
	cases.SameFate(t, all, cases.Find(t, "ptrace"), cases.Find(t, "notify"))
}
