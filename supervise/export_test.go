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

// WithoutStrangers makes engines not look at what a program opens, nor at calls that bring memory
// which others may write, until the test ends.
func WithoutStrangers(t *testing.T) {
	strangersCount = false
	t.Cleanup(func() { strangersCount = true })
}
