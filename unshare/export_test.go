package unshare

import (
	"os"
	"testing"
)

// BeSleeper does not return in a process that is to be the sleeper.
func BeSleeper() {
	if os.Getenv(sleeper) != "" {
		sleepInSandbox()
	}
}

// TrustPlaces switches off the look at what a program has done to its file
// systems until the test ends.
func TrustPlaces(t *testing.T) {
	before := unchanged
	unchanged = func(now, before []place) bool { return true }
	t.Cleanup(func() { unchanged = before })
}
