package escapes_test

import (
	"testing"

	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/test/cases"
	"github.com/belljar/belljar/test/escapes"
	"github.com/belljar/belljar/test/programs"
)

func TestMain(m *testing.M) {
	cases.Warm()
	testkit.Main(m)
}

// TestEscapes proves that every program of this directory meets the fate that
// its header states, in every sandbox, and gets nothing.
func TestEscapes(t *testing.T) {
	cases.Test(t, corpus(t), true)
}

func corpus(t *testing.T) []*programs.Program {
	t.Helper()
	all, err := escapes.Programs.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
