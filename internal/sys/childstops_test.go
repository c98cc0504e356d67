package sys

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
)

// Stops of children send no SIGCHLD any more, ends do.
func TestQuietStops(t *testing.T) {
	QuietStops()
	var act kernelSigaction
	if err := sigaction(syscall.SIGCHLD, nil, &act); err != nil {
		t.Fatal(err)
	}
	if act.flags&noChildStop == 0 || act.handler <= 1 {
		t.Errorf("handler %#x, flags %#x", act.handler, act.flags)
	}
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, syscall.SIGCHLD)
	defer signal.Stop(ch)
	if err := exec.Command("true").Run(); err != nil {
		t.Fatal(err)
	}
	<-ch
}
