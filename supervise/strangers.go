package supervise

import (
	"slices"
	"strings"
	"syscall"

	"github.com/belljar/belljar/policy"
)

// What a tracee maps, it may have in common with programs outside the run, which nobody
// trusts either. Where it may open what they may write, each opening is looked
// at. So are the calls by which others, or the kernel on its own, come to write its memory. After
// the first of these no call of the run goes on as it is because its thread is alone. Files
// that were handed over are the caller's to keep from others.

// joinCalls let the kernel or another process write memory of a task that is stopped, or bring
// memory or descriptors from somebody else. A socket needs a name only, and no connection, for others
// to pass descriptors to it; connect and accept are here for sockets that were handed over.
var joinCalls = []string{"io_setup", "io_uring_setup", "perf_event_open", "process_vm_writev", "ptrace", "userfaultfd", "bpf",
	"process_madvise", "socket", "connect", "accept", "accept4", "pidfd_getfd", "shmat"}

// JoinForm is a form of a call after which the kernel may take memory away whenever it
// is short of it, so that what is read twice is not the same. Only that form traps, by the filter.
type JoinForm struct {
	Call string
	When policy.Cond
}

// JoinForms are MADV_FREE, of madvise(2), and MAP_DROPPABLE, of mmap (Linux 6.11).
var JoinForms = []JoinForm{
	{"madvise", policy.Cond{Arg: 2, Op: policy.Eq, Values: []uint64{8}}},
	{"mmap", policy.Cond{Arg: 3, Op: policy.Mask, Mask: 0xf, Values: []uint64{8}}},
}

// formOf returns the form of a call that is one of JoinForms, nil if none is.
func formOf(call string) *policy.Cond {
	for i := range JoinForms {
		if JoinForms[i].Call == call {
			return &JoinForms[i].When
		}
	}
	return nil
}

// join takes note of a call that lets others write a tracee's memory, or the kernel take it.
func (e *Engine) join(p *callPlan, t *Trap) {
	// The kernel reads both arguments' low halves, or looks at bits there.
	if (p.joins || p.form != nil && p.form.Holds(t.Args[p.form.Arg], 32)) && strangersCount {
		e.common.Store(true)
	}
}

// strangersCount is switched off by a test that shows what is done with memory in common.
var strangersCount = true

// alone reports whether nobody can change what a call has in memory, where the run's
// own tasks do not.
func (e *Engine) alone() bool { return !e.common.Load() }

// opens takes note of what a tracee may open or execute from now on.
func (e *Engine) opens(o *object, want policy.Access) {
	if e.strangers && strangersCount && !e.common.Load() && !isSystems(o, want) {
		e.common.Store(true)
	}
}

// isSystems reports whether nobody but root and the run can change what a tracee maps of
// an object: a file of the system's, or none that can be mapped.
func isSystems(o *object, want policy.Access) bool {
	if strings.HasPrefix(o.path, "/dev/") {
		return systemDevice(o.path[len("/dev/"):])
	}
	if want&write != 0 {
		return false
	}
	if OfSystem(o.path) {
		return true
	}
	if o.fd < 0 {
		return false
	}
	switch fileType(o.stat) {
	case syscall.S_IFDIR, syscall.S_IFIFO:
		return true
	case syscall.S_IFREG:
		return o.stat.UID == 0 && o.stat.Mode&0o022 == 0
	}
	return false
}

// Where only root writes, on every host that is kept in order, and devices that give no
// memory which processes have in common.
var (
	systemDirs    = []string{"usr", "lib", "lib32", "lib64", "libx32", "libo32", "bin", "sbin", "etc", "proc", "sys"}
	systemDevices = []string{"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "fd", "stdin", "stdout", "stderr"}
)

// OfSystem reports whether a canonical path is one of a file or directory that is the
// system's: nobody but root writes there.
func OfSystem(path string) bool {
	top, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return slices.Contains(systemDirs, top) || top == "dev" && systemDevice(rest)
}

func systemDevice(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	return slices.Contains(systemDevices, top)
}
