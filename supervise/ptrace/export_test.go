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

// LeaveSlots leaves n slots of argument pages to each run until the test ends.
func LeaveSlots(t *testing.T, n int) {
	taken = slots{}
	for i := n; i < slotCount; i++ {
		taken[i/64] |= 1 << (i % 64)
	}
	t.Cleanup(func() { taken = slots{} })
}

// WithoutGuard makes tracers let programs map memory over argument pages until
// the test ends.
func WithoutGuard(t *testing.T) {
	guard = false
	t.Cleanup(func() { guard = true })
}
