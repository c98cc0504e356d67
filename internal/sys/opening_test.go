package sys

import (
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Others can start processes while a file's opening takes long.
func TestHoldEnds(t *testing.T) {
	defer func(d time.Duration) { longestHold = d }(longestHold)
	longestHold = time.Second
	var h Hold
	for range 2 {
		h.Begin()
		if syscall.ForkLock.TryLock() {
			t.Error("a process could have been started at once")
			syscall.ForkLock.Unlock()
		}
		if err := exec.Command("/bin/true").Run(); err != nil { // for ever, if nobody ends it
			t.Error(err)
		}
		h.End()
	}
	if !syscall.ForkLock.TryLock() {
		t.Fatal("still held")
	}
	syscall.ForkLock.Unlock()
}
