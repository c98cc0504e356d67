package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// killTries is how often a fallback looks for processes that were created
// while it killed others.
const killTries = 100

// kill sends SIGKILL to every process in one directory.
func (t *Tree) kill(dir string) error {
	// Since 5.14, at once and without a race against fork.
	err := t.write(dir, "cgroup.kill", "1")
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return t.killEach(dir)
}

// killEach freezes the group, so that little in it can fork, and kills what is in
// it, until there is nothing that it has not killed: a process that has been sent
// SIGKILL does not fork any more. Version 2 has had cgroup.freeze since 5.2,
// version 1 has the freezer controller.
func (t *Tree) killEach(dir string) error {
	killed := make(map[int]bool)
	for range killTries {
		freeze(t, dir, true)
		text, err := t.read(dir, "cgroup.procs")
		if err != nil {
			return err
		}
		pids, err := ParsePIDs(text)
		if err != nil {
			return err
		}
		before := len(killed)
		for _, pid := range pids {
			if pid > 0 { // 0 is in another PID namespace
				_ = syscall.Kill(pid, syscall.SIGKILL) // or it has just ended
				killed[pid] = true
			}
		}
		freeze(t, dir, false) // what is frozen by version 1 does not die
		if len(killed) == before {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("processes in %s fork faster than they are killed", dir)
}

// freezers are the files that freeze a group, with what is written to them.
var freezers = []struct{ name, freeze, thaw string }{
	{"cgroup.freeze", "1", "0"},
	{"freezer.state", "FROZEN", "THAWED"},
}

func freeze(t *Tree, dir string, on bool) {
	for _, f := range freezers {
		text := f.thaw
		if on {
			text = f.freeze
		}
		_ = t.write(dir, f.name, text) // one of them is there, or none
	}
}

// removeFor bounds how long a directory is tried to be removed: what was
// killed takes a moment to leave.
const removeFor = 2 * time.Second

// remove kills what is in a group and removes it, with the groups that were
// made in it.
func (t *Tree) remove(h *Hierarchy, dir string) error {
	pause := 50 * time.Microsecond
	for end := time.Now().Add(removeFor); ; pause = min(2*pause, 20*time.Millisecond) {
		err := syscall.Rmdir(t.root + dir)
		if err == nil || errors.Is(err, syscall.ENOENT) {
			return nil
		}
		if time.Now().After(end) {
			return &os.PathError{Op: "rmdir", Path: dir, Err: err}
		}
		if err := t.removeInside(h, dir); err != nil {
			return err
		}
		if len(t.words(dir, "cgroup.procs")) > 0 {
			if err := t.kill(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		time.Sleep(pause)
	}
}

func (t *Tree) removeInside(h *Hierarchy, dir string) error {
	entries, err := os.ReadDir(t.root + dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := t.remove(h, filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
