package ptrace

import (
	"testing"
	"time"
)

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

// FollowEarly makes tracers follow programs that trap however slowly, and until
// something else than a pause lets them go, until the test ends.
func FollowEarly(t *testing.T) {
	before := pace
	pace.burst, pace.slack, pace.pause = time.Hour, time.Hour, time.Hour
	t.Cleanup(func() { pace = before })
}

// Followed is how many CPUs there are on which tracers hold programs.
func Followed() (n int) {
	for i := range followed {
		if followed[i].Load() {
			n++
		}
	}
	return n
}
