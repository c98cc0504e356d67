package unshare

import (
	"cmp"
	"fmt"
	"os"
	"path"
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
	// User makes a user namespace, in which every ID means what it means
	// outside. Without CAP_SYS_ADMIN it is needed, and then only the caller's
	// own user and group exist inside.
	User bool
	// UID and GID are who the program runs as, for /etc/passwd.
	UID, GID int

	oldAttributes bool // for tests: do without mount_setattr
}

// Sandbox is the processes that a Spec adds to a launch.
type Sandbox struct {
	// Process is the launch's first, the helper. It makes the namespaces, starts
	// the two others as children of the thread that started it, and exits.
	Process *launch.Process
	// Init is PID 1 of the sandbox. It lives until it is killed; then the
	// kernel kills everything in the sandbox.
	Init    *launch.Process
	Program *launch.Process
}

var hasMountSetattr = sync.OnceValue(sys.HasMountSetattr)

// Sandbox returns the processes that run program, PID 2, in namespaces of its
// own. They die with parent.
func (s *Spec) Sandbox(program *launch.Process, parent *launch.Lifeline) (*Sandbox, error) {
	root := DefaultRoot
	if s.Root != nil {
		root = func() Root { return *s.Root }
	}
	mounts, err := root().forUser(s.UID, s.GID).steps(hasMountSetattr() && !s.oldAttributes)
	if err != nil {
		return nil, err
	}
	exec, err := initSteps()
	if err != nil {
		return nil, err
	}
	namespaces, err := s.namespaces()
	if err != nil {
		return nil, err
	}

	init := &launch.Process{Name: "init"}
	init.Steps = append(init.Steps, parent.Steps()...)
	init.Steps = append(init.Steps, call("setsid", syscall.SYS_SETSID))
	init.Steps = append(init.Steps, mounts...)
	init.Steps = append(init.Steps, exec...)

	helper := &launch.Process{Name: "namespaces"}
	helper.Steps = append(helper.Steps, parent.Steps()...)
	helper.Steps = append(helper.Steps, namespaces...)
	helper.Steps = append(helper.Steps,
		// Init's pivot_root moves the helper, too, if it is in the root
		// directory; the program then starts in the new root.
		call("chdir", syscall.SYS_CHDIR, launch.String("/")),
		launch.Step{Name: "clone", Fork: init, Flags: syscall.CLONE_PARENT},
		// Until init has executed its program it shares Belljar's memory,
		// and the root is not finished.
		launch.Step{Name: "await init", Join: init},
		launch.Step{Name: "clone", Fork: program, Flags: syscall.CLONE_PARENT},
		launch.Step{Name: "exit", Exit: true})
	return &Sandbox{Process: helper, Init: init, Program: program}, nil
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

// namespaces returns the calls that make them.
func (s *Spec) namespaces() ([]launch.Step, error) {
	var flags uintptr
	var names []string
	for _, n := range namespaceTable {
		if n.flag == syscall.CLONE_NEWUSER && !s.User || n.flag == syscall.CLONE_NEWNET && s.HostNetwork {
			continue
		}
		flags |= n.flag
		names = append(names, n.name)
	}
	steps := []launch.Step{call("unshare", syscall.SYS_UNSHARE, launch.Named(flags, strings.Join(names, "|")))}
	if s.User {
		ids, err := mapIDs()
		if err != nil {
			return nil, err
		}
		steps = append(steps, ids...)
	}
	host := cmp.Or(s.Hostname, "belljar")
	return append(steps,
		call("sethostname", sys.SysSethostname, launch.Memory([]byte(host), fmt.Sprintf("%q", host)), launch.Int(len(host))),
		call("setdomainname", sys.SysSetdomainname, launch.Memory([]byte("(none)"), `"(none)"`), launch.Int(6))), nil
}

// mapIDs makes every ID of the new user namespace mean itself. Who has no
// CAP_SETUID may map only its own, and must give up setgroups before
// (user_namespaces(7)).
func mapIDs() ([]launch.Step, error) {
	if os.Geteuid() != 0 {
		return append(append(writeFile("/proc/self/setgroups", "deny"),
			writeFile("/proc/self/uid_map", fmt.Sprintf("%d %[1]d 1", os.Geteuid()))...),
			writeFile("/proc/self/gid_map", fmt.Sprintf("%d %[1]d 1", os.Getegid()))...), nil
	}
	var steps []launch.Step
	for _, name := range []string{"uid_map", "gid_map"} {
		// The lines are "inside outside count".
		own, err := os.ReadFile(path.Join("/proc/self", name))
		if err != nil {
			return nil, err
		}
		var text strings.Builder
		for line := range strings.Lines(string(own)) {
			if f := strings.Fields(line); len(f) == 3 {
				fmt.Fprintf(&text, "%s %s %s\n", f[0], f[0], f[2])
			}
		}
		steps = append(steps, writeFile("/proc/self/"+name, text.String())...)
	}
	return steps, nil
}

func writeFile(name, text string) []launch.Step {
	file := newFD("%s", name)
	all := uintptr(len(text))
	write := call("write", syscall.SYS_WRITE, file.arg(), launch.Memory([]byte(text), fmt.Sprintf("%q", text)), launch.Int(len(text)))
	write.Name, write.Must = "write "+name, &all
	return []launch.Step{
		into(file.slot, call("openat", syscall.SYS_OPENAT, atCwd, launch.String(name), launch.Named(syscall.O_WRONLY|syscall.O_CLOEXEC, "O_WRONLY|O_CLOEXEC"))),
		write,
	}
}
