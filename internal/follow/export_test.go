package follow

import (
	"testing"
	"time"
)

// Early makes followers hold processes that trap however slowly, and until something
// else than a pause lets them go, until the test ends.
func Early(t *testing.T) {
	before := pace
	pace.each, pace.look = time.Hour, time.Hour
	t.Cleanup(func() { pace = before })
}

// WithoutRelease leaves processes held when a call is about to tell their affinity.
func WithoutRelease(t *testing.T) {
	releases = false
	t.Cleanup(func() { releases = true })
}

// WithoutJoined leaves new tasks the affinity of a process that was held.
func WithoutJoined(t *testing.T) {
	joins = false
	t.Cleanup(func() { joins = true })
}

// Taken is how many CPUs there are on which processes are held.
func Taken() (n int) {
	for i := range taken {
		if taken[i].Load() {
			n++
		}
	}
	return n
}
