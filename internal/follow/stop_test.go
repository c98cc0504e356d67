package follow

import (
	"os/exec"
	"runtime"
	"testing"

	"github.com/belljar/belljar/internal/sys"
)

// TestStopCloses proves that a follower which finds that it cannot hold any more
// keeps no descriptor of the process.
func TestStopCloses(t *testing.T) {
	Early(t)
	// Not unlocked: the thread has lost its affinity.
	runtime.LockOSThread()
	thread := sys.ThreadID()
	if all, errno := sys.Affinity(thread); errno != 0 || all.Count() < 2 {
		t.Skip("there is one CPU")
	}
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	burst := func(f *Follower) {
		for range pace.few {
			f.Trap(child.Process.Pid, thread)
		}
	}
	var f Follower
	f.Start()
	defer f.Leave()
	burst(&f)
	if !f.holding || f.pidfd < 0 {
		t.Fatal("a burst is not followed")
	}
	f.Release()
	cpu, _ := sys.CurrentCPU()
	one := sys.OneCPU(cpu)
	if errno := sys.SetAffinity(thread, &one); errno != 0 {
		t.Fatal(errno)
	}
	burst(&f)
	if f.on || f.pidfd >= 0 {
		t.Errorf("a thread with one CPU: on %v, descriptor %d", f.on, f.pidfd)
	}
}
