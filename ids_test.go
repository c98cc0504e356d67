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
	"github.com/belljar/belljar/policy"
)

// oneUser in the environment says that the test binary is root of a user
// namespace with one user.
const oneUser = "BELLJAR_TEST_ONE_USER"

// TestOneUser proves that root of a user namespace with one user, as unshare -r
// makes it, runs programs as that user, without a capability, and says so.
func TestOneUser(t *testing.T) {
	if os.Getenv(oneUser) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestOneUser$", "-test.v")
		cmd.Env = append(os.Environ(), oneUser+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
		out, err := cmd.CombinedOutput()
		switch {
		case out == nil && err != nil:
			t.Skipf("no user namespaces: %v", err)
		case err != nil || !strings.Contains(string(out), "\n--- PASS: TestOneUser"):
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	for name, opts := range map[string]belljar.Options{
		"ptrace":  {Supervisor: belljar.Ptrace, Unshare: belljar.Off},
		"notify":  {Supervisor: belljar.Notify, Unshare: belljar.Off},
		"unshare": {Supervisor: belljar.NoOne, Unshare: belljar.On},
		"both":    {},
	} {
		opts.Policy = policy.Observe()
		var out bytes.Buffer
		cmd := belljar.Command{Args: []string{"/bin/grep", "-E", "^(Uid|CapEff|CapBnd):", "/proc/self/status"}, Stdout: &out, Stderr: &out}
		res, err := belljar.Run(context.Background(), cmd, opts)
		if err != nil || res.Verdict != belljar.OK || strings.Count(out.String(), "\t0000000000000000\n") != 2 || !strings.Contains(out.String(), "Uid:\t0\t0\t0\t0\n") {
			t.Errorf("%s: %+v, %v\n%s", name, res, err, out.String())
			continue
		}
		for _, l := range res.Enforcement {
			if l.Name == "credentials" && (l.State != belljar.LayerPartial || !strings.Contains(l.Why, "no user and group 65534")) {
				t.Errorf("%s: %+v", name, l)
			}
		}
	}
	other := 5
	_, err := belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{UID: &other})
	if err == nil || !strings.Contains(err.Error(), "newuidmap") {
		t.Errorf("as another user: %v", err)
	}
}
