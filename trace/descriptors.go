package trace

import (
	"os"
	"strconv"
	"syscall"

	"github.com/belljar/belljar/supervise"
)

// linkOf is what /proc says that a descriptor is, "" if it is none.
func linkOf(tid int, fd int32) string {
	var path [64]byte
	p := strconv.AppendInt(append(path[:0], "/proc/"...), int64(tid), 10)
	p = strconv.AppendInt(append(p, "/fd/"...), int64(fd), 10)
	name, err := os.Readlink(string(p))
	if err != nil {
		return ""
	}
	return name
}

// descriptorNames remembers what descriptors are, by process: to ask /proc for
// each costs as much as a stop. It remembers only where it sees every call
// that makes a name wrong. A file that somebody outside the run renames keeps
// the name under which it was first seen.
type descriptorNames struct {
	on      bool
	tables  map[int]map[int32]string
	changes uint64 // how often a call may have made a name wrong
}

// stale says what is not to be believed after a call, whether it has succeeded
// or not: a close that fails has closed.
var stale = func() map[string]func(*descriptorNames, *supervise.Trap) {
	all := map[string]func(*descriptorNames, *supervise.Trap){
		"close":       func(d *descriptorNames, t *supervise.Trap) { delete(d.tables[t.PID], t.Int(0)) },
		"close_range": func(d *descriptorNames, t *supervise.Trap) { delete(d.tables, t.PID) },
		"dup2":        func(d *descriptorNames, t *supervise.Trap) { delete(d.tables[t.PID], t.Int(1)) },
		"dup3":        func(d *descriptorNames, t *supervise.Trap) { delete(d.tables[t.PID], t.Int(1)) },
		// From here on a process shares its descriptors, or its threads do not.
		"unshare": func(d *descriptorNames, _ *supervise.Trap) { d.on = false },
		"clone": func(d *descriptorNames, t *supervise.Trap) {
			d.on = d.on && !sharesFiles(t.Uint64(0))
		},
		"clone3": func(d *descriptorNames, t *supervise.Trap) {
			var flags [8]byte
			n, _ := t.Tracee.ReadMemory(t.Uint64(0), flags[:])
			d.on = d.on && n == len(flags) && !sharesFiles(ne.Uint64(flags[:]))
		},
	}
	for _, call := range []string{"rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "link", "linkat",
		"mount", "umount2", "move_mount", "pivot_root", "chroot"} {
		all[call] = func(d *descriptorNames, _ *supervise.Trap) { clear(d.tables) }
	}
	return all
}()

// sharesFiles reports whether two processes are to have their descriptors in
// common; what threads have in common is one process's.
func sharesFiles(flags uint64) bool {
	return flags&(syscall.CLONE_FILES|syscall.CLONE_THREAD) == syscall.CLONE_FILES
}

// maxNames bounds what is remembered of one process.
const maxNames = 4096

// name returns what a descriptor of the trapped thread is; fresh asks anew.
func (d *descriptorNames) name(t *supervise.Trap, fd int32, fresh bool) string {
	if !d.on {
		return linkOf(t.TID, fd)
	}
	table := d.tables[t.PID]
	if name, ok := table[fd]; ok && !fresh {
		return name
	}
	name := linkOf(t.TID, fd)
	switch {
	case name == "":
		delete(table, fd)
	case table == nil:
		d.tables[t.PID] = map[int32]string{fd: name}
	case len(table) < maxNames:
		table[fd] = name
	default:
		delete(table, fd)
	}
	return name
}

// duplicate names a new descriptor as the one that it is a copy of, if that has
// a name.
func (d *descriptorNames) duplicate(t *supervise.Trap, from, to int32) {
	table := d.tables[t.PID]
	if name, ok := table[from]; ok && d.on && len(table) < maxNames {
		table[to] = name
		return
	}
	d.name(t, to, true)
}
