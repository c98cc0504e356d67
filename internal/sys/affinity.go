package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CPUs is a set of CPUs, as in sched_setaffinity(2).
type CPUs struct{ set unix.CPUSet }

// OneCPU is the set of one CPU.
func OneCPU(cpu int) CPUs {
	var c CPUs
	c.set.Set(cpu)
	return c
}

// Add puts a CPU into the set.
func (c *CPUs) Add(cpu int) { c.set.Set(cpu) }

// In reports whether all CPUs of the set are in another.
func (c *CPUs) In(other *CPUs) bool {
	for i, word := range c.set {
		if word&^other.set[i] != 0 {
			return false
		}
	}
	return true
}

// Has reports whether a CPU is in the set.
func (c *CPUs) Has(cpu int) bool { return c.set.IsSet(cpu) }

// Count is how many CPUs are in the set.
func (c *CPUs) Count() int { return c.set.Count() }

// Affinity returns the CPUs that a thread may use, 0 being the caller's. A kernel
// for more CPUs than there is room for gives EINVAL.
func Affinity(tid int) (CPUs, syscall.Errno) {
	var c CPUs
	err := unix.SchedGetaffinity(tid, &c.set)
	return c, errnoOf(err)
}

// SetAffinity keeps a thread on CPUs.
func SetAffinity(tid int, c *CPUs) syscall.Errno {
	return errnoOf(unix.SchedSetaffinity(tid, &c.set))
}

// CurrentCPU is the CPU that the calling thread runs on.
func CurrentCPU() (int, syscall.Errno) {
	var cpu uint32
	_, _, errno := syscall.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0)
	return int(cpu), errno
}
