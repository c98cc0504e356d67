package unshare

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// Spec says what a sandbox is like. Its zero value is the default root, no
// network, and no user namespace, which only root can have.
type Spec struct {
	Root     *Root  // nil is DefaultRoot()
	Hostname string // "" is "belljar"
	// HostNetwork keeps the host's network. Otherwise there is an empty one,
	// whose loopback device is down.
	HostNetwork bool
	// Sockets says that programs may make sockets. Then each one in a parked
	// sandbox has a network namespace of its own: two sockets that are on their way
	// through each other stay when every process has ended, with their names and
	// ports, and what was sent stays counted.
	Sockets bool
	// HostCgroup leaves out the cgroup namespace, for a program that makes its
	// own when it is in its cgroup.
	HostCgroup bool
	// User makes a user namespace, in which every ID means what it means
	// outside. Without CAP_SYS_ADMIN it is needed. For anybody but root only
	// the own user and group exist inside, so the program must keep them.
	User bool
	// UID and GID are who the program runs as, for /etc/passwd.
	UID, GID int

	// Room is the top directory of a parked sandbox's programs where its root does
	// not show that, see [Root.Room]; "" for none.
	Room string

	oldAttributes bool // for tests: do without mount_setattr
}

// Sandbox is the processes that a Spec adds to a launch.
type Sandbox struct {
	// Process is the launch's first, the helper. It makes the namespaces, starts
	// the two others as children of the thread that started it, and exits.
	Process *launch.Process
	// Standby is what became the program without a launch; there is no Process
	// then.
	Standby *launch.Standby
	// Init is PID 1 of the sandbox. It lives until it is killed; then the
	// kernel kills everything in the sandbox.
	Init    *launch.Process // nil in a parked sandbox, which has had its own before
	Program *launch.Process

	mapper   *mapper
	template *Template // whose descriptor a step uses
	parked   *Parked   // which it runs in, instead of an Init of its own
	release  func(ok bool)
}

var hasMountSetattr = sync.OnceValue(sys.HasMountSetattr)

// Sandbox returns the processes that run program, PID 2, in namespaces of its
// own. They die with parent.
func (s *Spec) Sandbox(program *launch.Process, parent *launch.Lifeline) (*Sandbox, error) {
	root := DefaultRoot
	if s.Root != nil {
		root = func() Root { return *s.Root }
	}
	mounts, err := root().forUser(s.UID, s.GID).steps(s.UID, hasMountSetattr() && !s.oldAttributes)
	if err != nil {
		return nil, err
	}
	return s.sandbox(mounts, program, parent)
}

func (s *Spec) sandbox(mounts []launch.Step, program *launch.Process, parent *launch.Lifeline) (*Sandbox, error) {
	var ids *mapper
	init, err := initProcess(mounts, parent)
	if err != nil {
		return nil, err
	}
	helper := &launch.Process{Name: "namespaces"}
	// An ordinary user can map nobody else.
	if s.User && sys.Capable(sys.CapSetuid|sys.CapSetgid) {
		if ids, err = newMapper(helper, parent); err != nil {
			return nil, err
		}
	}
	helper.Steps = append(helper.Steps, parent.Steps()...)
	helper.Steps = append(helper.Steps, s.namespaces(ids)...)
	helper.Steps = append(helper.Steps,
		// Init's pivot_root moves the helper, too, if it is in the root
		// directory; the program then starts in the new root.
		call("chdir", syscall.SYS_CHDIR, launch.String("/")),
		launch.Step{Name: "clone", Fork: init, Flags: syscall.CLONE_PARENT},
		// Until init has executed its program it shares Belljar's memory,
		// and the root is not finished.
		launch.Step{Name: "await init", Join: init})
	if program != nil {
		helper.Steps = append(helper.Steps, launch.Step{Name: "clone", Fork: program, Flags: syscall.CLONE_PARENT})
	}
	helper.Steps = append(helper.Steps, launch.Step{Name: "exit", Exit: true})
	return &Sandbox{Process: helper, Init: init, Program: program, mapper: ids}, nil
}

// initProcess returns the process that makes the mounts and becomes init.
func initProcess(mounts []launch.Step, parent *launch.Lifeline) (*launch.Process, error) {
	exec, err := initSteps()
	if err != nil {
		return nil, err
	}
	init := &launch.Process{Name: "init"}
	init.Steps = append(init.Steps, parent.Steps()...)
	init.Steps = append(init.Steps, call("setsid", syscall.SYS_SETSID))
	init.Steps = append(init.Steps, mounts...)
	init.Steps = append(init.Steps, exec...)
	return init, nil
}

// namespaceTable has the namespaces that every sandbox gets.
var namespaceTable = []struct {
	flag uintptr
	name string
}{
	{syscall.CLONE_NEWUSER, "CLONE_NEWUSER"},
	{syscall.CLONE_NEWNS, "CLONE_NEWNS"},
	{syscall.CLONE_NEWPID, "CLONE_NEWPID"},
	{syscall.CLONE_NEWIPC, "CLONE_NEWIPC"},
	{syscall.CLONE_NEWUTS, "CLONE_NEWUTS"},
	{sys.CloneNewcgroup, "CLONE_NEWCGROUP"},
	{syscall.CLONE_NEWNET, "CLONE_NEWNET"},
}

// flags returns the namespaces that a sandbox has.
func (s *Spec) flags(apart uintptr) (flags uintptr, names string) {
	var list []string
	for _, n := range namespaceTable {
		if n.flag == syscall.CLONE_NEWUSER && !s.User || n.flag == syscall.CLONE_NEWNET && s.HostNetwork ||
			n.flag == sys.CloneNewcgroup && s.HostCgroup || n.flag&apart != 0 {
			continue
		}
		flags |= n.flag
		list = append(list, n.name)
	}
	return flags, strings.Join(list, "|")
}

// namespaces returns the calls that make them.
func (s *Spec) namespaces(mapper *mapper) []launch.Step {
	flags, names := s.flags(0)
	steps := []launch.Step{call("unshare", syscall.SYS_UNSHARE, launch.Named(flags, names))}
	switch {
	case mapper != nil:
		steps = mapper.around(steps)
	case s.User:
		steps = append(steps, mapSelf()...)
	}
	host := cmp.Or(s.Hostname, "belljar")
	return append(steps,
		call("sethostname", sys.SysSethostname, launch.Memory([]byte(host), fmt.Sprintf("%q", host)), launch.Int(len(host))),
		call("setdomainname", sys.SysSetdomainname, launch.Memory([]byte("(none)"), `"(none)"`), launch.Int(6)))
}
