package unshare

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/internal/sys"
)

// host returns the path on the host of what the root shows at target so far.
// ours is true where that is a file system of the sandbox's own, in which
// things can be made.
func (p *planner) host(target string) (name string, ours bool) {
	m, rest, ok := Root{Mounts: p.done}.covering(target)
	switch {
	case !ok && p.root.Dir != "":
		return filepath.Join(p.root.Dir, target), false
	case !ok || m.free():
		return "", true
	case m.Kind == Proc:
		return filepath.Join("/proc", rest), false
	}
	return filepath.Join(m.Source, rest), false
}

// point makes sure that there is a directory or file to mount on.
func (p *planner) point(target string, dir bool) error {
	name, ours := p.host(target)
	if !ours {
		if _, err := os.Lstat(name); err != nil {
			return fmt.Errorf("nothing to mount on at %s: %w", target, err)
		}
		return nil
	}
	if dir {
		return p.makeDir(target)
	}
	if err := p.makeDir(path.Dir(target)); err != nil {
		return err
	}
	p.add(except(call("mknodat", syscall.SYS_MKNODAT, atCwd, launch.String(relative(target)),
		launch.Named(syscall.S_IFREG|0o444, "S_IFREG|0444"), launch.Int(0)), syscall.EEXIST))
	return nil
}

// makeDir makes a directory and its parents.
func (p *planner) makeDir(target string) error {
	if p.made[target] {
		return nil
	}
	if name, ours := p.host(target); !ours {
		_, err := os.Lstat(name)
		return err
	}
	if err := p.makeDir(path.Dir(target)); err != nil {
		return err
	}
	p.made[target] = true
	p.add(except(call("mkdirat", syscall.SYS_MKDIRAT, atCwd, launch.String(relative(target)), octal(0o755)), syscall.EEXIST))
	return nil
}

// place attaches an open mount.
func (p *planner) place(mount fd, target string) {
	place := newFD(target)
	p.add(openPlace(place, target), moveMount(mount, place))
	p.made[target] = true
}

// attachNew mounts a new file system.
func (p *planner) attachNew(m Mount, fstype string, attr attributes, options ...string) (fd, error) {
	mount := newFD(m.Target)
	if err := p.point(m.Target, true); err != nil {
		return mount, err
	}
	p.add(newFileSystem(mount, fstype, attr, options...)...)
	p.place(mount, m.Target)
	p.done = append(p.done, m)
	return mount, nil
}

// dev makes the directory for devices, in a file system of its own where the
// root is not ours to write to.
func (p *planner) dev(m Mount) error {
	if _, ours := p.host(m.Target); ours {
		return p.makeDir(m.Target)
	}
	mount, err := p.attachNew(Mount{Kind: Tmpfs, Target: m.Target}, "tmpfs", harmless, "size=65536", "nr_inodes=64", "mode=0755")
	p.seal = append(p.seal, mount)
	return err
}

// bind shows a file or directory of the host.
func (p *planner) bind(m Mount) error {
	st, err := os.Stat(m.Source)
	if err != nil {
		return err
	}
	attr := harmless
	if !m.Writable {
		attr |= readOnly
	}
	if st.Mode()&os.ModeDevice != 0 {
		attr &^= noDevice // a device that was asked for by its name
	}
	if err := p.point(m.Target, st.IsDir()); err != nil {
		return err
	}
	tree := newFD(m.Source)
	open := []launch.Step{openTree(tree, atCwd, m.Source)}
	if p.setattr {
		open = append(open, setAttributes(tree, attr, st.IsDir()))
	}
	if p.inTemplate {
		p.before = append(p.before, open...)
	} else {
		p.add(open...)
	}
	p.place(tree, m.Target)
	p.done = append(p.done, m)
	if !p.setattr {
		return p.remountAll(m.Source, tree, attr)
	}
	return nil
}

// remountAll gives attributes to a copy of what is mounted at and below
// source. A remount in a user namespace must keep those that are there.
func (p *planner) remountAll(source string, copied fd, attr attributes) error {
	source, err := filepath.EvalSymlinks(source)
	if err != nil {
		return err
	}
	mounts, err := proc.FS("/proc").Mounts(os.Getpid())
	if err != nil {
		return err
	}
	points := map[string]bool{source: true}
	for _, m := range mounts {
		if _, in := below(source, m.Point); in {
			points[m.Point] = true
		}
	}
	for point := range points {
		flags, err := sys.MountFlags(point)
		if err != nil {
			return err
		}
		rest, _ := below(source, point)
		p.add(remount(copied, rest, flags|attr.flags())...)
	}
	return nil
}

// makeMasks makes the file and the directory that masks are copies of.
func (p *planner) makeMasks() {
	if p.masks {
		return
	}
	p.masks = true
	p.add(call("mknodat", syscall.SYS_MKNODAT, p.scratch.arg(), launch.String(maskFile), launch.Named(syscall.S_IFREG, "S_IFREG|0"), launch.Int(0)),
		call("mkdirat", syscall.SYS_MKDIRAT, p.scratch.arg(), launch.String(maskDir), launch.Int(0)))
}

// mask puts something that cannot be opened over what is there.
func (p *planner) mask(m Mount) error {
	name, ours := p.host(m.Target)
	st, err := os.Stat(name)
	if ours || err != nil {
		return nil // nothing to hide
	}
	if m, _, _ := (Root{Mounts: p.done}).covering(m.Target); m.Kind == Proc && p.uid != 0 && st.Mode().Perm()&0o7 == 0 {
		return nil // root's, and the program has no capability to open it
	}
	p.makeMasks()
	source := maskFile
	if st.IsDir() {
		source = maskDir
	}
	tree, place := newFD("mask"), newFD(m.Target)
	p.add(openTree(tree, p.scratch.arg(), source))
	if p.setattr {
		p.add(setAttributes(tree, harmless|readOnly, false))
	}
	// It may have gone since we looked; then there is no place to cover.
	p.add(except(openPlace(place, m.Target), syscall.ENOENT), except(moveMount(tree, place), syscall.EBADF))
	return nil
}

// make creates what needs no mount. Where the root is not ours to write to, it
// must be there already.
func (p *planner) make(m Mount) error {
	name, ours := p.host(m.Target)
	if !ours {
		_, err := os.Lstat(name)
		return err
	}
	if err := p.makeDir(path.Dir(m.Target)); err != nil {
		return err
	}
	at := launch.String(relative(m.Target))
	switch m.Kind {
	case Symlink:
		p.add(call("symlinkat", syscall.SYS_SYMLINKAT, launch.String(m.Source), atCwd, at))
	case File:
		file := newFD(m.Target)
		p.add(into(file.slot, call("openat", syscall.SYS_OPENAT, atCwd, at,
			launch.Named(syscall.O_CREAT|syscall.O_EXCL|syscall.O_WRONLY|syscall.O_CLOEXEC, "O_CREAT|O_EXCL|O_WRONLY|O_CLOEXEC"), octal(0o444))))
		if n := len(m.Content); n > 0 {
			all := uintptr(n)
			write := call("write", syscall.SYS_WRITE, file.arg(), launch.Memory([]byte(m.Content), fmt.Sprintf("%d bytes", n)), launch.Int(n))
			write.Must = &all
			p.add(write)
		}
		// A file system with a file open for writing cannot become read-only.
		p.add(call("close", syscall.SYS_CLOSE, file.arg()))
	case Dir:
		return p.makeDir(m.Target)
	}
	return nil
}

func octal(mode int) launch.Arg { return launch.Named(uintptr(mode), fmt.Sprintf("%#o", mode)) }
