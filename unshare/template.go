package unshare

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// template is a root, divided into what sandboxes have in common and what each
// must have for itself.
type template struct {
	mounts   []Mount // of the root that it was made from
	shared   []Mount // what all have in common, expanded
	own      []Mount // what each sandbox must add, expanded
	sources  []inode // of the binds in shared
	uid, gid int
}

// Template is a mount namespace with those parts of a root that no sandbox can
// change, so that they are mounted once for many: a sandbox copies the
// namespace in one call and adds what must be its own. Only root can enter it.
type Template struct {
	template
	ns *os.File
}

// inode says which file or directory a path led to.
type inode struct {
	path     string
	dev, ino uint64
}

func inodeOf(path string) (inode, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return inode{}, fmt.Errorf("template: %s: %w", path, err)
	}
	return inode{path, uint64(st.Dev), st.Ino}, nil
}

// Fresh reports whether all that sandboxes have in common is still what the
// host has at these paths: a file may have been replaced by another.
func (t *template) Fresh() bool { return fresh(t.sources) }

// fresh reports whether paths still lead where they did.
func fresh(sources []inode) bool {
	for _, s := range sources {
		if now, err := inodeOf(s.path); err != nil || now != s {
			return false
		}
	}
	return true
}

// sources says where the binds of mounts lead.
func sources(mounts []Mount) (all []inode, err error) {
	for _, m := range mounts {
		if m.Kind != Bind {
			continue
		}
		id, err := inodeOf(m.Source)
		if err != nil {
			return nil, err
		}
		all = append(all, id)
	}
	return all, nil
}

// Close frees the namespace. Sandboxes that were made from it stay.
func (t *Template) Close() error { return t.ns.Close() }

// split divides mounts into those that sandboxes can share and those that each
// must have anew: those of which anew is true, and what lies in them.
func split(mounts []Mount, anew func(Mount) bool) (shared, own []Mount) {
	for _, m := range mounts {
		if anew(m) || inside(own, m) {
			own = append(own, m)
		} else {
			shared = append(shared, m)
		}
	}
	return shared, own
}

// inside says whether m lies in one of the mounts.
func inside(mounts []Mount, m Mount) bool {
	return slices.ContainsFunc(mounts, func(o Mount) bool {
		_, in := below(o.Target, m.Target)
		return in && (o.Kind == Proc || o.free())
	})
}

// template divides the Spec's root.
func (s *Spec) template(anew func(Mount) bool) (template, error) {
	t := template{mounts: s.Root.Mounts, uid: s.UID, gid: s.GID}
	t.shared, t.own = split(s.Root.forUser(s.UID, s.GID).expand().Mounts, anew)
	// What cannot be there to be masked need not be looked for each time.
	t.own = slices.DeleteFunc(t.own, func(m Mount) bool {
		_, err := os.Lstat(m.Target)
		return m.Kind == Mask && err != nil
	})
	var err error
	t.sources, err = sources(t.shared)
	return t, err
}

// Template mounts what sandboxes of this Spec can share. The calling goroutine
// must be locked to its thread.
func (s *Spec) Template() (*Template, error) {
	if s.User || s.Root == nil || s.Root.Dir != "" || !hasMountSetattr() {
		return nil, fmt.Errorf("template: only of a private root without a directory, as root: %w", syscall.EINVAL)
	}
	life, err := launch.Self()
	if err != nil {
		return nil, err
	}
	t := new(Template)
	t.template, err = s.template(func(m Mount) bool { return m.Kind == Proc || m.Kind == Tmpfs })
	if err != nil {
		return nil, err
	}
	mounts, err := t.sharedSteps()
	if err != nil {
		return nil, err
	}
	pid := new(launch.Slot)
	p := &launch.Process{Name: "template"}
	p.Steps = append(p.Steps, life.Steps()...)
	p.Steps = append(p.Steps, call("unshare", syscall.SYS_UNSHARE, launch.Named(syscall.CLONE_NEWNS, "CLONE_NEWNS")))
	p.Steps = append(p.Steps, mounts...)
	p.Steps = append(p.Steps,
		launch.Step{Name: "getpid", Nr: syscall.SYS_GETPID, Into: pid},
		call("kill", syscall.SYS_KILL, launch.Result(pid, "self"), launch.Named(uintptr(syscall.SIGSTOP), "SIGSTOP")),
		launch.Step{Name: "exit", Exit: true})
	if t.ns, err = holdMounts(p); err != nil {
		return nil, err
	}
	return t, nil
}

// holdMounts runs p, which stops itself, and returns its mount namespace.
func holdMounts(p *launch.Process) (*os.File, error) {
	l, err := launch.Prepare(p)
	if err != nil {
		return nil, err
	}
	if err := l.Start(); err != nil {
		return nil, err
	}
	stopped, err := sys.WaitStop(p.PID())
	if err != nil || !stopped {
		if werr := l.Wait(p); werr != nil {
			err = werr
		}
		return nil, fmt.Errorf("template: %w", err)
	}
	ns, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", p.PID()))
	syscall.Kill(p.PID(), syscall.SIGKILL)
	_, werr := sys.WaitPID(p.PID(), nil)
	l.Wait(p)
	runtime.KeepAlive(l)
	if err == nil {
		err = werr
	}
	return ns, err
}

// sharedSteps mounts what can be shared, with places for what cannot.
func (t *Template) sharedSteps() ([]launch.Step, error) {
	mounts := slices.Clone(t.shared)
	for _, m := range t.own {
		if m.Kind == Proc || m.Kind == Tmpfs {
			mounts = append(mounts, Mount{Kind: Dir, Target: m.Target})
		}
	}
	p := newPlanner(Root{Mounts: mounts}, t.uid, true, 256)
	p.keepMasks = true
	return p.all()
}

// ownSteps mounts what a sandbox must have for itself into a copy of the
// template: what the template says and what the sandbox's root has more.
//
// The steps of before come before the template is entered.
func (t *template) ownSteps(more []Mount) (before, inside []launch.Step, err error) {
	before, inside, err = t.inTemplate(slices.Concat(t.own, more), nil)
	return before, append(inside, t.sealRooms()...), err
}

// firstSteps are the steps of ownSteps before it is known what a root has more,
// moreSteps are those that follow.
func (t *template) firstSteps() (before, inside []launch.Step, err error) {
	return t.inTemplate(t.own, nil)
}

func (t *template) moreSteps(more []Mount) (before, inside []launch.Step, err error) {
	if len(more) > 0 {
		before, inside, err = t.inTemplate(more, t.own)
	}
	return before, append(inside, t.sealRooms()...), err
}

// sealRooms makes rooms what the rest of the root is, read-only.
func (t *template) sealRooms() (steps []launch.Step) {
	for _, m := range t.own {
		if m.Kind == room {
			steps = append(steps, setAttributesAt(m.Target, readOnly))
		}
	}
	return steps
}

// inTemplate mounts into a copy of the template where the mounts of done are in
// their places.
func (t *template) inTemplate(mounts, done []Mount) (before, inside []launch.Step, err error) {
	p := newPlanner(Root{Mounts: mounts}, t.uid, true, 48)
	p.steps = append(p.steps, call("umask", syscall.SYS_UMASK, launch.Int(0)))
	p.masks, p.inTemplate, p.scratch = true, true, fd{text: "AT_FDCWD"}
	for _, m := range slices.Concat(t.shared, done) {
		if m.Kind == Bind || m.free() {
			p.done = append(p.done, m)
		}
	}
	for _, m := range done {
		p.made[m.Target] = m.free()
	}
	for _, m := range mounts {
		p.made[m.Target] = m.Kind == Proc || m.free()
		if err := p.mount(m); err != nil {
			return nil, nil, fmt.Errorf("private root: %w", err)
		}
	}
	return p.before, p.steps, nil
}

// Fits reports whether a sandbox of s can be made from the template.
func (t *Template) Fits(s *Spec) bool { return t.fits(s) }

// fits reports whether the root of s is the template's, with at most more
// mounts in what is not shared.
func (t *template) fits(s *Spec) bool {
	if s.User || s.Root == nil || s.Root.Dir != "" || s.UID != t.uid || s.GID != t.gid {
		return false
	}
	n := len(t.mounts)
	if len(s.Root.Mounts) < n || !slices.Equal(s.Root.Mounts[:n], t.mounts) {
		return false
	}
	for _, m := range s.Root.Mounts[n:] {
		at := func(o Mount) bool { return o.Kind == room && o.Target == m.Target }
		if m.Kind != Bind || !inside(t.own, m) || slices.ContainsFunc(t.own, at) {
			return false
		}
	}
	return true
}

// Sandbox is Spec.Sandbox for a Spec that the template fits. Init does nothing
// but become init, beside the program's process, which adds the mounts.
func (t *Template) Sandbox(s *Spec, program *launch.Process, parent *launch.Lifeline) (*Sandbox, error) {
	before, mounts, err := t.ownSteps(s.Root.Mounts[len(t.mounts):])
	if err != nil {
		return nil, err
	}
	init, err := initProcess(nil, parent)
	if err != nil {
		return nil, err
	}

	// Until init has executed its program it shares Belljar's memory, which
	// the program could see.
	at := slices.IndexFunc(program.Steps, func(s launch.Step) bool { return s.Await != nil || s.Name == launch.NoNewPrivs().Name })
	if at < 0 {
		return nil, fmt.Errorf("template: the program's steps have no place to wait for init: %w", syscall.EINVAL)
	}
	program.Steps = slices.Concat(mounts, program.Steps[:at], []launch.Step{{Name: "await init", Join: init}}, program.Steps[at:])

	helper := &launch.Process{Name: "namespaces"}
	helper.Steps = append(helper.Steps, parent.Steps()...)
	helper.Steps = append(helper.Steps, before...)
	helper.Steps = append(helper.Steps, call("setns", sys.SysSetns, launch.Named(t.ns.Fd(), "template"), launch.Named(syscall.CLONE_NEWNS, "CLONE_NEWNS")))
	helper.Steps = append(helper.Steps, s.namespaces(nil)...)
	helper.Steps = append(helper.Steps,
		launch.Step{Name: "clone", Fork: init, Flags: syscall.CLONE_PARENT},
		launch.Step{Name: "clone", Fork: program, Flags: syscall.CLONE_PARENT},
		launch.Step{Name: "exit", Exit: true})
	return &Sandbox{Process: helper, Init: init, Program: program, template: t}, nil
}
