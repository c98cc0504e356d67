package unshare

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// devices are the harmless ones. A user namespace may not make device nodes,
// so the host's are bound, for root as well.
var devices = []string{"null", "zero", "full", "random", "urandom"}

var deviceLinks = map[string]string{
	"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
}

// leaks are the files of /proc that tell of the host's devices, keys and users'
// doings rather than of the sandbox. Those that change the host are harmless: a
// sandbox's /proc is read-only.
var leaks = []string{
	"acpi", "asound", "interrupts", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "timer_list", "timer_stats",
}

// expand replaces mounts that stand for several, and puts parents first.
func (r Root) expand() Root {
	var parts []Mount
	for _, m := range r.Mounts {
		switch m.Kind {
		case Proc:
			for _, name := range leaks {
				parts = append(parts, Mount{Kind: Mask, Target: path.Join(m.Target, name)})
			}
		case Dev:
			for _, name := range devices {
				parts = append(parts, Mount{Kind: Bind, Target: path.Join(m.Target, name), Source: "/dev/" + name})
			}
			for name, to := range deviceLinks {
				parts = append(parts, Mount{Kind: Symlink, Target: path.Join(m.Target, name), Source: to})
			}
		}
	}
	own := r.Mounts
	r.Mounts = parts
	r = r.With(own...) // what was asked for by name wins
	slices.SortStableFunc(r.Mounts, func(a, b Mount) int {
		return cmp.Or(cmp.Compare(depth(a), depth(b)), cmp.Compare(a.Target, b.Target))
	})
	return r
}

func depth(m Mount) int { return strings.Count(m.Target, "/") }

// planner turns a root into the steps that build it.
type planner struct {
	root    Root
	uid     int  // of the program
	setattr bool // the kernel has mount_setattr
	steps   []launch.Step
	base    fd   // of the new root
	scratch fd   // of a tmpfs where masks are made
	masks   bool // they are
	// keepMasks leaves the masks in the root, for those who copy it.
	keepMasks bool
	// inTemplate says that the process is in a template already, where the
	// host's files have no path; they are opened before.
	inTemplate bool
	before     []launch.Step
	made       map[string]bool
	done       []Mount // file systems in their place
	seal       []fd    // file systems of ours that become read-only when all is in them
}

const (
	maskFile = ".masked-file"
	maskDir  = ".masked-dir"
	harmless = noSetuid | noDevice
)

// steps returns the calls that make r the root of the calling process's mount
// namespace, of every process in it, and leave nothing of the host's reachable.
// What the program's user could not open anyway need not be masked.
func (r Root) steps(uid int, setattr bool) ([]launch.Step, error) {
	return newPlanner(r.expand(), uid, setattr, 256).all()
}

// newPlanner returns a planner with room for as many steps as are expected.
func newPlanner(r Root, uid int, setattr bool, steps int) *planner {
	return &planner{root: r, uid: uid, setattr: setattr, base: newFD("root"), steps: make([]launch.Step, 0, steps), made: map[string]bool{"/": true}}
}

// all returns the steps for the whole root.
func (p *planner) all() ([]launch.Step, error) {
	p.add(
		call("umask", syscall.SYS_UMASK, launch.Int(0)),
		call("mount", syscall.SYS_MOUNT, launch.Null(), launch.String("/"), launch.Null(),
			launch.Named(syscall.MS_REC|syscall.MS_PRIVATE, "MS_REC|MS_PRIVATE"), launch.Null()))
	if err := p.openBase(); err != nil {
		return nil, err
	}
	if p.keepMasks {
		p.makeMasks()
	}
	for _, m := range p.root.Mounts {
		if err := p.mount(m); err != nil {
			return nil, fmt.Errorf("private root: %w", err)
		}
	}
	p.finish()
	return p.steps, nil
}

func (p *planner) add(s ...launch.Step) { p.steps = append(p.steps, s...) }

// openBase puts the new root on top of the old one. Absolute paths still mean
// the host's, because a process's root directory is not left when something is
// mounted over it; relative ones now mean the new root's. So the new root
// needs no place on the host and hides no source.
func (p *planner) openBase() error {
	if p.root.Dir == "" {
		p.add(newFileSystem(p.base, "tmpfs", harmless, "size=1048576", "nr_inodes=1024", "mode=0755")...)
		p.scratch = p.base
		p.seal = append(p.seal, p.base)
		p.enter(p.base)
		return nil
	}
	if st, err := os.Stat(p.root.Dir); err != nil {
		return fmt.Errorf("private root: %w", err)
	} else if !st.IsDir() {
		return fmt.Errorf("private root: %w", &os.PathError{Op: "open", Path: p.root.Dir, Err: syscall.ENOTDIR})
	}
	p.scratch = newFD("masks")
	p.add(newFileSystem(p.scratch, "tmpfs", harmless, "size=65536", "nr_inodes=16", "mode=0755")...)
	p.attachTop(p.scratch)
	attr := harmless
	if !p.root.Writable {
		attr |= readOnly
	}
	p.add(openTree(p.base, atCwd, p.root.Dir))
	if p.setattr {
		p.add(setAttributes(p.base, attr, true))
	}
	p.enter(p.base)
	if !p.setattr {
		return p.remountAll(p.root.Dir, p.base, attr)
	}
	return nil
}

func (p *planner) attachTop(mount fd) {
	p.add(call("move_mount", sys.SysMoveMount, mount.arg(), launch.String(""), atCwd, launch.String("/"),
		launch.Named(sys.MoveMountFEmptyPath, "MOVE_MOUNT_F_EMPTY_PATH")))
}

func (p *planner) enter(mount fd) {
	p.attachTop(mount)
	p.add(call("fchdir", syscall.SYS_FCHDIR, mount.arg()))
}

func (p *planner) mount(m Mount) (err error) {
	if m.Target = path.Join(p.root.resolve(path.Dir(m.Target)), path.Base(m.Target)); m.Target == "/" {
		return errors.New("nothing can be mounted on /: use a root directory")
	}
	if strings.Contains(m.Target+m.Source, "\x00") {
		return errNUL
	}
	switch m.Kind {
	case Bind:
		return p.bind(m)
	case Tmpfs:
		size := cmp.Or(m.Size, DefaultTmpfs)
		// Without a bound on files, empty ones could take the host's memory.
		_, err = p.attachNew(m, "tmpfs", harmless, fmt.Sprintf("size=%d", size), fmt.Sprintf("nr_inodes=%d", max(size/4096, 64)), "mode=1777")
	case room:
		_, err = p.attachNew(m, "tmpfs", harmless, "size=65536", "nr_inodes=256", "mode=0755")
	case Proc:
		_, err = p.attachNew(m, "proc", harmless|noExec|readOnly)
	case Dev:
		return p.dev(m)
	case Mask:
		return p.mask(m)
	default:
		return p.make(m)
	}
	return err
}

// finish takes the masks' names away, makes what is ours read-only, and leaves
// the old root.
func (p *planner) finish() {
	if p.masks && !p.keepMasks {
		p.add(call("unlinkat", syscall.SYS_UNLINKAT, p.scratch.arg(), launch.String(maskFile), launch.Int(0)),
			call("unlinkat", syscall.SYS_UNLINKAT, p.scratch.arg(), launch.String(maskDir), launch.Named(sys.AtRemovedir, "AT_REMOVEDIR")))
	}
	for _, s := range p.seal {
		if p.setattr {
			p.add(setAttributes(s, readOnly, false))
		} else {
			p.add(remount(s, "", (harmless | readOnly).flags())...)
		}
	}
	// pivot_root(".", ".") puts the old root on top of the new one, where
	// umount2 finds it: see NOTES in pivot_root(2).
	dot := launch.String(".")
	p.add(
		call("pivot_root", syscall.SYS_PIVOT_ROOT, dot, dot),
		call("umount2", sys.SysUmount2, dot, launch.Named(syscall.MNT_DETACH, "MNT_DETACH")),
		call("chdir", syscall.SYS_CHDIR, launch.String("/")))
}
