package belljar_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

// oneUser in the environment says that the test binary is root of a user
// namespace with one user.
const oneUser = "BELLJAR_TEST_ONE_USER"

// inUserNamespace runs a test again as root of a user namespace that has one
// user, who is host outside.
func inUserNamespace(t *testing.T, host int) {
	t.Helper()
	cmd := userNamespace(t)
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: host, Size: 1}}
	cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: host, Size: 1}}
	cmd.SysProcAttr.Credential = &syscall.Credential{NoSetGroups: true}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "\n--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
}

// userNamespace is the test again, in a user namespace of its own.
func userNamespace(t *testing.T) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), oneUser+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER}
	return cmd
}

// status runs a program in every sandbox; it prints who it is and what it may.
func status(t *testing.T, opts belljar.Options) {
	t.Helper()
	for _, box := range []belljar.Options{
		{Supervisor: belljar.Ptrace, Unshare: belljar.Off}, {Supervisor: belljar.Notify, Unshare: belljar.Off},
		{Supervisor: belljar.NoOne, Unshare: belljar.On}, {},
	} {
		if box.Supervisor == belljar.Notify && !kernel.Notify.Have() {
			continue
		}
		box.Policy, box.UID, box.GID = policy.Observe(), opts.UID, opts.GID
		var out bytes.Buffer
		cmd := belljar.Command{Args: []string{"/bin/grep", "-E", "^(Uid|CapEff|CapBnd):", "/proc/self/status"}, Stdout: &out, Stderr: &out}
		res, err := belljar.Run(context.Background(), cmd, box)
		if err != nil || res.Verdict != belljar.OK || strings.Count(out.String(), "\t0000000000000000\n") != 2 || !strings.Contains(out.String(), "Uid:\t0\t0\t0\t0\n") {
			t.Errorf("%+v, %v\n%s", res, err, out.String())
			continue
		}
		for _, l := range res.Enforcement {
			if l.Name == "credentials" && (l.State != belljar.LayerPartial || !strings.Contains(l.Why, "no user and group 65534")) {
				t.Errorf("%+v", l)
			}
		}
	}
}

// TestOneUser proves that root of a user namespace with one user, as unshare -r
// makes it for an ordinary one, runs programs as that user, without a capability,
// and says so.
func TestOneUser(t *testing.T) {
	if os.Getenv(oneUser) == "" {
		testkit.Namespaces(t)
		host := os.Getuid()
		if host == 0 {
			host = testkit.Nobody
		}
		inUserNamespace(t, host)
		return
	}
	status(t, belljar.Options{})
	other := 5
	_, err := belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{UID: &other})
	if err == nil || !strings.Contains(err.Error(), "newuidmap") {
		t.Errorf("as another user: %v", err)
	}
}

// TestOnlyRoot proves that no program runs as root unasked, also where there is
// nobody else.
func TestOnlyRoot(t *testing.T) {
	testkit.Root(t)
	if os.Getenv(oneUser) == "" {
		inUserNamespace(t, 0)
		return
	}
	_, err := belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{})
	if err == nil || !strings.Contains(err.Error(), "--uid 0 --gid 0") {
		t.Errorf("not asked for: %v", err)
	}
	root := 0
	status(t, belljar.Options{UID: &root, GID: &root})
}

// TestUnmapped proves the same where the user namespace does not say who that is.
func TestUnmapped(t *testing.T) {
	if os.Getenv(oneUser) == "" {
		testkit.Namespaces(t)
		out, err := userNamespace(t).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "\n--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	_, err := belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{})
	if err == nil || !strings.Contains(err.Error(), "--uid 65534 --gid 65534") {
		t.Errorf("not asked for: %v", err)
	}
}
