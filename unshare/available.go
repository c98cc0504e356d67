package unshare

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
)

// Unavailable says why this process cannot make sandboxes.
type Unavailable struct {
	Err error  // what the kernel refused
	Why string // the likely cause
	Fix string // what to do about it, a command where there is one
}

func (e *Unavailable) Error() string { return fmt.Sprintf("%s (%v)", e.Why, e.Err) }

func (e *Unavailable) Unwrap() error { return e.Err }

// Fix returns what to do about an error of Available, or "".
func Fix(err error) string {
	if e, ok := errors.AsType[*Unavailable](err); ok {
		return e.Fix
	}
	return ""
}

// answer is what try found; only a conclusive one is kept.
var answer struct {
	sync.Mutex
	known bool
	user  bool
	err   error
}

// Available tells whether this process can make sandboxes, and whether it
// needs a user namespace for that. It makes one to find out, once in this
// process's life. The error is an *Unavailable.
func Available() (user bool, err error) {
	a := &answer
	a.Lock()
	defer a.Unlock()
	if a.known {
		return a.user, a.err
	}
	for _, user := range []bool{false, true} {
		if !user && os.Geteuid() != 0 {
			continue
		}
		if err = try(user); err == nil {
			a.known, a.user = true, user
			return user, nil
		}
	}
	err = diagnose(err)
	if !slices.ContainsFunc(passing, func(e syscall.Errno) bool { return errors.Is(err, e) }) {
		a.known, a.err = true, err
	}
	return false, err
}

// Presume is Available without a trial where there has been none: root needs
// no user namespace, anybody else one. A trial takes as long as a run, so who
// can do without its answer tries the real thing, and asks Available if that
// fails.
func Presume() (user bool, err error) {
	a := &answer
	a.Lock()
	defer a.Unlock()
	if a.known {
		return a.user, a.err
	}
	return os.Geteuid() != 0, nil
}

// passing are errors that another time may not come back.
var passing = []syscall.Errno{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ENOSPC, syscall.EINTR}

// try makes a whole sandbox whose program does nothing.
func try(user bool) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	life, err := launch.Self()
	if err != nil {
		return err
	}
	root := Root{}.With(Mount{Kind: Proc, Target: "/proc"}, Mount{Kind: Dev, Target: "/dev"}, Mount{Kind: Tmpfs, Target: "/tmp"})
	spec := Spec{Root: &root, User: user}
	program := &launch.Process{Name: "probe", Steps: []launch.Step{{Name: "exit", Exit: true}}}
	box, err := spec.Sandbox(program, life)
	if err != nil {
		return err
	}
	l, err := launch.Prepare(box.Process)
	if err != nil {
		return err
	}
	if err := l.Start(); err != nil {
		return err
	}
	if err := box.Ready(l); err != nil {
		return err
	}
	if err := box.reapProgram(l); err != nil {
		return err
	}
	_, err = box.End()
	return err
}

// A cause is a setting of the host that forbids user namespaces.
type cause struct {
	file, value string // the setting, and its value that forbids
	why, fix    string
}

var causes = []cause{
	{"/proc/sys/kernel/unprivileged_userns_clone", "0",
		"the host forbids user namespaces to unprivileged users", "sudo sysctl kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/user/max_user_namespaces", "0",
		"the host allows no user namespaces", "sudo sysctl user.max_user_namespaces=10000"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		"AppArmor forbids user namespaces to unprivileged users", "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
}

// diagnose explains the failure of a sandbox.
func diagnose(err error) error {
	for _, c := range causes {
		if b, rerr := os.ReadFile(c.file); rerr == nil && strings.TrimSpace(string(b)) == c.value {
			return &Unavailable{err, c.why, c.fix}
		}
	}
	var step *launch.StepError
	errors.As(err, &step)
	switch {
	case errors.Is(err, syscall.ENOSYS):
		return &Unavailable{err, "the kernel lacks a system call", "use Linux 5.10 or later; in a container, allow the call in its seccomp profile"}
	case step != nil && step.Step == "unshare" && errors.Is(err, syscall.EPERM):
		return &Unavailable{err, "new namespaces are forbidden here, as in a container with the usual seccomp profile",
			"in Docker, run with --security-opt seccomp=unconfined --security-opt systempaths=unconfined"}
	case step != nil && step.Step == mapStep && errors.Is(err, syscall.EPERM):
		// verify_root_map of the kernel, since Linux 5.12.
		return &Unavailable{err, "root without capabilities can make no user namespace in which there is a root",
			"run as an ordinary user; in Docker, add --cap-add SETFCAP or --user 65534"}
	case step != nil && errors.Is(err, syscall.EPERM):
		return &Unavailable{err, "mounts are forbidden here, as in a container whose /proc is masked",
			"in Docker, run with --security-opt systempaths=unconfined --security-opt apparmor=unconfined"}
	case errors.Is(err, syscall.ENOSPC):
		return &Unavailable{err, "the limit on namespaces is reached", "sudo sysctl user.max_user_namespaces=10000"}
	}
	return &Unavailable{err, "namespaces cannot be made", "the message says which step failed"}
}
