package follow_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/follow"
	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
)

// followed is a run of c/affinity.
type followed struct {
	t    *testing.T
	in   io.WriteCloser
	out  *bufio.Reader
	done chan struct{}
}

// way is how a program comes to trap.
type way struct {
	name       string
	supervisor belljar.Supervisor
	policy     *policy.Policy
	watch      supervise.Watcher
}

var ways = []way{
	{"ptrace", belljar.Ptrace, policy.Compile(), nil},
	{"notify", belljar.Notify, policy.Compile(), nil},
	{"watched", belljar.Ptrace, &policy.Policy{Default: policy.Action{Kind: policy.Allow}}, watcher{}},
}

// watcher watches all calls.
type watcher struct{}

func (watcher) Watches(string) bool                                  { return true }
func (watcher) Entered(*supervise.Trap)                              {}
func (watcher) Returned(*supervise.Trap, supervise.Decision, uint64) {}
func (watcher) Signalled(pid, tid int, s supervise.SignalInfo)       {}
func (watcher) Forked(pid, tid, child int, thread bool)              {}
func (watcher) Executed(pid, former int)                             {}
func (watcher) Ended(pid, tid int, status syscall.WaitStatus)        {}

// each runs a test in every way.
func each(t *testing.T, f func(*testing.T, way)) {
	for _, by := range ways {
		t.Run(by.name, func(t *testing.T) {
			if by.supervisor == belljar.Notify {
				testkit.Notify(t)
			}
			f(t, by)
		})
	}
}

func startFollowed(t *testing.T, by way) *followed {
	t.Helper()
	in, stdin := pipe(t)
	stdout, out := pipe(t)
	f := &followed{t, stdin, bufio.NewReader(stdout), make(chan struct{})}
	cmd := belljar.Command{Args: append(testkit.Program(t, "c/affinity", "static"), "/etc/ld.so.cache"), Stdin: in, Stdout: out}
	opts := belljar.Options{Policy: by.policy, Supervisor: by.supervisor, Watch: by.watch, Unshare: belljar.Off, Limits: belljar.Limits{Wall: 10 * time.Minute}}
	go func() {
		defer close(f.done)
		res, err := belljar.Run(context.Background(), cmd, opts)
		if err != nil || res.Verdict != belljar.OK {
			t.Errorf("%+v, %+v, %v", res, res.Violation, err)
		}
		out.Close()
	}()
	t.Cleanup(f.end)
	return f
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Close()
		w.Close()
	})
	return r, w
}

func (f *followed) end() {
	f.in.Close()
	<-f.done
}

// do tells the program to do one thing and returns what it prints.
func (f *followed) do(letter string) int {
	f.t.Helper()
	if _, err := io.WriteString(f.in, letter); err != nil {
		f.t.Fatal(err)
	}
	line, err := f.out.ReadString('\n')
	if err != nil {
		f.t.Fatalf("after %s: %v", letter, err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// burst makes the program trap until it is held, and returns its number. One
// burst may not do: whenever another thread answers, its turn begins anew.
func (f *followed) burst() (pid int) {
	f.t.Helper()
	for range 50 {
		pid = f.do("b")
		if held := cpus(f.t, pid); held.Count() == 1 {
			return pid
		}
	}
	f.t.Fatal("no burst leaves the program one CPU")
	return pid
}

// cpus is what the kernel keeps a process on.
func cpus(t *testing.T, pid int) sys.CPUs {
	t.Helper()
	c, errno := sys.Affinity(pid)
	if errno != 0 {
		t.Fatal(errno)
	}
	return c
}

// several returns the CPUs of this process, which must be more than one.
func several(t *testing.T) sys.CPUs {
	t.Helper()
	all := cpus(t, 0)
	if all.Count() < 2 {
		t.Skip("there is one CPU")
	}
	return all
}

// TestFollow proves that a program which traps in a burst is held on one CPU,
// that neither it nor its threads and children see this, and that it is let go
// for good where it could see it later or looks after its affinity itself.
func TestFollow(t *testing.T) {
	all := several(t)
	follow.Early(t)
	each(t, func(t *testing.T, by way) {
		for _, tt := range []struct {
			letters string
			want    int  // what the program prints for each
			left    int  // how many CPUs it has afterwards
			again   bool // the next burst is followed
		}{
			{"o", all.Count(), all.Count(), true},
			{"c", all.Count(), all.Count(), true},
			{"t", all.Count(), all.Count(), true},
			{"s", all.Count(), all.Count(), false},
			{"1oct", 1, 1, false},
		} {
			t.Run(tt.letters, func(t *testing.T) {
				f := startFollowed(t, by)
				pid := f.burst()
				if n := follow.Taken(); n != 1 {
					t.Fatalf("%d CPUs are used", n)
				}
				for _, letter := range tt.letters {
					if got := f.do(string(letter)); got != tt.want {
						t.Errorf("%c: the program sees %d CPUs, want %d", letter, got, tt.want)
					}
				}
				f.do("o") // lets it go
				if left := cpus(t, pid); left.Count() != tt.left || tt.left > 1 && left != all {
					t.Errorf("%d CPUs are left, want %d", left.Count(), tt.left)
				}
				if tt.again {
					f.burst()
				} else if f.do("b"); follow.Taken() != 0 {
					t.Error("the program is followed again")
				}
				f.end()
				if n := follow.Taken(); n != 0 {
					t.Errorf("%d CPUs are used after the run", n)
				}
			})
		}
	})
}

// TestFollowMutants switches off, one after the other, what keeps a hold from the program's
// eyes: it sees that it may use one CPU.
func TestFollowMutants(t *testing.T) {
	several(t)
	follow.Early(t)
	each(t, func(t *testing.T, by way) {
		for _, tt := range []struct {
			without func(*testing.T)
			letter  string
		}{
			{follow.WithoutRelease, "o"},
			{follow.WithoutRelease, "s"},
			{follow.WithoutJoined, "c"},
			{follow.WithoutJoined, "t"},
		} {
			t.Run(tt.letter, func(t *testing.T) {
				if tt.letter == "t" && by.supervisor == belljar.Notify && !kernel.Mseal.Have() {
					t.Skip("the kernel lacks mseal (Linux 6.10): what maps a thread's stack stops for the tracer, and that alone lets the program go")
				}
				tt.without(t)
				f := startFollowed(t, by)
				f.burst()
				if got := f.do(tt.letter); got != 1 {
					t.Errorf("the program sees %d CPUs", got)
				}
			})
		}
	})
}

// TestFollowChild proves that of several processes the one that traps is held, and
// that one which waits for it keeps its CPUs.
func TestFollowChild(t *testing.T) {
	all := several(t)
	follow.Early(t)
	each(t, func(t *testing.T, by way) {
		f := startFollowed(t, by)
		parent := f.burst()
		if got := f.do("f"); got != parent {
			t.Fatalf("the child's parent is %d, want %d", got, parent)
		}
		child := f.burst()
		if held, waits := cpus(t, child), cpus(t, parent); held.Count() != 1 || waits != all {
			t.Errorf("the child has %d CPUs, its parent %d", held.Count(), waits.Count())
		}
		if got := f.do("o"); got != all.Count() {
			t.Errorf("the child sees %d CPUs", got)
		}
	})
}

// TestFollowApart proves that no two programs are held on one CPU.
func TestFollowApart(t *testing.T) {
	several(t)
	follow.Early(t)
	on := make(map[string]bool)
	held := 0
	for range 4 {
		f := startFollowed(t, ways[0])
		c := cpus(t, f.do("b"))
		if c.Count() == 1 {
			held++
			on[fmt.Sprint(c)] = true
		}
	}
	if held == 0 || held != len(on) || held != follow.Taken() {
		t.Errorf("%d programs are held on %d CPUs, of which %d are said to be used", held, len(on), follow.Taken())
	}
}

// TestFollowPause proves that a program which traps no more gets its CPUs back.
func TestFollowPause(t *testing.T) {
	all := several(t)
	each(t, func(t *testing.T, by way) {
		f := startFollowed(t, by)
		pid := f.do("b")
		for cpus(t, pid) != all { // the tests' own limit ends it
			time.Sleep(time.Millisecond)
		}
	})
}
