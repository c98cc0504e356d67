package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"

	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/launch"
)

// Group is a group of processes.
type Group struct {
	tree   *Tree
	limits Limits
	parts  []*part
}

// part is a group's directory in one hierarchy.
type part struct {
	*Hierarchy
	dir   string
	entry *os.File // what a process enters by
	born  bool     // it is born here, and does not move
}

// New makes a group. It has a part in each hierarchy that keeps one of the
// limits, measures memory or CPU time, or is needed to kill it. The first group
// makes Belljar's directory, and removes what a killed process left there.
func (t *Tree) New(l Limits) (*Group, error) {
	if err := l.Check(); err != nil {
		return nil, err
	}
	needs := l.needs()
	for _, c := range needs {
		if t.With(c) == nil {
			return nil, fmt.Errorf("limit %s: no cgroup here can keep it", c)
		}
	}
	name, joined, err := t.name(needs)
	if err != nil {
		return nil, err
	}
	g := &Group{tree: t, limits: l}
	for _, h := range joined {
		p := &part{Hierarchy: h, dir: filepath.Join(h.Dir, name)}
		if err := t.mkdir(t.root + p.dir); err != nil {
			return nil, errors.Join(err, g.Remove())
		}
		g.parts = append(g.parts, p)
		if err := t.fill(p, l); err != nil {
			return nil, errors.Join(err, g.Remove())
		}
	}
	return g, nil
}

// serial numbers the groups of this process, whichever Tree they are made in.
var serial atomic.Int64

// name returns the name of a new group and the hierarchies in which it has a
// part, ready for it.
func (t *Tree) name(needs []string) (name string, joined []*Hierarchy, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range t.Hierarchies {
		if !t.joins(h, needs) {
			continue
		}
		if err := t.prepare(h); err != nil {
			return "", nil, err
		}
		joined = append(joined, h)
	}
	return t.prefix + strconv.FormatInt(serial.Add(1), 10), joined, nil
}

// joins reports whether a group with these needs has a part in h.
func (t *Tree) joins(h *Hierarchy, needs []string) bool {
	if h.Dir == "" {
		return false
	}
	if h.Version == 2 {
		return true
	}
	return slices.ContainsFunc(h.Controllers, func(c string) bool {
		switch c {
		case Memory:
			return t.With(Memory) == h
		case accounting, freezer:
			return t.v2() == nil && t.With(c) == h
		}
		return slices.Contains(needs, c) && t.With(c) == h
	})
}

// fill sets a new part up.
func (t *Tree) fill(p *part, l Limits) (err error) {
	if p.Version == 1 && slices.Contains(p.Controllers, CPUSet) {
		for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := t.write(p.dir, name, first(t.words(p.Dir, name))); err != nil {
				return err
			}
		}
	}
	if err := t.apply(p.Hierarchy, p.dir, l); err != nil {
		return err
	}
	flags := os.O_WRONLY
	name := "tasks"
	// Kernels before 6.4 do not apply the cpuset of the cgroup that a process is
	// born into (seen on 5.10).
	p.born = p.Version == 2 && kernel.CloneInto.Have() && l.CPUSet == ""
	switch {
	case p.born:
		flags, name = syscall.O_DIRECTORY, ""
	case p.Version == 2:
		name = "cgroup.procs"
	}
	p.entry, err = os.OpenFile(t.root+filepath.Join(p.dir, name), flags, 0)
	return err
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// Enter lets a process of a launch, and all that it starts, be in the group.
// In version 2 it is born there, where the kernel can do that. In version 1 it moves by itself, before it does
// anything else: the kernel lets a task move itself without the lock that makes
// moving another one wait 10 ms for a grace period of RCU (since 5.5, measured on
// 6.18).
func (g *Group) Enter(p *launch.Process) {
	var steps []launch.Step
	all := uintptr(1)
	for _, part := range g.parts {
		if part.born {
			p.Cgroup = int(part.entry.Fd())
			continue
		}
		steps = append(steps, launch.Step{Name: "write", Nr: syscall.SYS_WRITE, Must: &all,
			Args: []launch.Arg{launch.Named(part.entry.Fd(), part.entry.Name()), launch.Memory([]byte("0"), `"0"`), launch.Int(1)}})
	}
	p.Steps = slices.Concat(steps, p.Steps)
}

// Add moves a process to the group, with all its threads.
func (g *Group) Add(pid int) error {
	for _, p := range g.parts {
		if err := g.tree.write(p.dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// with returns the part that has a controller, nil if there is none.
func (g *Group) with(controller string) *part {
	for _, p := range g.parts {
		if slices.Contains(p.Controllers, controller) {
			return p
		}
	}
	return nil
}

// v2 returns the part in the version 2 hierarchy, nil if there is none.
func (g *Group) v2() *part {
	for _, p := range g.parts {
		if p.Version == 2 {
			return p
		}
	}
	return nil
}

// Kill sends SIGKILL to every process in the group. They may take a moment to
// end.
func (g *Group) Kill() error {
	for _, p := range []*part{g.v2(), g.with(freezer), g.with(Memory), g.with(PIDs)} {
		if p != nil {
			return g.tree.kill(p.dir)
		}
	}
	return nil
}

// Remove removes the group, and kills what is still in it.
func (g *Group) Remove() error {
	var errs []error
	for _, p := range g.parts {
		if p.entry != nil {
			p.entry.Close()
		}
		if err := g.tree.remove(p.Hierarchy, p.dir); err != nil {
			errs = append(errs, fmt.Errorf("remove cgroup: %w", err))
		}
	}
	g.parts = nil
	return errors.Join(errs...)
}
