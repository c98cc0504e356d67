package belljar

import (
	"strings"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/unshare"
)

// quiet reports whether a program with one task has no memory that somebody
// outside the run, or the kernel on its own, could write. It may not ask for
// asynchronous input, and whatever it could map is its own or the system's: a
// file that another program nobody trusts may write, mapped, would be memory in
// common. Files that were handed over are the caller's to keep from others.
func (p *plan) quiet() bool {
	if p.policy.Lets("io_setup") || p.policy.Lets("io_uring_setup") {
		return false
	}
	if p.root != nil {
		return p.root.Dir == "" && !p.showsOthers()
	}
	return !p.policy.Lets("shmat") && !p.readsOthers()
}

// showsOthers reports whether the private root shows what is neither the
// system's, nor the run's own, nor the program.
func (p *plan) showsOthers() bool {
	for _, m := range p.root.Mounts {
		if m.Kind == unshare.Bind && (m.Writable || m.Source != p.path && !ofSystem(m.Source)) {
			return true
		}
	}
	return false
}

// readsOthers reports whether the file rules grant more than to read what is
// the system's.
func (p *plan) readsOthers() bool {
	f := &p.policy.Files
	if !f.Decides() || f.Default.Kind == policy.Allow {
		return true
	}
	for _, r := range f.Rules {
		if r.Grant&(policy.Read|policy.Write|policy.Exec) == 0 {
			continue
		}
		if !ofSystem(r.Pattern) || r.Grant&policy.Write != 0 && !strings.HasPrefix(r.Pattern, "/dev/") {
			return true
		}
	}
	return false
}

// systemDirs are where only root writes, on every host that is kept in order.
// Devices give no memory that processes have in common, apart from /dev/shm.
var systemDirs = []string{"/usr/", "/lib", "/bin/", "/sbin/", "/etc/", "/proc/", "/sys/", "/dev/"}

// ofSystem reports whether all that a path or pattern stands for is the
// system's.
func ofSystem(path string) bool {
	if strings.HasPrefix(path, "/dev/shm") || strings.HasPrefix(path, "/dev/*") {
		return false
	}
	for _, dir := range systemDirs {
		if strings.HasPrefix(path+"/", dir) {
			return true
		}
	}
	return false
}
