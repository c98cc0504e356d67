package unshare

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// place is what there is to see of an empty file system in which programs may
// make files.
type place struct {
	dirs []syscall.Stat_t // its directory, and those in it that are Belljar's
	next uint64           // the inode number of the file that was made to look
}

// follows reports whether nothing has happened between two looks at a place: its
// directories are as they were, down to when they were read, and no file was made, with a
// name or without. Inode numbers of a tmpfs are counted (Linux 5.9 and later), so
// one that was made and removed is missing in the count.
func (p place) follows(before place) bool {
	return slices.Equal(p.dirs, before.dirs) && p.next == before.next+1
}

// unchanged reports whether nothing has happened between two looks at all places.
// A test that shows what it is good for replaces it.
var unchanged = func(now, before []place) bool { return slices.EqualFunc(now, before, place.follows) }

// look looks at all places where programs may make files, in the stem's mounts.
// None of them may run.
func (p *Parked) look() ([]place, error) {
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return nil, fmt.Errorf("/proc is that of other processes: %w", syscall.ENOTSUP)
	}
	root := fmt.Sprintf("/proc/%d/root", p.stem.Root().PID())
	mounts := slices.Concat(p.own, p.stem.adopted.mounts)
	var all []place
	for _, m := range p.own {
		if m.Kind != Tmpfs {
			continue
		}
		dirs, err := within(m.Target, mounts)
		if err != nil {
			return nil, err
		}
		it, err := lookAt(root, m.Target, dirs)
		if err != nil {
			return nil, err
		}
		all = append(all, it)
	}
	return all, nil
}

// within are the directories below a place that exist for what is mounted there.
func within(target string, mounts []Mount) (dirs []string, err error) {
	for _, m := range mounts {
		for dir := path.Dir(m.Target); dir != target; dir = path.Dir(dir) {
			if _, in := below(target, dir); !in {
				break
			}
			if !slices.Contains(dirs, dir) {
				dirs = append(dirs, dir)
			}
		}
		_, in := below(target, m.Target)
		switch {
		case !in || m.Target == target:
		case m.Kind == Dir:
			dirs = append(dirs, m.Target)
		case m.Kind == File || m.Kind == Symlink:
			return nil, fmt.Errorf("%s: it is not looked at whether somebody read it: %w", m.Target, syscall.ENOTSUP)
		}
	}
	return dirs, nil
}

func lookAt(root, target string, more []string) (p place, err error) {
	p.dirs = make([]syscall.Stat_t, 1+len(more))
	fd, err := sys.OpenInRoot(root, target)
	if err != nil {
		return p, err
	}
	defer syscall.Close(fd)
	if p.next, err = sys.NextInode(fd); err != nil {
		return p, err
	}
	if err := syscall.Fstat(fd, &p.dirs[0]); err != nil {
		return p, err
	}
	for i, dir := range more {
		if err := statInRoot(root, dir, &p.dirs[1+i]); err != nil {
			return p, err
		}
	}
	return p, nil
}

func statInRoot(root, dir string, st *syscall.Stat_t) error {
	fd, err := sys.OpenInRoot(root, dir)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	return syscall.Fstat(fd, st)
}
