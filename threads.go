package belljar

import (
	"runtime"
	"sync/atomic"
)

// running counts the runs whose thread is theirs.
var running atomic.Int32

// keptThreads is how many runs at once leave their threads to those that come.
// More would stay behind idle, for the Go runtime ends no thread.
const keptThreads = 8

// keepThread returns a function that gives the locked thread of a run back to
// the Go runtime: to make one takes a tenth of a run. One that is not given
// back ends with its goroutine: because there are many, because a supervisor
// has changed what it may do, or because something may still depend on it.
func (s *session) keepThread() (done func()) {
	running.Add(1)
	return func() {
		if running.Add(-1) < keptThreads && s.clean {
			runtime.UnlockOSThread()
		}
	}
}
