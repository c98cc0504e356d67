package escapes_test

import (
	"testing"

	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/test/cases"
	"github.com/belljar/belljar/test/escapes"
)

func TestMain(m *testing.M) {
	cases.Warm()
	testkit.Main(m)
}

// TestEscapes proves that every program of this directory meets the fate that
// its header states, in every sandbox, and gets nothing.
func TestEscapes(t *testing.T) {
	all, err := escapes.Programs.All()
	if err != nil {
		t.Fatal(err)
	}
	cases.Test(t, all, true)
}
