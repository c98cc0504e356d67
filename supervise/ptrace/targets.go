package ptrace

import (
	"maps"
	"slices"
	"syscall"

	"github.com/belljar/belljar/supervise"
)

// naming says how a call names the processes that it acts on. All of them do so
// in registers, so what was decided is what the kernel does.
type naming struct {
	who   int // the argument with a number
	means meaning
}

// meaning says what number stands for what.
type meaning uint8

const (
	one      meaning = iota // a process or a thread
	negative                // as in kill(2): a group, or everybody
	priority                // by argument 0: PRIO_PROCESS, PRIO_PGRP, PRIO_USER
	ioprio                  // by argument 0: IOPRIO_WHO_PROCESS, IOPRIO_WHO_PGRP, IOPRIO_WHO_USER
)

// targets are the calls that end other processes, stop them, or change how
// they run. pidfd_open stands for pidfd_send_signal, which cannot name a process
// without it; prlimit64 can kill with RLIMIT_CPU.
var targets = map[string]naming{
	"kill":               {0, negative},
	"tkill":              {0, one},
	"tgkill":             {0, one},
	"rt_sigqueueinfo":    {0, one},
	"rt_tgsigqueueinfo":  {0, one},
	"pidfd_open":         {0, one},
	"prlimit64":          {0, one},
	"setpriority":        {1, priority},
	"ioprio_set":         {1, ioprio},
	"sched_setaffinity":  {0, one},
	"sched_setparam":     {0, one},
	"sched_setscheduler": {0, one},
	"sched_setattr":      {0, one},
}

// TargetCalls are the calls that must be trapped for Config.OwnTargets.
var TargetCalls = slices.Sorted(maps.Keys(targets))

// ownTarget reports whether the processes that the trapped call is about belong
// to the run. A tracee's number cannot be recycled before it is reaped here.
// The tracer is locked.
func (t *Tracer) ownTarget(trap *supervise.Trap) bool {
	n := targets[trap.Name()]
	who := int(trap.Int(n.who))
	switch n.means {
	case priority, ioprio:
		which := trap.Int(0)
		if n.means == ioprio {
			which--
		}
		switch which {
		case 1:
			return t.ownGroup(who)
		case 2:
			return false // all that the user has
		}
	case negative:
		if who < 0 {
			return who != -1 && t.ownGroup(-who)
		}
	}
	// 0 is the caller, or its group: the run is a session of its own.
	return who == 0 || t.tasks[who] != nil || t.procs[who] != nil
}

// ownGroup reports whether a process group is the run's.
func (t *Tracer) ownGroup(id int) bool {
	for p := range t.procs {
		if group, err := syscall.Getpgid(p); err == nil && group == id {
			return true
		}
	}
	return id == 0
}
