package ptrace

import (
	"syscall"

	"github.com/belljar/belljar/supervise"
)

// SignalCalls are the calls that must be trapped for Config.OwnSignals.
// pidfd_open stands for pidfd_send_signal, which cannot name a process
// without it; prlimit64 can kill with RLIMIT_CPU. All of them have their target in a register, so what was
// decided is what the kernel does.
var SignalCalls = []string{"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "prlimit64"}

// ownTarget reports whether the process that the trapped call is about belongs
// to the run. A tracee's number cannot be recycled before it is reaped here.
// The tracer is locked.
func (t *Tracer) ownTarget(trap *supervise.Trap) bool {
	pid := int(trap.Int(0))
	switch {
	case pid > 0:
		return t.tasks[pid] != nil || t.procs[pid] != nil
	case pid == 0:
		return true // the caller, or its group; the run is a session of its own
	case pid == -1:
		return false // everything that the user may signal
	}
	for p := range t.procs {
		if group, err := syscall.Getpgid(p); err == nil && group == -pid {
			return true
		}
	}
	return false
}
