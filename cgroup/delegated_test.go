package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/testkit"
)

// programVar tells a test that runs itself in a delegated cgroup which program
// to start.
const programVar = "BELLJAR_TEST_DELEGATED"

// TestDelegated proves that a process that is alone in a cgroup of its own, as
// systemd-run -p Delegate=yes gives one, to root or to a user, moves to a leaf
// and makes groups that limit; and that one that it starts finds the same place.
func TestDelegated(t *testing.T) {
	if program := os.Getenv(programVar); program != "" {
		inDelegated(t, program)
		return
	}
	testkit.Root(t)
	tree := host(t)
	h := tree.With(Memory)
	if h.Version != 2 {
		t.Skip("version 1 needs no leaf")
	}
	group(t, tree, Limits{Memory: 1 << 20}) // makes h.Dir
	program := testkit.Program(t, "c/memory", "dynamic")[0]
	for name, uid := range map[string]int{"root": 0, "user": testkit.Nobody} {
		t.Run(name, func(t *testing.T) {
			scope := filepath.Join(h.Dir, "scope-"+name)
			if err := os.Mkdir(scope, 0o755); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := tree.remove(h, scope); err != nil {
					t.Error(err)
				}
			}()
			// What systemd gives to the user.
			for _, file := range []string{"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} {
				if err := os.Chown(filepath.Join(scope, file), uid, uid); err != nil {
					t.Fatal(err)
				}
			}
			runDelegated(t, scope, uid, program)
		})
	}
}

// runDelegated runs the test again in a cgroup, with it as the root of its
// cgroup namespace or not.
func runDelegated(t *testing.T, scope string, uid int, program string) {
	dir, err := os.Open(scope)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(testkit.Dir(t), "test")
	if err := os.WriteFile(binary, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run=^TestDelegated$", "-test.v")
	cmd.Dir = filepath.Dir(binary)
	cmd.Env = append(os.Environ(), programVar+"="+program, "TMPDIR="+cmd.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		UseCgroupFD: true, CgroupFD: int(dir.Fd()),
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)},
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in %s: %v\n%s", scope, err, out)
	}
}

func inDelegated(t *testing.T, program string) {
	for range 2 { // the second time from the leaf
		tree, err := Find()
		if err != nil {
			t.Fatal(err)
		}
		if can := tree.Can(); !can.Limit || !can.Tasks {
			why, _ := tree.Why()
			t.Fatalf("%+v: %s", tree.v2(), why)
		}
		g := group(t, tree, Limits{Memory: 32 << 20, PIDs: 10})
		startProgram(t, g, []string{program, "keep", "100"})()
		if e, err := g.Events(); err != nil || !e.MemoryLimit() {
			t.Errorf("events %+v, %v; want the memory limit", e, err)
		}
		own, err := os.ReadFile("/proc/self/cgroup")
		if err != nil || !strings.HasSuffix(string(own), "/belljar/self\n") {
			t.Errorf("this process is in %q, %v; want a leaf", own, err)
		}
	}
}
