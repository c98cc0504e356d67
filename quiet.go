package belljar

import (
	"os"
	"slices"
	"strings"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/unshare"
)

// others is what a policy lets a program have to do with whoever is not of its
// run.
type others struct {
	memory bool // calls with which memory changes while its tasks are stopped
	peers  bool // sockets by which memory could be handed to somebody, or be got
	files  bool // files and System V memory that somebody else could have mapped
}

// filling are the calls that let the kernel or another process write memory of
// a task that is stopped.
var filling = []string{"io_setup", "io_uring_setup", "perf_event_open", "process_vm_writev", "ptrace", "userfaultfd", "bpf"}

func othersOf(p *policy.Policy) others {
	lets := func(call string) bool { return p.Lets(call) }
	return others{
		memory: slices.ContainsFunc(filling, lets),
		peers:  slices.ContainsFunc([]string{"connect", "accept", "accept4", "pidfd_getfd"}, lets),
		files:  p.Lets("shmat") || readsOthers(&p.Files),
	}
}

// quiet reports whether a program with one task has no memory that somebody
// outside the run, or the kernel on its own, could write. It may not ask for
// asynchronous input, and whatever it could map is its own or the system's: a
// file that another program nobody trusts may write, mapped, would be memory in
// common. Files that were handed over are the caller's to keep from others.
func (p *plan) quiet() bool {
	if p.root == nil {
		return p.others == others{}
	}
	return !p.others.memory && !(p.others.peers && p.opts.HostNetwork) && p.root.Dir == "" && !p.showsOthers()
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
func readsOthers(f *policy.Files) bool {
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

// Where only root writes, on every host that is kept in order: directories of
// the root, and devices that give no memory which processes have in common.
var (
	systemDirs    = []string{"usr", "lib", "lib32", "lib64", "libx32", "libo32", "bin", "sbin", "etc", "proc", "sys"}
	systemDevices = []string{"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "fd", "stdin", "stdout", "stderr"}
)

// ofSystem reports whether all that a path or pattern stands for is the
// system's.
func ofSystem(pattern string) bool {
	if !strings.HasPrefix(pattern, "/") {
		return false
	}
	path := strings.FieldsFunc(pattern, func(r rune) bool { return r == '/' })
	path = slices.DeleteFunc(path, func(name string) bool { return name == "." })
	switch {
	case len(path) == 0 || slices.Contains(path, ".."):
		return false
	case path[0] == "dev":
		return len(path) > 1 && slices.Contains(systemDevices, path[1])
	}
	for _, dir := range matches(path[0]) {
		if !slices.Contains(systemDirs, dir) {
			return false
		}
	}
	return true
}

// matches are the directories that the first component of a pattern may stand
// for: those of the host's root that begin as it does. Only root makes more.
func matches(component string) []string {
	start, _, glob := strings.Cut(component, "*")
	if !glob {
		return []string{component}
	}
	entries, err := os.ReadDir("/")
	if err != nil {
		return []string{component} // which is no directory's name
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), start) {
			names = append(names, e.Name())
		}
	}
	return names
}
