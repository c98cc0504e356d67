package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/belljar/belljar/internal/proc"
)

// owner is who made a group, as its name tells: a process is known by its
// number and when it started, and the number means something only in one PID
// namespace.
type owner struct {
	namespace uint64 // inode of the PID namespace
	pid       int
	start     uint64 // clock ticks after boot
}

// String is how names of groups begin.
func (o owner) String() string { return fmt.Sprintf("%d-%d-%d-", o.namespace, o.pid, o.start) }

// parseOwner reads a group's name.
func parseOwner(name string) (o owner, ok bool) {
	var serial uint64
	n, err := fmt.Sscanf(name, "%d-%d-%d-%d", &o.namespace, &o.pid, &o.start, &serial)
	// What reads the same and is spelled in another way is not ours.
	return o, err == nil && n == 4 && o.pid > 0 && name == o.String()+strconv.FormatUint(serial, 10)
}

// self returns this process as an owner.
func (t *Tree) self() (o owner, err error) {
	target, err := os.Readlink(t.root + "/proc/self/ns/pid")
	if err != nil {
		return o, err
	}
	if _, err := fmt.Sscanf(target, "pid:[%d]", &o.namespace); err != nil {
		return o, fmt.Errorf("/proc/self/ns/pid: %q: %w", target, ErrFormat)
	}
	o.pid = t.pid()
	stat, err := t.proc().Stat(o.pid)
	o.start = stat.Start
	return o, err
}

func (t *Tree) proc() proc.FS { return proc.FS(t.root + "/proc") }

// ownPrefix returns how the names of this process's groups begin.
func (t *Tree) ownPrefix() (string, error) {
	o, err := t.self()
	return o.String(), err
}

// gone reports whether the owner has ended. One in another PID namespace
// cannot be seen from here and counts as alive.
func (t *Tree) gone(o owner) bool {
	self, err := t.self()
	if err != nil || self.namespace != o.namespace {
		return false
	}
	stat, err := t.proc().Stat(o.pid)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	return stat.Start != o.start
}

// clean removes the groups of processes that have ended without removing them.
// A failure is not this process's: the next start tries again.
func (t *Tree) clean(h *Hierarchy) {
	entries, err := os.ReadDir(t.root + h.Dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if o, ok := parseOwner(e.Name()); ok && t.gone(o) {
			_ = t.remove(h, filepath.Join(h.Dir, e.Name()))
		}
	}
}
