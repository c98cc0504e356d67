package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Usage is what a group has used. What could not be measured has no source.
type Usage struct {
	CPU, User, System time.Duration // of all that were ever in the group
	CPUSource         string        // cgroup1, cgroup2; "" if not measured

	// MemoryPeak is in bytes. It counts the pages that processes of the group
	// were the first to touch: anonymous memory, shared memory, tmpfs, page
	// cache, and what the kernel allocated for them, such as pipes and page
	// tables. A page that is in memory already, of a library for example, is
	// whose who brought it there.
	MemoryPeak   int64
	MemorySource string // cgroup1, cgroup2; "" if not measured
}

func source(version int) string { return fmt.Sprintf("cgroup%d", version) }

// Usage reads what the group has used so far. The time of a task that is
// running was brought up to date at the last tick, at most 10 ms ago; at
// the end of all processes the number is exact.
func (g *Group) Usage() (Usage, error) {
	var u Usage
	err := g.cpu(&u)
	if m := g.with(Memory); m != nil && err == nil {
		u.MemoryPeak, err = g.tree.number(m.dir, peakFile[m.Version])
		u.MemorySource = source(m.Version)
		if errors.Is(err, os.ErrNotExist) {
			u.MemorySource, err = "", nil
		}
	}
	if err != nil {
		return Usage{}, fmt.Errorf("read cgroup: %w", err)
	}
	return u, nil
}

// peakFile is where each version has the peak, version 2 since 5.19.
var peakFile = map[int]string{1: "memory.max_usage_in_bytes", 2: "memory.peak"}

// HasPeak reports whether the kernel keeps the peak of the group's memory.
func (g *Group) HasPeak() bool {
	m := g.with(Memory)
	return m != nil && g.tree.exists(filepath.Join(m.dir, peakFile[m.Version]))
}

// cpu reads CPU time: version 2 has it in every group, whatever controllers.
func (g *Group) cpu(u *Usage) error {
	if p := g.v2(); p != nil {
		stat, err := g.tree.keyed(p.dir, "cpu.stat")
		if err != nil {
			return err
		}
		u.CPU = time.Duration(stat["usage_usec"]) * time.Microsecond
		u.User = time.Duration(stat["user_usec"]) * time.Microsecond
		u.System = u.CPU - u.User
		u.CPUSource = source(2)
		return nil
	}
	p := g.with(accounting)
	if p == nil {
		return nil
	}
	// The total is exact; the split is sampled at ticks, so that only its ratio
	// is of use.
	var n [3]int64
	for i, name := range []string{"cpuacct.usage", "cpuacct.usage_user", "cpuacct.usage_sys"} {
		var err error
		if n[i], err = g.tree.number(p.dir, name); err != nil {
			return err
		}
	}
	u.CPU, u.User = time.Duration(n[0]), time.Duration(n[0])
	if all := n[1] + n[2]; all > 0 {
		u.User = time.Duration(float64(n[0]) * float64(n[1]) / float64(all))
	}
	u.System = u.CPU - u.User
	u.CPUSource = source(1)
	return nil
}

// Memory returns the bytes that the group has now, as Usage counts them.
func (g *Group) Memory() (int64, error) {
	m := g.with(Memory)
	if m == nil {
		return 0, errors.New("no memory controller")
	}
	if m.Version == 1 {
		return g.tree.number(m.dir, "memory.usage_in_bytes")
	}
	return g.tree.number(m.dir, "memory.current")
}

// Events counts what the group's limits have done.
type Events struct {
	// Full is how often the memory limit was in the way: in version 2 when
	// nothing was left to do but to kill, in version 1 for any allocation.
	Full int64
	// OOMKills is how many processes the kernel has killed for want of memory,
	// the group's own limit being the reason or not.
	OOMKills int64
	// PIDs is how often a process or thread was refused.
	PIDs int64
}

// MemoryLimit reports whether processes died of the group's own memory limit,
// not because memory ran out elsewhere.
func (e Events) MemoryLimit() bool { return e.OOMKills > 0 && e.Full > 0 }

// Events reads the counters.
func (g *Group) Events() (Events, error) {
	var e Events
	var err error
	if m := g.with(Memory); m != nil {
		if err = g.memoryEvents(m, &e); err != nil {
			return Events{}, fmt.Errorf("read cgroup: %w", err)
		}
	}
	if p := g.with(PIDs); p != nil {
		counts, err := g.tree.keyed(p.dir, "pids.events")
		if err != nil {
			return Events{}, fmt.Errorf("read cgroup: %w", err)
		}
		e.PIDs = counts["max"]
	}
	return e, nil
}

func (g *Group) memoryEvents(m *part, e *Events) error {
	if m.Version == 2 {
		counts, err := g.tree.keyed(m.dir, "memory.events")
		e.Full, e.OOMKills = counts["oom"], counts["oom_kill"]
		return err
	}
	counts, err := g.tree.keyed(m.dir, "memory.oom_control")
	if err != nil {
		return err
	}
	e.OOMKills = counts["oom_kill"]
	for _, name := range []string{"memory.failcnt", "memory.memsw.failcnt"} {
		n, err := g.tree.number(m.dir, name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		e.Full += n
	}
	// Linux 6.18 counts no failures. The kernel kills when not even one page
	// can be had, so that the peak is then at the limit.
	peak, err := g.tree.number(m.dir, "memory.max_usage_in_bytes")
	if err == nil && e.Full == 0 && g.limits.Memory > 0 && peak+atLimit >= g.limits.Memory {
		e.Full = 1
	}
	return err
}

// atLimit is how far below its limit a group's peak may be if the kernel
// killed in it for that limit: a kernel stack of 16 KiB is had whole or not.
const atLimit = 64 << 10
