package unshare

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sleepInSandbox prints the PIDs of init and of the program, as the host
// counts them, and sleeps.
func sleepInSandbox() {
	var t testing.B // only for Fatal, which ends this process's goroutine
	p := newProgram(&t, ownSpec(), os.Stderr, "/bin/sleep", "1000")
	if p.err != nil {
		fmt.Fprintln(os.Stderr, p.err)
		os.Exit(1)
	}
	p.launch.Wait(p.box.Program)
	fmt.Println(p.box.Init.PID(), p.box.Program.PID())
	time.Sleep(time.Hour) // select {} would be a deadlock that ends it
}

func TestSandboxDiesWithBelljar(t *testing.T) { DiesWith(t, sleeper, 2) }

// DiesWith kills this test program, which is told by a variable what to be, and
// expects that at least so many processes, whose numbers it prints, die with it.
func DiesWith(t *testing.T, variable string, atLeast int) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^$")
	cmd.Env = append(os.Environ(), variable+"=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range strings.Fields(line) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		if !alive(pid) {
			t.Fatalf("process %d is not there before the kill", pid)
		}
		pids = append(pids, pid)
	}
	if len(pids) < atLeast {
		t.Fatalf("only %d processes: %v", len(pids), pids)
	}
	cmd.Process.Kill() // SIGKILL: nothing of Belljar's runs any more
	for _, pid := range pids {
		for end := time.Now().Add(5 * time.Second); alive(pid); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("process %d of %v outlived Belljar", pid, pids)
			}
		}
	}
}

// alive says whether the process is there and no zombie: who reaps it then is
// not up to Belljar.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
