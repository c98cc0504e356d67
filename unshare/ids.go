package unshare

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// mapSelf lets a process make its own user and group mean themselves in the
// user namespace that it just made. Before it may, it must give up setgroups
// (user_namespaces(7)).
func mapSelf() []launch.Step {
	var s []launch.Step
	s = append(s, writeFile(atCwd, "/proc/self/setgroups", "deny")...)
	s = append(s, writeFile(atCwd, "/proc/self/uid_map", fmt.Sprintf("%d %[1]d 1", os.Geteuid()))...)
	return append(s, writeFile(atCwd, "/proc/self/gid_map", fmt.Sprintf("%d %[1]d 1", os.Getegid()))...)
}

// mapper maps all IDs of this process's user namespace into a new one. That
// takes capabilities in the old one, which the process that makes the new one
// has lost; so it starts another before, and tells it when.
type mapper struct {
	process *launch.Process
	dir     fd // /proc/PID of the process with the new namespace
	event   fd // tells that it has it
}

// newMapper is started by helper, with which it ends: the event does not come if
// helper cannot make the namespace.
func newMapper(helper *launch.Process, parent *launch.Lifeline) (*mapper, error) {
	m := &mapper{dir: newFD("/proc/self"), event: newFD("eventfd"), process: &launch.Process{Name: "ID mapper"}}
	m.process.Steps = append(parent.Steps(),
		// Whoever ended before PR_SET_PDEATHSIG had been seen to.
		launch.Step{Name: "helper lives", Lives: helper},
		call("read", syscall.SYS_READ, m.event.arg(), launch.Memory(make([]byte, 8), "event"), launch.Int(8)))
	for _, name := range []string{"uid_map", "gid_map"} {
		text, err := identity("/proc/self/" + name)
		if err != nil {
			return nil, err
		}
		m.process.Steps = append(m.process.Steps, writeFile(m.dir.arg(), name, text)...)
	}
	m.process.Steps = append(m.process.Steps, launch.Step{Name: "exit", Exit: true})
	return m, nil
}

// around adds the mapper to the steps that make a user namespace.
func (m *mapper) around(steps []launch.Step) []launch.Step {
	s := []launch.Step{
		into(m.dir.slot, call("openat", syscall.SYS_OPENAT, atCwd, launch.String("/proc/self"),
			launch.Named(syscall.O_DIRECTORY|syscall.O_CLOEXEC, "O_DIRECTORY|O_CLOEXEC"), launch.Int(0))),
		into(m.event.slot, call("eventfd2", syscall.SYS_EVENTFD2, launch.Int(0), launch.Named(syscall.O_CLOEXEC, "EFD_CLOEXEC"))),
		{Name: "clone", Fork: m.process},
	}
	one := launch.Memory([]byte{1, 1, 1, 1, 1, 1, 1, 1}, "event")
	return append(append(s, steps...),
		call("write", syscall.SYS_WRITE, m.event.arg(), one, launch.Int(8)),
		launch.Step{Name: "await ID mapper", Join: m.process},
		call("wait4", syscall.SYS_WAIT4, launch.Int(-1), launch.Null(), launch.Named(sys.WAll, "__WALL"), launch.Null()))
}

// identity maps every ID that exists here to itself. The lines of the file are
// "inside outside count".
func identity(name string) (string, error) {
	own, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for line := range strings.Lines(string(own)) {
		if f := strings.Fields(line); len(f) == 3 {
			fmt.Fprintf(&text, "%s %s %s\n", f[0], f[0], f[2])
		}
	}
	return text.String(), nil
}

// mapStep is the step that writes a map.
const mapStep = "write"

func writeFile(dir launch.Arg, name, text string) []launch.Step {
	file := newFD(name)
	all := uintptr(len(text))
	write := call(mapStep, syscall.SYS_WRITE, file.arg(), launch.Memory([]byte(text), fmt.Sprintf("%q", text)), launch.Int(len(text)))
	write.Must = &all
	return []launch.Step{
		into(file.slot, call("openat", syscall.SYS_OPENAT, dir, launch.String(name), launch.Named(syscall.O_WRONLY|syscall.O_CLOEXEC, "O_WRONLY|O_CLOEXEC"), launch.Int(0))),
		write,
	}
}
