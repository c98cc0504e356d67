package runs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/test/cases"
)

// pooled returns a runner with parked containers.
func pooled(t *testing.T, s belljar.Supervisor, n int) *belljar.Runner {
	t.Helper()
	testkit.Parked(t)
	r := belljar.NewRunner(belljar.Options{Policy: policy.Observe(), Supervisor: s, Unshare: belljar.On, Containers: n})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestNothingLeft proves that a container is reused, and that the next program
// finds nothing of what the one before left: 35 kinds of state, each of which
// the one before has seen to be there; 19 where the file systems are used again.
func TestNothingLeft(t *testing.T) {
	all := []struct{ arg, want string }{
		{"find", "found nothing\nfirst 1\n"},
		{"leave", "left 35 of 35\nfirst 0\n"},
		{"find", "found nothing\nfirst 0\n"},
		{"leave", "left 35 of 35\nfirst 0\n"},
		{"find", "found nothing\nfirst 0\n"},
	}
	same := []struct{ arg, want string }{
		{"leave-else", "left 19 of 19\nfirst 1\n"},
		{"leave-else", "left 19 of 19\nfirst 0\n"},
		{"leave-else", "left 19 of 19\nfirst 0\n"},
		{"find-else", "found nothing\nfirst 0\n"},
	}
	for _, s := range []belljar.Supervisor{belljar.NoOne, belljar.Ptrace} {
		leaves(t, policy.Observe(), s, all)
		leaves(t, withoutObjects(), s, same)
	}
}

func leaves(t *testing.T, p *policy.Policy, s belljar.Supervisor, runs []struct{ arg, want string }) {
	t.Helper()
	testkit.Parked(t)
	runner := belljar.NewRunner(belljar.Options{Policy: p, Supervisor: s, Unshare: belljar.On, Containers: 1})
	defer runner.Close()
	for i, tt := range runs {
		var out cases.Output
		args := append(testkit.Program(t, "c/leave", "dynamic"), tt.arg)
		res, err := runner.Run(context.Background(), belljar.Command{Args: args, Stdout: &out.Stdout, Stderr: &out.Stderr})
		if err != nil {
			t.Fatal(err)
		}
		if res.Verdict != belljar.OK || out.Stdout.String() != tt.want {
			t.Errorf("%s, run %d, %s: %+v, violation %+v, output %q %q, want %q", s, i, tt.arg, brief(res), res.Violation, out.Stdout.String(), out.Stderr.String(), tt.want)
		}
	}
}

// withoutObjects is observe for programs that make no IPC objects and no sockets.
func withoutObjects() *policy.Policy {
	p := policy.Observe()
	for _, call := range []string{"shmget", "semget", "msgget", "mq_open", "socket", "socketpair"} {
		p.Rules = slices.Insert(p.Rules, 0, policy.Rule{Call: call, Do: policy.Action{Kind: policy.Deny, Errno: uint16(syscall.ENOSYS)}})
	}
	return p
}

// TestPooledMany proves that runs at once get containers of their own.
func TestPooledMany(t *testing.T) {
	runner := pooled(t, belljar.Auto, 4)
	args := testkit.Program(t, "c/hello", "dynamic")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				var out strings.Builder
				res, err := runner.Run(context.Background(), belljar.Command{Args: args, Stdout: &out})
				if err != nil {
					t.Error(err)
				} else if res.Verdict != belljar.OK || out.Len() == 0 {
					t.Errorf("%+v, output %q", brief(res), out.String())
				}
			}
		})
	}
	all.Wait()
}

// TestPooledHoldsNothing proves that a launch which waits for its program keeps
// nothing open that this process has open: who reads from a pipe of it learns
// that it was closed.
func TestPooledHoldsNothing(t *testing.T) {
	runner := pooled(t, belljar.NoOne, 2)
	for range 4 {
		var readers, writers []*os.File
		for range 60 { // the numbers that a launch uses are among theirs
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			readers, writers = append(readers, r), append(writers, w)
		}
		// The next launch begins when one is over, and the second one waits for that.
		for range 2 {
			if res, err := runner.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}); err != nil || res.Verdict != belljar.OK {
				t.Fatalf("%+v, %v", res, err)
			}
		}
		for _, w := range writers {
			w.Close()
		}
		for _, r := range readers {
			r.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.ReadAll(r); err != nil {
				t.Errorf("descriptor %d: %v", r.Fd(), err)
			}
			r.Close()
		}
	}
}

// TestPooledFiles proves that a program which a launch was waiting for has the
// files, limits and mask that were asked for, and no others.
func TestPooledFiles(t *testing.T) {
	testkit.Parked(t)
	umask := 0o027
	runner := belljar.NewRunner(belljar.Options{Policy: policy.Observe(), Supervisor: belljar.NoOne, Unshare: belljar.On, Containers: 1,
		Umask: &umask, Limits: belljar.Limits{Files: 64, Stack: 1 << 20, Output: 1 << 20}})
	defer runner.Close()
	const script = `umask; ulimit -n; ulimit -Hs; ulimit -c; ls /proc/self/fd; cat <&3; grep -E "Sig(Blk|Ign)|Cap(Eff|Bnd)|NoNewPrivs|Uid|Groups" /proc/self/status`
	want := "0027\n64\n1024\n0\n0\n1\n2\n3\n4\nhello\nUid:\t65534\t65534\t65534\t65534\nGroups:\t \n" +
		"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\n"
	for i := range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		w.WriteString("hello\n")
		w.Close()
		var out strings.Builder
		res, err := runner.Run(context.Background(), belljar.Command{Args: []string{"/bin/sh", "-c", script}, Stdout: &out, Stderr: &out,
			Files: []*os.File{r}, Env: []string{"PATH=/bin:/usr/bin"}})
		r.Close()
		if err != nil || res.Verdict != belljar.OK || out.String() != want {
			t.Errorf("run %d: %+v, %v, output %q, want %q", i, brief(res), err, out.String(), want)
		}
	}
}

// TestPooledPlace proves that a program which lies where the root shows nothing
// finds in a container what it finds in a new sandbox: itself, no trace of
// another's program, and nothing that it could change.
func TestPooledPlace(t *testing.T) {
	testkit.Parked(t)
	top, err := os.MkdirTemp("/var/tmp", "belljar-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(top)
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	const script = "#!/bin/sh\ncd /; for d in var tmp belljar-test-* $1; do cd $d; pwd; ls -lA --time-style=+; mkdir new; done 2>&1; echo $$ >&2\n"
	for _, name := range []string{"one", "two"} {
		if err := os.Mkdir(top+"/"+name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(top+"/"+name+"/program", []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := 0
	for _, id := range []*int{nil, &root} {
		fresh := belljar.Options{Policy: policy.Observe(), Supervisor: belljar.NoOne, Unshare: belljar.On, UID: id, GID: id}
		parked := fresh
		parked.Containers = 1
		a, b := belljar.NewRunner(fresh), belljar.NewRunner(parked)
		defer a.Close()
		defer b.Close()
		for i, name := range []string{"one", "two", "one", "one", "two"} {
			var outs, numbers [2]strings.Builder
			for j, r := range []*belljar.Runner{a, b} {
				res, err := r.Run(context.Background(), belljar.Command{Args: []string{top + "/" + name + "/program", name}, Stdout: &outs[j], Stderr: &numbers[j]})
				if err != nil || res.Verdict != belljar.OK {
					t.Errorf("%s: %+v, %v", name, brief(res), err)
				}
			}
			if want, got := outs[0].String(), outs[1].String(); got != want || strings.Count(want, "Read-only file system") != 4 {
				t.Errorf("run %d of %s: in a new sandbox %s\nin a container %s", i, name, want, got)
			}
			if first := numbers[0].String(); i > 0 && numbers[1].String() == first {
				t.Errorf("run %d of %s: process %s in a new sandbox and in a container", i, name, first)
			}
		}
	}
}

// TestPooledElsewhere proves that a program which no container could show runs
// all the same.
func TestPooledElsewhere(t *testing.T) {
	runner := pooled(t, belljar.NoOne, 1)
	for _, args := range [][]string{{"/bin/true"}, append(testkit.Program(t, "c/exit", "dynamic"), "0"), {"/bin/true"}} {
		res, err := runner.Run(context.Background(), belljar.Command{Args: args, Dir: "/usr"})
		if err != nil || res.Verdict != belljar.OK {
			t.Errorf("%s: %+v, %v", args, res, err)
		}
	}
}

// TestPooledClose proves that a runner can be closed while its containers are
// prepared for runs that do not come.
func TestPooledClose(t *testing.T) {
	testkit.Parked(t)
	args := testkit.Program(t, "c/hello", "static")
	for range 20 {
		r := belljar.NewRunner(belljar.Options{Policy: policy.Observe(), Supervisor: belljar.NoOne, Unshare: belljar.On, Containers: 2})
		for range 2 {
			if res, err := r.Run(context.Background(), belljar.Command{Args: args}); err != nil || res.Verdict != belljar.OK {
				t.Errorf("%+v, %v", brief(res), err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPooledCancelled proves that a run which was ended at whatever moment of its
// start leaves none of its files to the next program in the container.
func TestPooledCancelled(t *testing.T) {
	testkit.Parked(t)
	p := policy.Judge()
	runner := belljar.NewRunner(belljar.Options{Policy: p, Supervisor: belljar.NoOne, Unshare: belljar.On, Cgroup: belljar.Off, Containers: 1})
	defer runner.Close()
	args := testkit.Program(t, "c/echo", "dynamic")
	dice := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		timer := time.AfterFunc(time.Duration(dice.IntN(1000))*time.Microsecond, cancel)
		_, err := runner.Run(ctx, belljar.Command{Args: args, Stdin: strings.NewReader("another's\n"), Stdout: io.Discard})
		if timer.Stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		cancel()
		var out strings.Builder
		want := fmt.Sprintf("own %d\n", i)
		res, err := runner.Run(context.Background(), belljar.Command{Args: args, Stdin: strings.NewReader(want), Stdout: &out})
		if err != nil || res.Verdict != belljar.OK || out.String() != want {
			t.Fatalf("run %d: %+v, %v, output %q, want %q", i, brief(res), err, out.String(), want)
		}
	}
}
