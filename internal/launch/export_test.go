package launch

import "testing"

// KnowPass makes every standby's pass the same until the test ends.
func KnowPass(t *testing.T, pass uint64) {
	before := newPass
	newPass = func() uint64 { return pass }
	t.Cleanup(func() { newPass = before })
}
