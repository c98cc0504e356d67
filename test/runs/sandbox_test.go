package runs

import (
	"os"
	"testing"

	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/test/cases"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(victimVar); name != "" {
		hostProgram(name)
	}
	if os.Getenv(untracedVar) != "" {
		untraced()
	}
	cases.Warm()
	testkit.Main(m)
}

// What every file of this package uses has a short name here.
type sandbox = cases.Sandbox

var (
	each   = cases.Each
	run    = cases.Run
	tryRun = cases.TryRun
	brief  = cases.Brief
)
