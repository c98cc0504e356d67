package belljar

import (
	"sync"

	"github.com/belljar/belljar/internal/sys"
)

// dumpable is this process's own PR_SET_DUMPABLE while programs are launched.
var dumpable struct {
	sync.Mutex
	runs int
	was  int
}

// keepDumpable notes whether this process is dumpable and returns a function
// that makes it so again: setresuid in a process that shares this one's memory
// takes it away (commit_creds of the kernel). That is good as long as any such
// process is under way, so the last run restores it.
func keepDumpable() (restore func()) {
	dumpable.Lock()
	defer dumpable.Unlock()
	if dumpable.runs == 0 {
		dumpable.was = sys.Dumpable()
	}
	dumpable.runs++
	return func() {
		dumpable.Lock()
		defer dumpable.Unlock()
		if dumpable.runs--; dumpable.runs == 0 && dumpable.was == 1 {
			sys.SetDumpable(1)
		}
	}
}
