package runs

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/cgroup"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/test/cases"
)

// victimVar tells this test binary to be a host program that is killed: it
// names the sandbox, and whether sandboxes are parked.
const victimVar = "BELLJAR_TEST_KILLED"

// hostProgram runs programs for ever: two that stay, with children of which
// one leaves its session, and two that end at once, again and again.
func hostProgram(name string) {
	name, pool := strings.CutPrefix(name, "pooled-")
	s := cases.Sandboxes[slices.IndexFunc(cases.Sandboxes, func(s sandbox) bool { return s.Name == name })]
	opts := belljar.Options{Policy: policy.Compile(), Supervisor: s.Supervisor, Unshare: s.Unshare,
		Limits: belljar.Limits{Memory: 64 << 20, Processes: 20, CPU: time.Minute}}
	if pool {
		opts.Containers = 4
	}
	runner := belljar.NewRunner(opts)
	script := strings.ReplaceAll("sleep N & setsid sleep N & echo up; sleep N", "N", os.Args[1])
	for _, args := range [][]string{{"/bin/sh", "-c", script}, {"/bin/sh", "-c", script}, {"/bin/true"}, {"/bin/true"}} {
		go func() {
			for {
				if _, err := runner.Run(context.Background(), belljar.Command{Args: args, Stdout: os.Stdout}); err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
			}
		}()
	}
	select {}
}

// TestHostKilled proves that programs end with the process that runs them,
// killed with SIGKILL at whatever moment, and that the next start removes what
// it could not.
func TestHostKilled(t *testing.T) {
	modes := []string{"ptrace", "notify", "unshare", "both"}
	if os.Geteuid() == 0 {
		modes = append(modes, "pooled-unshare", "pooled-both")
	}
	for i, mode := range modes {
		t.Run(mode, func(t *testing.T) {
			cases.Find(t, strings.TrimPrefix(mode, "pooled-")).Require(t)
			mark := fmt.Sprintf("9%d.%d", os.Getpid(), i) // nobody else sleeps that long
			pid := killHost(t, mode, mark)
			waitFor(t, "processes", func() []string { return sleepers(mark) })
			nextStart(t)
			waitFor(t, "cgroups", func() []string { return groupsOf(pid) })
		})
	}
}

// nextStart makes the first group of a process, which cleans up.
func nextStart(t *testing.T) {
	t.Helper()
	tree, err := cgroup.Find()
	if err != nil {
		t.Fatal(err)
	}
	if can := tree.Can(); !can.Limit || !can.Tasks {
		return
	}
	g, err := tree.New(cgroup.Limits{Memory: 64 << 20, PIDs: 10})
	if err == nil {
		err = g.Remove()
	}
	if err != nil {
		t.Error(err)
	}
}

// killHost starts the host program, kills it when its programs run, and returns
// the number that it had.
func killHost(t *testing.T, mode, mark string) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", mark)
	cmd.Env = append(os.Environ(), victimVar+"="+mode)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; n < 2 && lines.Scan(); n++ {
		if lines.Text() != "up" {
			t.Errorf("the host program says %q", lines.Text())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if cmd.Wait(); cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the host program was not killed: %v", cmd.ProcessState)
	}
	return cmd.Process.Pid
}

// waitFor waits until nothing is left, for as long as a busy machine may need.
func waitFor(t *testing.T, what string, left func() []string) {
	t.Helper()
	var all []string
	for range 1000 {
		if all = left(); len(all) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s that live on: %q", what, all)
}

// sleepers returns the processes that have a word among their arguments.
func sleepers(word string) []string {
	var found []string
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		line, _ := os.ReadFile(f)
		if slices.ContainsFunc(bytes.Split(line, []byte{0}), func(w []byte) bool { return string(w) == word }) {
			found = append(found, f)
		}
	}
	return found
}

// groupsOf returns the cgroups that a process of this PID namespace has made.
func groupsOf(pid int) []string {
	var found []string
	filepath.WalkDir("/sys/fs/cgroup", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir
		case d.IsDir() && filepath.Base(filepath.Dir(name)) == "belljar" && strings.Contains(d.Name(), fmt.Sprintf("-%d-", pid)):
			found = append(found, name)
		}
		return nil
	})
	return found
}
