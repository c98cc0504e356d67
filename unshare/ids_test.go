package unshare

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/belljar/belljar/internal/kernel"
)

// noMore in the environment says that the test binary is root of a user
// namespace that allows no further one.
const noMore = "UNSHARE_TEST_NO_MORE"

// TestMapperEnds proves that the process which would have mapped the IDs of a
// user namespace ends when there is none to map.
func TestMapperEnds(t *testing.T) {
	if os.Getenv(noMore) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestMapperEnds$", "-test.v")
		cmd.Env = append(os.Environ(), noMore+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "\n--- PASS: TestMapperEnds") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	// Whoever loses its parent becomes a child of this process.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	const limit = "/proc/sys/user/max_user_namespaces"
	if err := os.WriteFile(limit, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := try(true); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("a user namespace where there may be none: %v", err)
		}
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		_, err := syscall.Wait4(-1, nil, syscall.WNOHANG|syscall.WALL, nil)
		if err == syscall.ECHILD {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a process is left")
		}
	}
	if err := diagnose(syscall.ENOSPC); !strings.Contains(err.Error(), "allows no user namespaces") || !strings.Contains(Fix(err), "sysctl user.max_user_namespaces=") {
		t.Errorf("diagnosed as %v, to be mended by %q", err, Fix(err))
	}
}

// TestRootWithoutCapabilities proves that root which has none is told so.
func TestRootWithoutCapabilities(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be root without capabilities")
	}
	if !kernel.MountSetattr.Have() {
		t.Skip("the kernel lets any root map root before Linux 5.12")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // which ends, without its capabilities, with this function
		for c := range uintptr(64) {
			if err = unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err == unix.EINVAL {
				break // beyond the kernel's last
			}
		}
		// Its TestMain finds no sandbox, and says why.
		out, err = exec.Command(self, "-test.run=^$").CombinedOutput()
	}()
	<-done
	if !strings.Contains(string(out), "root without capabilities") || !strings.Contains(string(out), "SETFCAP") {
		t.Errorf("%v\n%s", err, out)
	}
}
