package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// place2 decides where groups are made in the version 2 hierarchy. The nearest
// cgroup that can give them memory and pids is best: its own limits and those
// above go on to hold. Only in this process's own cgroup may controllers be
// switched on; one further up must have them on already.
func (t *Tree) place2(h *Hierarchy) {
	h.Controllers = nil
	if parent, moved := strings.CutSuffix(h.Own, "/belljar/"+leafName); moved && t.mayPlace(parent) && t.offer(h, parent, false) {
		return // this process, or one that started it, has moved to a leaf
	}
	var why string
	for dir := h.Own; ; dir = filepath.Dir(dir) {
		reason := t.consider(h, dir)
		if reason == "" {
			return
		}
		if why == "" {
			why = reason
		}
		if len(dir) <= len(h.Point) {
			break
		}
	}
	// Without controllers a group still measures CPU time and can be killed.
	h.Why, h.Fix = why, t.delegation(h)
	if t.mayPlace(h.Own) {
		h.Dir, h.parent = baseIn(h.Own), h.Own
	}
}

// leafName is the group below belljar that this process moves itself to.
const leafName = "self"

// mayPlace reports whether this process may make groups in dir, which is its
// own cgroup or an ancestor, and move processes from the one to the other: the
// kernel asks for the right to write to cgroup.procs of what is above both.
func (t *Tree) mayPlace(dir string) bool {
	return t.mayMake(baseIn(dir)) && t.writable(t.root+filepath.Join(dir, "cgroup.procs"))
}

// consider tries one cgroup and returns why it is not the place.
func (t *Tree) consider(h *Hierarchy, dir string) (why string) {
	own := dir == h.Own
	switch {
	case !t.mayPlace(dir):
		return fmt.Sprintf("this user may not make groups in %s", dir)
	case t.offer(h, dir, false):
		return ""
	case !own:
		return fmt.Sprintf("%s gives no controllers", dir)
	case !hasAll(t.words(dir, "cgroup.controllers")):
		return fmt.Sprintf("%s has no memory and pids controllers", dir)
	case t.exists(filepath.Join(dir, "cgroup.type")) && !t.alone(dir):
		// Only the real root, which has no type, may hold processes besides.
		return fmt.Sprintf("other processes are in %s too, so it cannot give controllers to groups", dir)
	case !t.writable(t.root + filepath.Join(dir, "cgroup.subtree_control")):
		return fmt.Sprintf("this user may not switch on controllers in %s", dir)
	}
	t.offer(h, dir, true)
	return ""
}

// offer takes dir as the place for groups if it gives memory and pids to them,
// or, with enable, because it can be told to.
func (t *Tree) offer(h *Hierarchy, dir string, enable bool) bool {
	have := t.words(dir, "cgroup.subtree_control")
	if !hasAll(have) && !enable {
		return false
	}
	h.leaf = false
	if enable {
		for _, c := range t.words(dir, "cgroup.controllers") {
			if slices.Contains(wanted, c) && !slices.Contains(have, c) {
				h.enable = append(h.enable, c)
			}
		}
		have = append(have, h.enable...)
		h.leaf = t.exists(filepath.Join(dir, "cgroup.type"))
	}
	for _, c := range have {
		if slices.Contains(wanted, c) {
			h.Controllers = append(h.Controllers, c)
		}
	}
	h.Dir, h.parent, h.Why, h.Fix = baseIn(dir), dir, "", ""
	return true
}

// hasAll reports whether the controllers that limits need are among list.
func hasAll(list []string) bool {
	return slices.Contains(list, Memory) && slices.Contains(list, PIDs)
}

// words reads a file that is a list, empty where it cannot be read.
func (t *Tree) words(dir, name string) []string {
	text, err := os.ReadFile(t.root + filepath.Join(dir, name))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text))
}

// alone reports whether this process is the only one in a cgroup.
func (t *Tree) alone(dir string) bool {
	return slices.Equal(t.words(dir, "cgroup.procs"), []string{strconv.Itoa(t.pid())})
}

// pid returns this process's number as /proc has it.
func (t *Tree) pid() int {
	target, err := os.Readlink(t.root + "/proc/self")
	if pid, aerr := strconv.Atoi(target); err == nil && aerr == nil {
		return pid
	}
	return os.Getpid()
}

// delegation is the command that gives Belljar a cgroup of its own.
func (t *Tree) delegation(h *Hierarchy) string {
	if !hasAll(t.words(h.Point, "cgroup.controllers")) {
		return "" // on a hybrid host version 1 has them
	}
	if t.exists("/run/systemd/system") {
		if os.Geteuid() == 0 {
			return "systemd-run --scope -p Delegate=yes -- belljar ..."
		}
		return "systemd-run --user --scope -p Delegate=yes -- belljar ..."
	}
	switch {
	case h.fixed:
		return "mount -o remount,rw " + h.Point + " (or start the container with --cgroupns=private and a writable " + h.Point + ")"
	case !t.writable(t.root + h.Own):
		group := fmt.Sprintf("%s/user-%d", h.Own, os.Geteuid())
		return fmt.Sprintf("as root: echo +memory +pids +cpu +cpuset >%s/cgroup.subtree_control; mkdir %s", h.Own, group) +
			fmt.Sprintf(" && chown -R %d %[2]s && echo PID-OF-THE-SHELL >%[2]s/cgroup.procs", os.Geteuid(), group)
	}
	return fmt.Sprintf("mkdir %[1]s/shell && for p in $(cat %[1]s/cgroup.procs); do echo $p >%[1]s/shell/cgroup.procs; done", h.Own) +
		fmt.Sprintf(" && echo +memory +pids +cpu +cpuset >%s/cgroup.subtree_control", h.Own)
}
