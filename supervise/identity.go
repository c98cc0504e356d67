package supervise

import (
	"fmt"
	"sync/atomic"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// identity is who the program of a run is for the file system: its user, its
// group and no capabilities. The program cannot become anybody else, since
// no_new_privs is set and it has no capability to begin with.
type identity struct {
	uid, gid uint32
	mapped   bool // a user namespace maps only these two IDs
	own      sys.Capabilities
	ownUID   uint32
	ownGID   uint32
	switches bool // Belljar may do more than the program
}

func newIdentity(c *EngineConfig) (identity, error) {
	id := identity{uid: uint32(c.UID), gid: uint32(c.GID), mapped: c.UserNS,
		ownUID: uint32(syscall.Geteuid()), ownGID: uint32(syscall.Getegid())}
	var errno syscall.Errno
	if id.own, errno = sys.ReadCapabilities(); errno != 0 {
		return id, fmt.Errorf("capget: %w", errno)
	}
	// Without capabilities Belljar is nobody but itself, and so is the program.
	id.switches = id.own.Effective != 0
	return id, nil
}

// noID is an ID that no user or group has; to chown(2) it says "unchanged".
const noID = ^uint32(0)

// knows reports whether the program's user namespace has these IDs.
func (id *identity) knows(uid, gid uint32) bool {
	return !id.mapped || (uid == noID || uid == id.uid) && (gid == noID || gid == id.gid)
}

// seenUID is what the program sees of a user's ID.
func (id *identity) seenUID(uid uint32) uint32 {
	if id.mapped && uid != id.uid {
		return overflow("overflowuid")
	}
	return uid
}

// seenGID is what the program sees of a group's ID.
func (id *identity) seenGID(gid uint32) uint32 {
	if id.mapped && gid != id.gid {
		return overflow("overflowgid")
	}
	return gid
}

// overflow is the ID that stands for all that a user namespace does not map.
func overflow(name string) uint32 {
	if n, ok := sysctl("kernel/" + name); ok {
		return uint32(n)
	}
	return 65534 // DEFAULT_OVERFLOWUID
}

// sharesFS says that some thread could not get an fs_struct of its own, so
// that no thread's umask may be changed.
var sharesFS atomic.Bool

// Begin makes the calling thread fit to act for tracees: it gets a umask of
// its own and loses its supplementary groups, which no sandboxed program has.
// The thread must be locked to its goroutine (runtime.LockOSThread) and must
// never be unlocked. Every thread of a supervisor calls Begin once, before its
// first trap.
func Begin() error {
	if errno := sys.UnshareFS(); errno != 0 {
		// Some containers allow no unshare(2). The umask of the process then
		// counts for new files beside the tracee's.
		sharesFS.Store(true)
	}
	caps, errno := sys.ReadCapabilities()
	if errno != 0 {
		return fmt.Errorf("capget: %w", errno)
	}
	if caps.Effective&sys.CapSetgid == 0 {
		return nil // the program could not drop them either
	}
	switch errno := sys.DropGroups(); errno {
	case 0, syscall.EPERM: // this user namespace denies setgroups, to the program as well
		return nil
	default:
		return fmt.Errorf("setgroups: %w", errno)
	}
}

// actor is what a thread may do at one moment of a trap: what Belljar may
// (raised, as it starts) or what the program may (lowered). The effective IDs stay
// the program's between two traps, since setting them costs more than all the
// rest; Belljar's capabilities make up for them while raised. File system IDs
// alone would not do: /proc/sys asks for the effective user. A nil actor is always
// raised.
type actor struct {
	id      *identity
	lowered bool
	err     error // a change failed: the thread must not go on
}

// lower gives the thread the program's rights. Its result says whether it has
// them now.
func (a *actor) lower() bool {
	switch {
	case a == nil || a.lowered:
		return true
	case a.err != nil:
		return false
	case a.id.switches:
		if !a.become(a.id.uid, a.id.gid) {
			return false
		}
		none := a.id.own
		none.Effective = 0
		if errno := sys.SetCapabilities(none); errno != 0 {
			a.err = fmt.Errorf("capset: %w", errno)
			return false
		}
	}
	a.lowered = true
	return true
}

// raise gives the thread Belljar's rights back.
func (a *actor) raise() {
	if a == nil || !a.lowered {
		return
	}
	a.lowered = false
	if !a.id.switches {
		return
	}
	if errno := sys.SetCapabilities(a.id.own); errno != 0 {
		a.err = fmt.Errorf("capset: %w", errno)
	}
}

// raised gives Belljar's rights for a moment; the result ends it.
//
//	defer a.raised()()
func (a *actor) raised() (end func()) {
	if a == nil || !a.lowered || !a.id.switches {
		return func() {}
	}
	a.raise()
	return func() { a.lower() }
}

// leave makes the thread Belljar's altogether, for code that is not ours, and
// reports whether it is.
func (a *actor) leave() bool {
	if a.raise(); a == nil {
		return true
	}
	if !a.id.switches || a.err != nil {
		return a.err == nil
	}
	if uid, gid := sys.EffectiveIDs(); uid == a.id.ownUID && gid == a.id.ownGID {
		return true
	}
	if !a.become(a.id.ownUID, a.id.ownGID) {
		return false
	}
	// Becoming root may also have raised capabilities that Belljar had lowered.
	if errno := sys.SetCapabilities(a.id.own); errno != 0 {
		a.err = fmt.Errorf("capset: %w", errno)
	}
	return a.err == nil
}

// become sets the thread's effective IDs where they are others.
func (a *actor) become(uid, gid uint32) bool {
	if u, g := sys.EffectiveIDs(); u == uid && g == gid {
		return true
	}
	if errno := sys.SetEffectiveIDs(uid, gid); errno != 0 {
		a.err = fmt.Errorf("setresuid %d, setresgid %d: %w", uid, gid, errno)
	}
	return a.err == nil
}

// umask runs make with the umask of the thread th, and returns make's result.
func (a *actor) umask(mask uint32, make func(mode uint32) (uint64, syscall.Errno), mode uint32) (uint64, syscall.Errno) {
	if sharesFS.Load() {
		return make(mode &^ mask)
	}
	old := sys.Umask(mask)
	defer sys.Umask(old)
	return make(mode)
}
