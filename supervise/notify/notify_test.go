package notify_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/unshare"
)

// TestMain runs a program first: Belljar opens a few descriptors once and
// keeps them, which is no leak.
func TestMain(m *testing.M) {
	_, _ = belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{})
	testkit.Main(m)
}

// handler is a function that decides.
type handler func(*supervise.Trap) supervise.Decision

func (h handler) Handle(t *supervise.Trap) supervise.Decision { return h(t) }

// options are those of notify alone. With a handler, it decides getppid, which
// every shell calls as it starts.
func options(t *testing.T, h handler) belljar.Options {
	t.Helper()
	testkit.Notify(t)
	o := belljar.Options{Policy: policy.Observe(), Supervisor: belljar.Notify, Unshare: belljar.Off}
	if h != nil {
		o.Policy.Rules = append([]policy.Rule{{Call: "getppid", Do: policy.Action{Kind: policy.Trap}}}, o.Policy.Rules...)
		o.Handler = h
	}
	return o
}

func shell(t *testing.T, ctx context.Context, o belljar.Options, script string) (*belljar.Result, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	var out bytes.Buffer
	res, err := belljar.Run(ctx, belljar.Command{Args: []string{"/bin/sh", "-c", script}, Stdout: &out, Stderr: &out,
		Env: []string{"PATH=/usr/bin:/bin"}, Dir: testkit.Dir(t)}, o)
	return res, out.String(), err
}

// A thread that cannot go on ends the run, and the call that it had received
// is not made.
func TestWorkerEnds(t *testing.T) {
	testkit.Leaks(t)
	var calls atomic.Int32
	o := options(t, func(*supervise.Trap) supervise.Decision {
		calls.Add(1)
		runtime.Goexit()
		return supervise.Decision{Kind: supervise.Allow}
	})
	_, out, err := shell(t, context.Background(), o, "echo went on")
	var setup *belljar.SetupError
	if !errors.As(err, &setup) || !strings.Contains(err.Error(), "handler ended") {
		t.Errorf("error %v", err)
	}
	if out != "" || calls.Load() != 1 {
		t.Errorf("the program wrote %q after %d calls", out, calls.Load())
	}
}

// A call is valid until its thread is killed, and its answer then hurts nobody.
func TestKilledWhilePending(t *testing.T) {
	testkit.Leaks(t)
	var before, after atomic.Bool
	o := options(t, func(trap *supervise.Trap) supervise.Decision {
		before.Store(trap.Tracee.Valid())
		if err := syscall.Kill(trap.PID, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		for end := time.Now().Add(20 * time.Second); trap.Tracee.Valid() && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		after.Store(trap.Tracee.Valid())
		return supervise.Decision{Kind: supervise.Allow}
	})
	res, out, err := shell(t, context.Background(), o, "echo went on")
	if err != nil {
		t.Fatal(err)
	}
	if !before.Load() || after.Load() {
		t.Errorf("valid %v before the kill and %v after", before.Load(), after.Load())
	}
	if res.Verdict != belljar.Signaled || res.Signal != belljar.Signal(syscall.SIGKILL) || out != "" {
		t.Errorf("verdict %s, signal %s, output %q", res.Verdict, res.Signal, out)
	}
}

// Without descriptors of its own the supervisor opens nothing, and lets no
// call go on instead.
func TestNoDescriptors(t *testing.T) {
	testkit.Leaks(t)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	var taken []int
	o := options(t, func(*supervise.Trap) supervise.Decision {
		few := syscall.Rlimit{Cur: 256, Max: old.Max}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
			t.Error(err)
		}
		for {
			fd, err := syscall.Dup(0)
			if err != nil {
				return supervise.Decision{Kind: supervise.Allow}
			}
			taken = append(taken, fd)
		}
	})
	_, out, err := shell(t, context.Background(), o, "read line </etc/os-release; echo read $line")
	for _, fd := range taken {
		syscall.Close(fd)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if len(taken) == 0 || strings.Contains(out, "=") {
		t.Errorf("%d descriptors taken, output %q, error %v", len(taken), out, err)
	}
	// The same with descriptors, so that the file is one that can be read.
	if _, out, err = shell(t, context.Background(), options(t, nil), "read line </etc/os-release; echo read $line"); err != nil || !strings.Contains(out, "=") {
		t.Errorf("output %q, error %v", out, err)
	}
}

// The end of a run ends what its threads wait for.
func TestCancelWhileBlocked(t *testing.T) {
	testkit.Leaks(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := options(t, nil)
	ready := func(trap *supervise.Trap, d supervise.Decision) {
		if d.Kind == supervise.Open && strings.HasSuffix(d.Path, "/fifo") {
			// The opening itself comes a moment later.
			time.AfterFunc(50*time.Millisecond, cancel)
		}
	}
	o.Observe = ready
	if _, out, err := shell(t, ctx, o, "mkfifo fifo && read line <fifo"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, output %q", err, out)
	}
}

// What the program has are the descriptors that it was given.
func TestListenerUnseen(t *testing.T) {
	_, out, err := shell(t, context.Background(), options(t, nil), "exec ls -l /proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out, "seccomp") || !strings.Contains(out, "pipe:") {
		t.Errorf("the program's descriptors:\n%s", out)
	}
}

// No supervised program gets a listener, also where the policy allows all. The
// last row shows that the program could have one.
func TestNoSecondListener(t *testing.T) {
	testkit.Notify(t)
	args := testkit.Program(t, "c/listener", "dynamic")
	for _, tt := range []struct {
		supervisor belljar.Supervisor
		want       string
	}{
		{belljar.Notify, "listener: refused: EBUSY\n"},
		{belljar.Ptrace, "listener: refused: EBUSY\n"},
		{belljar.NoOne, "listener: ESCAPED: "},
	} {
		allow := policy.Action{Kind: policy.Allow}
		for _, rules := range [][]policy.Rule{nil, {{Call: "seccomp", Do: allow}}} {
			var out bytes.Buffer
			_, err := belljar.Run(context.Background(), belljar.Command{Args: args, Stdout: &out, Stderr: io.Discard},
				belljar.Options{Policy: &policy.Policy{Rules: rules, Default: allow}, Supervisor: tt.supervisor, Unshare: belljar.Off})
			if err != nil || !strings.HasPrefix(out.String(), tt.want) {
				t.Errorf("%s: output %q, want %q; error %v", tt.supervisor, out.String(), tt.want, err)
			}
		}
	}
}

// O_PATH descriptors, which a notification cannot hand over, are opened all
// the same.
func TestPathDescriptor(t *testing.T) {
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	script := `exec python3 -c 'import os; fd = os.open("/usr", os.O_PATH|os.O_DIRECTORY); print(os.readlink("/proc/self/fd/%d" % fd))'`
	res, out, err := shell(t, context.Background(), options(t, nil), script)
	if err != nil || out != "/usr\n" {
		t.Errorf("output %q, verdict %v, error %v", out, res, err)
	}
}

// A program can execute what it has written and closed, whatever this process
// starts meanwhile, by Belljar or by os/exec: no other process has a copy of the
// descriptor by which Belljar opened it.
func TestWrittenWhileOthersStart(t *testing.T) {
	o := options(t, nil)
	for name, start := range map[string]func() error{
		"belljar": func() error {
			_, err := belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, belljar.Options{Unshare: belljar.Off})
			return err
		},
		"os/exec": func() error { return exec.Command("/bin/true").Run() },
	} {
		t.Run(name, func(t *testing.T) {
			testkit.Leaks(t)
			var stop atomic.Bool
			var others sync.WaitGroup
			for range 3 {
				others.Go(func() {
					for !stop.Load() {
						if err := start(); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			for range 2 {
				var out bytes.Buffer
				_, err := belljar.Run(context.Background(), belljar.Command{Args: testkit.Program(t, "c/rewrite", "dynamic"), Stdout: &out, Stderr: &out}, o)
				if err != nil || out.String() != "100 of 100 executed\n" {
					t.Errorf("output %q, error %v", out.String(), err)
				}
			}
			stop.Store(true)
			others.Wait()
		})
	}
}

// An opening that is decided anew, because a file that only root can change has
// become a link, counts once.
func TestCountsOnce(t *testing.T) {
	testkit.Root(t)
	testkit.Namespaces(t)
	dir := filepath.Join(testkit.Dir(t), "root's")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file, other := filepath.Join(dir, "file"), filepath.Join(dir, "other")
	// Once the program has opened what others may write, Belljar makes all its calls.
	shared := filepath.Join(dir, "shared")
	if err := errors.Join(os.WriteFile(shared, nil, 0o666), os.Chmod(shared, 0o666)); err != nil {
		t.Fatal(err)
	}
	root := unshare.DefaultRoot().With(unshare.Mount{Kind: unshare.Bind, Source: dir, Target: "/given"})
	try := func(most uint64, change bool) (belljar.Verdict, string) {
		for name, text := range map[string]string{file: "first\n", other: "second\n"} {
			os.Remove(name)
			if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		o := options(t, nil)
		o.Unshare, o.Root = belljar.On, &root
		o.Policy.Counts = []policy.Count{{Call: "openat", Max: most, Do: policy.Action{Kind: policy.Kill}}}
		var once sync.Once
		o.Observe = func(_ *supervise.Trap, d supervise.Decision) {
			if change && d.Path == "/given/file" {
				once.Do(func() {
					if err := errors.Join(os.Remove(file), os.Symlink("other", file)); err != nil {
						t.Error(err)
					}
				})
			}
		}
		res, out, err := shell(t, context.Background(), o, "read x </given/shared; read a </given/file; read b </given/file; echo $a $b")
		if err != nil {
			t.Fatal(err)
		}
		return res.Verdict, out
	}
	most := uint64(1)
	for v, _ := try(most, false); v != belljar.OK; v, _ = try(most, false) {
		most++
	}
	if v, out := try(most, true); v != belljar.OK || out != "first second\n" {
		t.Errorf("at most %d calls: %s, output %q", most, v, out)
	}
	if v, _ := try(most-1, true); v != belljar.Violation {
		t.Errorf("at most %d calls: %s", most-1, v)
	}
}
