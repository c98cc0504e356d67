package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/proc"
)

// Controllers that Belljar knows, by their names in version 2. Version 1 has
// two more, which version 2 has built in: "cpuacct" and "freezer".
const (
	Memory = "memory"
	PIDs   = "pids"
	CPU    = "cpu"
	CPUSet = "cpuset"

	accounting = "cpuacct"
	freezer    = "freezer"
)

// wanted are the controllers that groups get where the host has them.
var wanted = []string{Memory, PIDs, CPU, CPUSet}

// Tree is where on this host this process may make groups.
type Tree struct {
	Hierarchies []*Hierarchy // those that Belljar can use, version 2 first

	root     string            // in front of every path; "" but in tests
	writable func(string) bool // reports whether this process may write to a file
	mkdir    func(string) error

	mu     sync.Mutex
	prefix string // of the names of this process's groups
}

// Hierarchy is one mounted tree of cgroups.
type Hierarchy struct {
	Version     int      // 1 or 2
	Controllers []string // that groups have here
	Point       string   // where it is mounted
	Own         string   // the directory of this process's cgroup
	Dir         string   // in which groups are made, its last element is "belljar"; "" if none can be
	Why         string   // what is missing here, and why
	Fix         string   // a command that would mend that

	fixed  bool     // the mount is read-only
	parent string   // of Dir
	leaf   bool     // this process must leave parent before controllers can be given
	enable []string // controllers that parent must be told to give
	ready  bool     // for groups
}

// Find looks at what the host offers. It changes nothing.
func Find() (*Tree, error) {
	return find("", func(name string) bool { return syscall.Access(name, accessWrite) == nil })
}

const accessWrite = 2 // W_OK

func find(root string, writable func(string) bool) (*Tree, error) {
	t := &Tree{root: root, writable: writable, mkdir: func(dir string) error { return os.Mkdir(dir, 0o755) }}
	text, err := os.ReadFile(root + "/proc/self/cgroup")
	if errors.Is(err, os.ErrNotExist) {
		return t, nil // a kernel without cgroups
	}
	if err != nil {
		return nil, err
	}
	members, err := ParseMembership(text)
	if err != nil {
		return nil, err
	}
	if text, err = os.ReadFile(root + "/proc/self/mountinfo"); err != nil {
		return nil, err
	}
	mounts, err := proc.ParseMounts(text)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		if h := t.hierarchy(m, mounts); h != nil {
			t.Hierarchies = append(t.Hierarchies, h)
		}
	}
	slices.SortStableFunc(t.Hierarchies, func(a, b *Hierarchy) int { return b.Version - a.Version })
	return t, nil
}

// hierarchy looks at the hierarchy of one membership, nil if it is of no use.
func (t *Tree) hierarchy(m Membership, mounts []proc.Mount) *Hierarchy {
	h := &Hierarchy{Version: 1, Controllers: m.Controllers}
	fstype := "cgroup"
	if m.ID == 0 {
		h.Version, fstype = 2, "cgroup2"
	} else if !slices.ContainsFunc(m.Controllers, func(c string) bool { return slices.Contains(wanted, c) || c == accounting || c == freezer }) {
		return nil
	}
	for _, mount := range mounts {
		if mount.Type != fstype || h.Version == 1 && !sameControllers(mount.Super, m.Controllers) {
			continue
		}
		rest, ok := below(mount.Root, m.Path)
		if !ok {
			h.Why = fmt.Sprintf("the mount at %s does not show the cgroup of this process", mount.Point)
			continue
		}
		h.Point, h.Own, h.Why = mount.Point, filepath.Join(mount.Point, rest), ""
		h.fixed = slices.Contains(strings.Split(mount.Options, ","), "ro")
		if h.Version == 2 {
			t.place2(h)
		} else {
			t.place1(h)
		}
		if h.Dir != "" {
			break
		}
	}
	if h.Point == "" && h.Why == "" {
		h.Why = strings.Join(m.Controllers, ",") + " is not mounted"
		if h.Version == 2 {
			h.Why = "cgroup2 is not mounted"
		}
	}
	return h
}

// sameControllers compares the options of a mount with the controllers of a
// hierarchy. All that are in one hierarchy are mounted together.
func sameControllers(super string, controllers []string) bool {
	return slices.Contains(strings.Split(super, ","), controllers[0])
}

// below returns the path from dir to name, which lies in it.
func below(dir, name string) (rest string, ok bool) {
	if dir == "/" {
		return name, true
	}
	rest, ok = strings.CutPrefix(name, dir)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// place1 decides where groups are made in a version 1 hierarchy: below this
// process's own cgroup, so that its limits go on to hold.
func (t *Tree) place1(h *Hierarchy) {
	base := baseIn(h.Own)
	if !t.mayMake(base) {
		h.Why = fmt.Sprintf("this user may not make groups in %s", h.Own)
		h.Fix = fmt.Sprintf("sudo install -d -o %d %s", os.Geteuid(), base)
		if !t.exists(h.Own) {
			h.Why = fmt.Sprintf("there is no %s", h.Own)
			h.Fix = ""
		}
		return
	}
	h.Dir, h.parent = base, filepath.Dir(base)
}

// baseIn returns Belljar's directory in a cgroup.
func baseIn(dir string) string {
	if filepath.Base(dir) == "belljar" {
		return dir
	}
	return filepath.Join(dir, "belljar")
}

// mayMake reports whether this process may make groups in base, or make base.
func (t *Tree) mayMake(base string) bool {
	if t.exists(base) {
		return t.writable(t.root + base)
	}
	return t.writable(t.root + filepath.Dir(base))
}

func (t *Tree) exists(name string) bool {
	_, err := os.Lstat(t.root + name)
	return err == nil
}

// With returns the hierarchy in which groups can be made that have a
// controller, nil if there is none.
func (t *Tree) With(controller string) *Hierarchy {
	for _, h := range t.Hierarchies {
		if h.Dir != "" && slices.Contains(h.Controllers, controller) {
			return h
		}
	}
	return nil
}

// v2 returns the hierarchy of version 2, in which CPU time is measured and
// groups are killed whatever controllers it has; nil if it cannot be used.
func (t *Tree) v2() *Hierarchy {
	for _, h := range t.Hierarchies {
		if h.Version == 2 && h.Dir != "" {
			return h
		}
	}
	return nil
}

// Can says what groups of this tree are good for.
type Can struct {
	Limit  bool // memory
	Tasks  bool // their number
	Time   bool // measure CPU time
	Kill   bool // end all processes at once
	Memory int  // version of the hierarchy that measures memory, 0 if none
}

// Can returns what groups are good for here.
func (t *Tree) Can() Can {
	c := Can{
		Limit: t.With(Memory) != nil,
		Tasks: t.With(PIDs) != nil,
		Time:  t.v2() != nil || t.With(accounting) != nil,
		Kill:  t.v2() != nil || t.With(freezer) != nil,
	}
	if h := t.With(Memory); h != nil {
		c.Memory = h.Version
	}
	return c
}

// Why returns what is missing here and why, and a command that would mend it,
// both "" if nothing is.
func (t *Tree) Why() (why, fix string) {
	can := t.Can()
	if can.Limit && can.Tasks && can.Time {
		return "", ""
	}
	if len(t.Hierarchies) == 0 {
		return "this kernel has no cgroups", "boot a kernel with CONFIG_MEMCG and CONFIG_CGROUP_PIDS"
	}
	var all []string
	for _, h := range t.Hierarchies {
		if h.Why == "" || h.Version == 1 && !slices.Contains(h.Controllers, Memory) && !slices.Contains(h.Controllers, PIDs) {
			continue
		}
		all = append(all, h.Why)
		fix = join(fix, h.Fix)
	}
	if len(all) == 0 {
		return "the memory or the pids controller is switched off in this kernel", "boot without cgroup_disable="
	}
	return strings.Join(all, "; "), fix
}

// Lacks returns why groups cannot have a controller and a command that would
// mend that, both "" if they can.
func (t *Tree) Lacks(controller string) (why, fix string) {
	if t.With(controller) != nil {
		return "", ""
	}
	for _, h := range t.Hierarchies {
		switch {
		case h.Version == 1 && slices.Contains(h.Controllers, controller):
			return h.Why, h.Fix
		case h.Version == 2 && h.Dir != "" && slices.Contains(t.words(h.parent, "cgroup.controllers"), controller):
			return fmt.Sprintf("%s does not give the %s controller to groups", h.parent, controller),
				fmt.Sprintf("echo +%s | sudo tee %s/cgroup.subtree_control", controller, h.parent)
		}
	}
	if why, fix := t.Why(); why != "" {
		return why, fix
	}
	return "no cgroup here has the " + controller + " controller", ""
}

// join adds a command to others, once.
func join(commands, more string) string {
	switch {
	case commands == "" || more == "":
		return commands + more
	case strings.Contains(commands, more):
		return commands
	}
	return commands + " && " + more
}

// Swap returns why programs may use swap in spite of a memory limit, "" if they
// may not.
func (t *Tree) Swap() string {
	h := t.With(Memory)
	if h == nil || h.Version == 2 || t.exists(filepath.Join(h.parent, "memory.memsw.limit_in_bytes")) {
		return "" // version 2 accounts for swap wherever the kernel has any
	}
	text, err := os.ReadFile(t.root + "/proc/swaps")
	if err != nil || strings.Count(string(text), "\n") < 2 {
		return "" // a header and nothing else
	}
	return "the kernel does not account for swap, so a program may have that beyond its memory limit"
}
