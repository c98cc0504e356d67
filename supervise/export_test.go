package supervise

import "testing"

// Warm is called before all tests.
var Warm func()

// LetSocketsGoOn makes engines decide calls on sockets and let the kernel make
// them, until the test ends.
func LetSocketsGoOn(t *testing.T) {
	inPlace = false
	t.Cleanup(func() { inPlace = true })
}
