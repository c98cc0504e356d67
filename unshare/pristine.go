package unshare

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// place is what there is to see of an empty file system in which programs may
// make files.
type place struct {
	root syscall.Stat_t
	next uint64 // the inode number of the file that was made to look
}

// follows reports whether nothing has happened between two looks at a place: its
// directory is as it was, down to when it was read, and no file was made, with a
// name or without. Inode numbers of a tmpfs are counted (Linux 5.9 and later), so
// one that was made and removed is missing in the count.
func (p place) follows(before place) bool {
	return p.root == before.root && p.next == before.next+1
}

// unchanged reports whether nothing has happened between two looks at all places.
// A test that shows what it is good for replaces it.
var unchanged = func(now, before []place) bool { return slices.EqualFunc(now, before, place.follows) }

// look looks at all places where programs may make files, in the stem's mounts.
// None of them may run.
func (p *Parked) look() ([]place, error) {
	var all []place
	for _, m := range p.own {
		if m.Kind != Tmpfs {
			continue
		}
		var it place
		name := fmt.Sprintf("/proc/%d/root%s", p.stem.Root().PID(), m.Target)
		if err := syscall.Lstat(name, &it.root); err != nil {
			return nil, err
		}
		var err error
		if it.next, err = sys.NextInode(name); err != nil {
			return nil, err
		}
		all = append(all, it)
	}
	return all, nil
}
