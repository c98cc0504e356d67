package process_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/seccomp/process"
	"github.com/belljar/belljar/syscalls"
)

const roleVar = "BELLJAR_PROCESS_TEST"

// The test is its own victim: in a process that was started for it, it confines
// itself.
func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case "":
		os.Exit(m.Run())
	case "confined":
		confined()
	case "refused":
		refused()
	case "divided":
		divided()
	}
}

// denying allows all but one call, which fails with ENOTTY.
func denying(call string) *policy.Policy {
	return &policy.Policy{Default: policy.Action{Kind: policy.Allow},
		Rules: []policy.Rule{{Call: call, Do: policy.Action{Kind: policy.Deny, Errno: uint16(syscall.ENOTTY)}}}}
}

// confined has threads before and after it confines itself, tells what a
// refused call says in each, and waits for the end of its input.
func confined() {
	const threads = 8
	var ready, done sync.WaitGroup
	loaded := make(chan struct{})
	var mu sync.Mutex
	var answers []string
	ask := func() {
		err := syscall.Mkdir("/no/such/directory/at/all", 0o700)
		err2 := syscall.Mkdirat(-100, "/no/such/directory/at/all", 0o700)
		mu.Lock()
		answers = append(answers, fmt.Sprintf("%v/%v", err, err2))
		mu.Unlock()
	}
	for range threads {
		ready.Add(1)
		done.Add(1)
		go func() {
			runtime.LockOSThread()
			ready.Done()
			<-loaded
			ask()
			done.Done()
		}()
	}
	ready.Wait()
	if err := process.Confine(denying("mkdirat")); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	close(loaded)
	done.Wait()
	ask()
	for _, a := range answers {
		fmt.Println(a)
	}
	fmt.Println("end")
	io.Copy(io.Discard, os.Stdin)
}

// refused tries to load what cannot be.
func refused() {
	if err := process.Confine(&policy.Policy{Default: policy.Action{Kind: policy.Trap}}); err == nil {
		fmt.Println("a policy with a trap was loaded")
	}
	if err := process.Load(bpf.Program{{Op: 0xff}}); err == nil {
		fmt.Println("a bad filter was loaded")
	}
	fmt.Println("end")
}

// divided confines itself to a policy that is too long for one filter and that
// allows no further ones, and tells what calls say that different filters
// decide.
func divided() {
	p := &policy.Policy{Default: policy.Action{Kind: policy.Allow}}
	for n, call := range []string{"fchmod", "getpriority", "umask"} {
		var multiples []uint64
		for i := range uint64(2500) {
			multiples = append(multiples, i*uint64(n+2))
		}
		p.Rules = append(p.Rules, policy.Rule{Call: call, Do: policy.Action{Kind: policy.Deny, Errno: uint16(syscall.ENOTTY)},
			When: []policy.Cond{{Arg: 0, Op: policy.In, Values: multiples}}})
	}
	p.Rules = append(p.Rules, policy.Rule{Call: "seccomp"})
	filters, err := seccomp.CompileAll(p, seccomp.Options{Table: syscalls.ForGOARCH(runtime.GOARCH)})
	if err == nil {
		err = process.Confine(p)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(len(filters) > 1)
	for n, nr := range []uintptr{syscall.SYS_FCHMOD, syscall.SYS_GETPRIORITY, syscall.SYS_UMASK} {
		for _, arg := range []uintptr{2000 * uintptr(n+2), 2000*uintptr(n+2) + 1} {
			_, _, errno := syscall.RawSyscall(nr, arg, 0, 0)
			fmt.Println(errno == syscall.ENOTTY)
		}
	}
	fmt.Println("end")
}

func start(t *testing.T, role string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	})
	return cmd, bufio.NewScanner(out)
}

func lines(s *bufio.Scanner) (all []string) {
	for s.Scan() && s.Text() != "end" {
		all = append(all, s.Text())
	}
	return all
}

// Load confines every thread, and Filters reads back what was loaded.
func TestConfineAndRead(t *testing.T) {
	table := syscalls.ForGOARCH(runtime.GOARCH)
	cmd, out := start(t, "confined")
	got := lines(out)
	if len(got) != 9 {
		t.Fatalf("%d answers: %v", len(got), got)
	}
	for _, line := range got {
		// On amd64 mkdir is another call, which is not refused.
		if !strings.HasSuffix(line, "/"+syscall.ENOTTY.Error()) {
			t.Errorf("a thread is not confined: %s", line)
		}
	}
	filters, err := process.Filters(cmd.Process.Pid)
	if errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM) {
		if os.Geteuid() == 0 && !filtered(t) {
			t.Fatal(err)
		}
		t.Skipf("this process may not read filters: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	want, err := seccomp.Compile(denying("mkdirat"), seccomp.Options{Table: table})
	if err != nil {
		t.Fatal(err)
	}
	if len(filters) == 0 {
		t.Fatal("no filters")
	}
	if diff := cmp.Diff(want, filters[0]); diff != "" {
		t.Error(diff)
	}
}

// filtered reports whether this process has filters, as in a container, and so
// may not read those of others.
func filtered(t *testing.T) bool {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	return !strings.Contains(string(status), "Seccomp:\t0\n")
}

func TestLoadRefuses(t *testing.T) {
	_, out := start(t, "refused")
	if got := lines(out); len(got) > 0 {
		t.Error(got)
	}
}

// Of a long policy every filter is installed, though it forbids to install any.
func TestConfineDivided(t *testing.T) {
	_, out := start(t, "divided")
	if diff := cmp.Diff([]string{"true", "true", "false", "true", "false", "true", "false"}, lines(out)); diff != "" {
		t.Error(diff)
	}
}

// A process without filters has none, and one that is not there is an error.
func TestFiltersOfOthers(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	filters, err := process.Filters(pid)
	if err == nil && len(filters) > 0 && !filtered(t) {
		t.Errorf("%d filters", len(filters))
	}
	if err != nil && os.Geteuid() == 0 && !filtered(t) {
		t.Error(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if _, err := process.Filters(pid); !errors.Is(err, syscall.ESRCH) && !errors.Is(err, syscall.EPERM) {
		t.Errorf("of a process that is gone: %v", err)
	}
}

// Watch finds the filters that a program gives itself, without any privilege,
// and those of what it starts.
func TestWatch(t *testing.T) {
	shell := exec.Command("/bin/sh", "-c", `"$0" & wait; exec "$0"`, "/proc/self/exe")
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	shell.Args[3] = self
	shell.Env = append(os.Environ(), roleVar+"=confined")
	filters, err := process.Watch(shell)
	if err != nil {
		t.Fatal(err)
	}
	want, err := seccomp.Compile(denying("mkdirat"), seccomp.Options{Table: syscalls.ForGOARCH(runtime.GOARCH)})
	if err != nil {
		t.Fatal(err)
	}
	if len(filters) != 2 || filters[0].PID == filters[1].PID {
		t.Fatalf("%d filters, want those of two processes", len(filters))
	}
	for _, f := range filters {
		if diff := cmp.Diff(want, f.Filter); diff != "" {
			t.Error(diff)
		}
	}
	if _, err := process.Watch(exec.Command("/no/such/program")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of no program: %v", err)
	}
}
