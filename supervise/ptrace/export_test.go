package ptrace

import "testing"

// WithoutSeal makes tracers leave argument pages unsealed until the test ends.
func WithoutSeal(t *testing.T) {
	seal = false
	t.Cleanup(func() { seal = true })
}
