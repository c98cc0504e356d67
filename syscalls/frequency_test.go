package syscalls

import "testing"

// The frequencies are of calls that exist, and make up 10,000.
func TestFrequencies(t *testing.T) {
	sum := 0
	for call, n := range frequencies {
		sum += n
		if !Known(call) {
			t.Errorf("there is no call %s", call)
		}
	}
	if sum < 9900 || sum > 10100 {
		t.Errorf("%d of 10,000 calls", sum)
	}
}
