package belljar

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// ownUserOnly says why programs run as the user who starts Belljar, or is empty
// where they can be given another. Root can do that, if its user namespace has
// other users and lets groups be dropped (user_namespaces(7)): in one that an
// ordinary user has made, root is that user by another name.
var ownUserOnly = sync.OnceValue(func() string {
	switch {
	case syscall.Geteuid() != 0:
		return "programs run as the user who starts Belljar"
	case !hasID("/proc/self/uid_map", nobody), !hasID("/proc/self/gid_map", nobody):
		return fmt.Sprintf("this user namespace has no user and group %d, so programs run as the user who starts Belljar", nobody)
	case setting("/proc/self/setgroups") == "deny":
		return "this user namespace denies setgroups, so programs run as the user who starts Belljar, with that user's groups"
	}
	return ""
})

// ownUserFix is what to do about ownUserOnly.
func ownUserFix() string {
	if syscall.Geteuid() != 0 {
		return "start Belljar as root, which gives programs a user of their own"
	}
	return fmt.Sprintf("start the user namespace with newuidmap and newgidmap (as rootless Podman does) and at least %d subordinate IDs in /etc/subuid and /etc/subgid", nobody+1)
}

// setIDs reports whether the program's user is set. In a user namespace all of
// root's IDs mean what they mean outside.
func (p *plan) setIDs() bool { return ownUserOnly() == "" }

// hasID reports whether a user namespace has an ID. The lines of its map are
// "inside outside count"; a kernel without user namespaces has no map, and all IDs.
func hasID(name string, id uint64) bool {
	text, err := os.ReadFile(name)
	if err != nil {
		return os.IsNotExist(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		first, err := strconv.ParseUint(f[0], 10, 32)
		count, err2 := strconv.ParseUint(f[2], 10, 33)
		if err == nil && err2 == nil && id >= first && id-first < count {
			return true
		}
	}
	return false
}

func setting(name string) string {
	text, _ := os.ReadFile(name) // what is not there says nothing
	return strings.TrimSpace(string(text))
}
