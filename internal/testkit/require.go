package testkit

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/kernel"
)

// Nobody is the user and group that programs run as when root starts them.
const Nobody = 65534

// Root skips the test unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("the test is about root and runs as another user")
	}
}

// Unprivileged skips the test if it runs as root.
func Unprivileged(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("the test is about an unprivileged user and runs as root")
	}
}

// Namespaces skips the test where this user may not have namespaces: root may
// always, others where the kernel gives them user namespaces.
func Namespaces(t testing.TB) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	cmd := exec.Command("/bin/true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	if err := cmd.Run(); err != nil {
		t.Skipf("this host gives user namespaces to root only: %v", err)
	}
}

// Notify skips the test on a kernel that is too old for the notify supervisor.
func Notify(t testing.TB) {
	t.Helper()
	if !kernel.Notify.Have() {
		t.Skipf("the notify supervisor needs Linux %s", kernel.Notify.Since)
	}
}

// Parked skips the test where no sandbox can be parked: that is root's, and
// needs a kernel that copies mounts.
func Parked(t testing.TB) {
	t.Helper()
	Root(t)
	if !kernel.MountSetattr.Have() {
		t.Skipf("parked sandboxes need Linux %s", kernel.MountSetattr.Since)
	}
}

// nobody is how a process of an unprivileged user is started by root.
func nobody() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: Nobody, Gid: Nobody}}
}
