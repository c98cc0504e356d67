package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// prepare makes a hierarchy ready for groups, once: Belljar's directory is
// made and given the controllers that groups need; where this process's own
// cgroup must give them, the process moves to a leaf of it. What a killed process
// left behind is removed. The caller holds t.mu.
func (t *Tree) prepare(h *Hierarchy) (err error) {
	if t.prefix == "" {
		if t.prefix, err = t.ownPrefix(); err != nil {
			return err
		}
	}
	if h.ready {
		return nil
	}
	if err := t.open(h); err != nil {
		return err
	}
	t.clean(h)
	h.ready = true
	return nil
}

// open makes a hierarchy ready for groups.
func (t *Tree) open(h *Hierarchy) error {
	if err := t.makeDir(h.Dir); err != nil {
		return err
	}
	if h.Version == 1 {
		return t.inheritCPUs(h)
	}
	if h.leaf {
		leaf := filepath.Join(h.Dir, leafName)
		if err := t.makeDir(leaf); err != nil {
			return err
		}
		if err := t.write(leaf, "cgroup.procs", strconv.Itoa(os.Getpid())); err != nil {
			return fmt.Errorf("move to a leaf: %w", err)
		}
	}
	for _, dir := range []string{h.parent, h.Dir} {
		have := t.words(dir, "cgroup.subtree_control")
		if err := t.give(dir, missing(h.Controllers, have)); err != nil {
			return err
		}
	}
	return nil
}

// give switches on controllers for the cgroups below dir. Limits need memory
// and pids; a group without the others has less to offer.
func (t *Tree) give(dir string, controllers []string) error {
	for _, c := range controllers {
		if err := t.write(dir, "cgroup.subtree_control", "+"+c); err != nil && (c == Memory || c == PIDs) {
			return fmt.Errorf("give %s to groups: %w", c, err)
		}
	}
	return nil
}

func missing(want, have []string) []string {
	var out []string
	for _, c := range want {
		if !strings.Contains(" "+strings.Join(have, " ")+" ", " "+c+" ") {
			out = append(out, c)
		}
	}
	return out
}

// inheritCPUs gives the directory the CPUs and memory nodes of its parent: in
// version 1 a new cpuset has none, and no process can join it.
func (t *Tree) inheritCPUs(h *Hierarchy) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		if !t.exists(filepath.Join(h.Dir, name)) || len(t.words(h.Dir, name)) > 0 {
			continue
		}
		if err := t.write(h.Dir, name, strings.Join(t.words(h.parent, name), " ")); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tree) makeDir(dir string) error {
	if err := t.mkdir(t.root + dir); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// write writes to a file that the kernel has made.
func (t *Tree) write(dir, name, text string) error {
	f, err := os.OpenFile(t.root+filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// read reads a file that the kernel has made.
func (t *Tree) read(dir, name string) ([]byte, error) {
	return os.ReadFile(t.root + filepath.Join(dir, name))
}

// number reads a file of one number.
func (t *Tree) number(dir, name string) (int64, error) {
	text, err := t.read(dir, name)
	if err != nil {
		return 0, err
	}
	return ParseNumber(text)
}

// keyed reads a file of keys and numbers.
func (t *Tree) keyed(dir, name string) (map[string]int64, error) {
	text, err := t.read(dir, name)
	if err != nil {
		return nil, err
	}
	return ParseKeyed(text)
}
