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
	cases.Test(t, all, false)
}
