package sys

import (
	"os/exec"
	"syscall"
	"testing"
)

// Others can start processes while a file's opening takes long.
func TestHoldEnds(t *testing.T) {
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
