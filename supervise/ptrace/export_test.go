package ptrace

import "testing"

// AlwaysAlone makes tracers believe that no task has company until the test
// ends.
func AlwaysAlone(t *testing.T) {
	company = false
	t.Cleanup(func() { company = true })
}

// WithoutSeal makes tracers leave argument pages unsealed until the test ends.
func WithoutSeal(t *testing.T) {
	seal = false
	t.Cleanup(func() { seal = true })
}

// WithoutGuard makes tracers let programs map memory over argument pages until
// the test ends.
func WithoutGuard(t *testing.T) {
	guard = false
	t.Cleanup(func() { guard = true })
}
