package unshare

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// Parked is a sandbox without a program: namespaces in which init waits. One
// program after another runs in them, each with a copy of the mount namespace with
// empty file systems wherever it may write and in Spec.Room, an IPC namespace, and
// where Spec.Sockets says so a network: they are new, or nobody has changed them.
// What programs can leave in the rest is processes, which whoever runs them must
// end.
type Parked struct {
	template
	spec     Spec
	init     int // PID
	pidfd    *os.File
	children *os.File // in /proc, of init; nil: not there

	stem   *stem           // nil: none
	former *launch.Standby // of the stem before, whose launch can be started again
	wanted []Mount         // by the last program, beside the parked root
	fickle bool            // programs want something else time and again
}

// CanPark reports whether a sandbox can wait for programs: only root can enter
// one again, and only without a user namespace; and its mounts are copied, which
// needs mount_setattr (Linux 5.12).
func (s *Spec) CanPark() bool {
	return !s.User && s.Root != nil && s.Root.Dir == "" && hasMountSetattr()
}

// Park makes a sandbox and leaves it without a program. The calling goroutine
// must be locked to its thread, and the sandbox dies with that.
func (s *Spec) Park() (*Parked, error) {
	if !s.CanPark() {
		return nil, fmt.Errorf("park: only a private root without a directory, as root, on Linux 5.12 or newer: %w", syscall.EINVAL)
	}
	life, err := launch.Self()
	if err != nil {
		return nil, err
	}
	p := &Parked{spec: *s}
	p.template, err = s.template(func(m Mount) bool { return m.Kind == Tmpfs })
	if err != nil {
		return nil, err
	}
	if s.Room != "" {
		p.own = append(p.own, Mount{Kind: room, Target: s.Room})
		root := s.Root.With(Mount{Kind: Dir, Target: s.Room})
		p.spec.Root = &root
	}
	box, err := p.spec.Sandbox(nil, life)
	if err != nil {
		return nil, err
	}
	l, err := launch.Prepare(box.Process)
	if err != nil {
		return nil, err
	}
	if err := l.Start(); err != nil {
		return nil, err
	}
	if err := box.Ready(l); err != nil {
		return nil, err
	}
	if err := l.Wait(box.Init); err != nil {
		return nil, err
	}
	p.init = box.Init.PID()
	fd, err := sys.PidfdOpen(p.init)
	if err != nil {
		return nil, fmt.Errorf("pidfd_open: %w", err)
	}
	p.pidfd = os.NewFile(uintptr(fd), "init")
	// There is none without CONFIG_PROC_CHILDREN.
	p.children, _ = os.Open(fmt.Sprintf("/proc/%d/task/%[1]d/children", p.init))
	return p, nil
}

// Kill kills init, and with it everything in the sandbox. End is still due.
func (p *Parked) Kill() error { return syscall.Kill(p.init, syscall.SIGKILL) }

// End kills init, and with it what is left in the namespaces. It must be called
// on the thread that called Park, and once.
func (p *Parked) End() error {
	defer p.pidfd.Close()
	defer p.children.Close()
	p.endStem()
	if err := p.Kill(); err != nil {
		return fmt.Errorf("kill init: %w", err)
	}
	_, err := sys.WaitPID(p.init, nil)
	return err
}

// Empty reports whether init is alive and has no process beside it, but one that
// waits for its program. Processes that have just been killed may still wait for
// init to reap them, so they have a moment to go.
func (p *Parked) Empty() bool {
	if p.stem != nil && p.stem.waits && !p.stem.Waits() {
		return false // somebody has killed it, and it is to be reaped
	}
	for wait := 50 * time.Microsecond; wait < 100*time.Millisecond; wait *= 2 {
		n, err := p.children.ReadAt(make([]byte, 1), 0)
		if err != io.EOF && err != nil || !p.Alive() {
			return false
		}
		if n == 0 {
			return true
		}
		time.Sleep(wait)
	}
	return false
}

// Alive reports whether init has not ended.
func (p *Parked) Alive() bool { return sys.PidfdAlive(int(p.pidfd.Fd())) }

// Sandbox is Spec.Sandbox for a Spec that fits: the program runs in the parked
// namespaces.
//
// Release is told once when the run is over; ok is false if it may have left
// something behind, because it never came to its start.
func (p *Parked) Sandbox(s *Spec, program *launch.Process, parent *launch.Lifeline, release func(ok bool)) (*Sandbox, error) {
	if p.stem != nil && p.stem.adopted != nil {
		p.fickle = true // unless this program is the last one again
	}
	p.endStem() // nothing waits beside a program
	before, mounts, err := p.ownSteps(p.wants(s))
	if err != nil {
		return nil, err
	}
	program.Steps = slices.Concat(mounts, program.Steps)
	return &Sandbox{Process: p.helper(s, before, program, parent), Program: program, parked: p, release: release}, nil
}

// helper is the process that enters the namespaces and starts program in them.
func (p *Parked) helper(s *Spec, before []launch.Step, program *launch.Process, parent *launch.Lifeline) *launch.Process {
	return &launch.Process{Name: "namespaces", Steps: slices.Concat(parent.Steps(), before, p.enter(s), []launch.Step{
		{Name: "clone", Fork: program, Flags: syscall.CLONE_PARENT},
		{Name: "exit", Exit: true}})}
}

// enter are the calls by which a process enters the namespaces, with those of its
// own that programs could change. Of the PID namespace its children are, not itself.
func (p *Parked) enter(s *Spec) []launch.Step {
	own, names := uintptr(syscall.CLONE_NEWNS|syscall.CLONE_NEWIPC), "CLONE_NEWNS|CLONE_NEWIPC"
	if s.Sockets && !s.HostNetwork {
		own, names = own|syscall.CLONE_NEWNET, names+"|CLONE_NEWNET"
	}
	shared, sharedNames := s.flags(own &^ syscall.CLONE_NEWNS) // whose mounts are copied
	return []launch.Step{
		call("setns", sys.SysSetns, launch.Named(p.pidfd.Fd(), "init "+strconv.Itoa(p.init)), launch.Named(shared, sharedNames)),
		call("unshare", syscall.SYS_UNSHARE, launch.Named(own, names)),
	}
}

// Fits reports whether a sandbox of s can be this one.
func (p *Parked) Fits(s *Spec) bool {
	return s.HostNetwork == p.spec.HostNetwork && s.Sockets == p.spec.Sockets && s.Hostname == p.spec.Hostname && p.fits(s)
}
