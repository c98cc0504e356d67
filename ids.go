package belljar

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// ownUserOnly says why programs run as the user who starts Belljar, or is empty
// where they can be given another. Root can do that, if its user namespace has
// other users and lets groups be dropped (user_namespaces(7)): in one that an
// ordinary user has made, root is that user by another name. And it must be able
// to read the memory of another user's processes.
var ownUserOnly = sync.OnceValue(func() string {
	switch {
	case syscall.Geteuid() != 0:
		return "programs run as the user who starts Belljar"
	case !sys.Capable(becoming):
		return "Belljar lacks one of CAP_SETUID, CAP_SETGID and CAP_SYS_PTRACE, so programs run as the user who starts it"
	case !hasID("/proc/self/uid_map", nobody), !hasID("/proc/self/gid_map", nobody):
		return fmt.Sprintf("this user namespace has no user and group %d, so programs run as the user who starts Belljar", nobody)
	case setting("/proc/self/setgroups") == "deny":
		return "this user namespace denies setgroups, so programs run as the user who starts Belljar, with that user's groups"
	}
	return ""
})

// mustAskForRoot reports whether programs can run as the starting user alone, and
// that is root, or may be: a user namespace that does not map its own user hides
// who that is. It is never what a program runs as unasked: without a capability
// root still owns the host's settings, /proc/sys/kernel among them. Root of a user
// namespace that somebody else has made is that somebody.
func mustAskForRoot() bool {
	return ownUserOnly() != "" && outside("/proc/self/uid_map", syscall.Geteuid()) <= 0
}

// asking says how to ask.
func asking() string {
	return fmt.Sprintf("that may be root, and must be asked for: --uid %d --gid %d", syscall.Geteuid(), syscall.Getegid())
}

// becoming are the capabilities to run a program as somebody else.
const becoming = sys.CapSetuid | sys.CapSetgid | sys.CapSysPtrace

// ownUserFix is what to do about ownUserOnly.
func ownUserFix() string {
	switch {
	case syscall.Geteuid() != 0:
		return "start Belljar as root, which gives programs a user of their own"
	case !sys.Capable(becoming):
		return "in Docker, run with --cap-add=SYS_PTRACE --cap-add=SETUID --cap-add=SETGID"
	}
	return fmt.Sprintf("start the user namespace with newuidmap and newgidmap (as rootless Podman does) and at least %d subordinate IDs in /etc/subuid and /etc/subgid", nobody+1)
}

// setIDs reports whether the program's user is set. In a user namespace all of
// root's IDs mean what they mean outside.
func (p *plan) setIDs() bool { return ownUserOnly() == "" }

// hasID reports whether a user namespace has an ID.
func hasID(name string, id int) bool { return outside(name, id) >= 0 }

// outside is what an ID of a user namespace is in the one around it, or -1. The
// lines of the map are "inside outside count"; a kernel without user namespaces has
// no map, and all IDs.
func outside(name string, id int) int {
	text, err := os.ReadFile(name)
	switch {
	case os.IsNotExist(err):
		return id
	case err != nil:
		return -1
	}
	for line := range strings.Lines(string(text)) {
		if in, out, count, ok := mapped(line); ok && id >= in && id-in < count {
			return out + id - in
		}
	}
	return -1
}

func mapped(line string) (in, out, count int, ok bool) {
	words := strings.Fields(line)
	if len(words) != 3 {
		return 0, 0, 0, false
	}
	in, e1 := strconv.Atoi(words[0])
	out, e2 := strconv.Atoi(words[1])
	count, e3 := strconv.Atoi(words[2])
	return in, out, count, errors.Join(e1, e2, e3) == nil
}

func setting(name string) string {
	text, _ := os.ReadFile(name) // what is not there says nothing
	return strings.TrimSpace(string(text))
}
