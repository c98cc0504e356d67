package cgroup

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Limits says how much a group may use. Zero means no limit.
type Limits struct {
	Memory int64   // bytes, with page cache and what the kernel allocates for it
	Swap   int64   // bytes beyond Memory; 0 is none at all where Memory is limited
	PIDs   int     // tasks that exist, also those that ended and are not yet reaped
	CPUs   float64 // CPU time per time: 0.5 is half of one CPU; at least 0.01
	CPUSet string  // the only CPUs that may be used, such as "0-1,3"
}

// leastCPUs is as little as the kernel can limit to: a millisecond in each
// period.
const leastCPUs = 0.01

// Check finds what no kernel could keep.
func (l Limits) Check() error {
	if l.CPUs != 0 && !(l.CPUs >= leastCPUs && l.CPUs <= 1<<16) {
		return fmt.Errorf("%v CPUs: write %v or more", l.CPUs, leastCPUs)
	}
	if l.CPUSet == "" {
		return nil
	}
	_, err := ParseCPUs(l.CPUSet)
	return err
}

// cpuPeriod is the time over which Limits.CPUs is kept.
const cpuPeriod = 100 * time.Millisecond

// setting is a file that keeps a limit.
type setting struct {
	controller string
	version    int
	file       string
	value      func(Limits) string // "" leaves the file alone
	optional   bool                // not every kernel has it
}

func memoryLimit(l Limits) string { return number(l.Memory) }

func number(n int64) string {
	if n <= 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// settings lists the files in the order in which they are written: version 1
// refuses a limit for memory and swap that is below that for memory.
var settings = []setting{
	{Memory, 2, "memory.max", memoryLimit, false},
	// Absent where swap is not accounted for.
	{Memory, 2, "memory.swap.max", func(l Limits) string {
		if l.Memory <= 0 {
			return ""
		}
		return strconv.FormatInt(l.Swap, 10)
	}, true},
	// Since 4.19: all of the group ends, not just its largest process.
	{Memory, 2, "memory.oom.group", func(l Limits) string {
		if l.Memory <= 0 {
			return ""
		}
		return "1"
	}, true},
	{Memory, 1, "memory.limit_in_bytes", memoryLimit, false},
	{Memory, 1, "memory.memsw.limit_in_bytes", func(l Limits) string {
		if l.Memory <= 0 || l.Swap > math.MaxInt64-l.Memory {
			return ""
		}
		return number(l.Memory + l.Swap)
	}, true},
	{PIDs, 0, "pids.max", func(l Limits) string { return number(int64(l.PIDs)) }, false},
	{CPU, 2, "cpu.max", func(l Limits) string {
		if l.CPUs <= 0 {
			return ""
		}
		return fmt.Sprintf("%d %d", quota(l), cpuPeriod.Microseconds())
	}, false},
	{CPU, 1, "cpu.cfs_period_us", func(l Limits) string {
		if l.CPUs <= 0 {
			return ""
		}
		return number(cpuPeriod.Microseconds())
	}, false},
	{CPU, 1, "cpu.cfs_quota_us", func(l Limits) string { return number(quota(l)) }, false},
	{CPUSet, 0, "cpuset.cpus", func(l Limits) string { return l.CPUSet }, false},
}

// quota is CPU time per period, in microseconds.
func quota(l Limits) int64 { return int64(math.Round(l.CPUs * float64(cpuPeriod.Microseconds()))) }

// needs lists the controllers that keep the limits.
func (l Limits) needs() []string {
	var out []string
	for _, s := range settings {
		if s.value(l) != "" && !slices.Contains(out, s.controller) {
			out = append(out, s.controller)
		}
	}
	return out
}

// apply writes the limits that a hierarchy keeps to a directory in it.
func (t *Tree) apply(h *Hierarchy, dir string, l Limits) error {
	for _, s := range settings {
		value := s.value(l)
		if value == "" || s.version != 0 && s.version != h.Version || !slices.Contains(h.Controllers, s.controller) {
			continue
		}
		err := t.write(dir, s.file, value)
		if s.optional && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if errno, _ := errors.AsType[syscall.Errno](err); s.controller == CPUSet && (errno == syscall.ERANGE || errno == syscall.EINVAL) {
			return fmt.Errorf("limit %s: CPUs %s are not to be had here: %w", s.controller, value, errno)
		}
		if err != nil {
			return fmt.Errorf("limit %s: %w", s.controller, err)
		}
	}
	if l.CPUSet != "" && slices.Contains(h.Controllers, CPUSet) {
		return t.checkCPUs(dir, l.CPUSet)
	}
	return nil
}

// checkCPUs reports CPUs that the group did not get. Version 1 refuses them
// when they are written; version 2 takes them all, leaves out those that its
// parents do not have, and if none remains allows every CPU.
func (t *Tree) checkCPUs(dir, want string) error {
	for _, name := range []string{"cpuset.cpus.effective", "cpuset.effective_cpus"} {
		got := first(t.words(dir, name))
		if got == "" {
			continue // the other version's name, or older than 3.17
		}
		asked, err := ParseCPUs(want)
		if err != nil {
			return fmt.Errorf("limit %s: %w", CPUSet, err)
		}
		given, err := ParseCPUs(got)
		if err != nil {
			return fmt.Errorf("limit %s: %w", CPUSet, err)
		}
		if !slices.Equal(asked, given) {
			return fmt.Errorf("limit %s: asked for %s, and got %s", CPUSet, want, got)
		}
	}
	return nil
}
