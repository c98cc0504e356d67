package cgroup

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/internal/testkit"
)

// TestMain opens first what Belljar opens once and keeps, which is no leak.
func TestMain(m *testing.M) {
	if _, err := launch.Self(); err != nil {
		panic(err)
	}
	testkit.Main(m)
}

// host returns the tree of this host, or skips the test where this user may
// not make groups that limit memory.
func host(t testing.TB) *Tree {
	t.Helper()
	tree, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	if can := tree.Can(); !can.Limit || !can.Tasks || !can.Time || !can.Kill {
		why, fix := tree.Why()
		t.Skipf("no cgroups for this user: %s (%s)", why, fix)
	}
	return tree
}

// group makes a group that is removed, and looked for, at the end of the test.
func group(t testing.TB, tree *Tree, l Limits) *Group {
	t.Helper()
	g, err := tree.New(l)
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	for _, p := range g.parts {
		dirs = append(dirs, p.dir)
	}
	t.Cleanup(func() {
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
		for _, dir := range dirs {
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is still there: %v", dir, err)
			}
		}
	})
	return g
}

// start starts a program of test/programs in a group through a launch, on a
// thread that is kept until the program has ended. wait returns its status.
func start(t *testing.T, g *Group, name string, args ...string) (wait func() syscall.WaitStatus) {
	t.Helper()
	return startProgram(t, g, append(testkit.Program(t, name, "dynamic"), args...))
}

func startProgram(t *testing.T, g *Group, args []string) (wait func() syscall.WaitStatus) {
	t.Helper()
	token, err := launch.NewToken(args[0], args, nil)
	if err != nil {
		t.Fatal(err)
	}
	life, err := launch.Self()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	program := launch.Program{Dir: "/", Files: []int{int(null.Fd()), int(null.Fd()), 2}, Parent: life, Token: token}
	p := program.Process()
	if g != nil {
		g.Enter(p)
	}
	l, err := launch.Prepare(p)
	if err != nil {
		t.Fatal(err)
	}
	started, ended := make(chan error), make(chan syscall.WaitStatus, 1)
	go func() {
		runtime.LockOSThread()
		if err := l.Start(); err != nil {
			started <- err
			return
		}
		started <- l.Wait(p)
		status, err := sys.WaitPID(p.PID(), nil)
		if err != nil {
			t.Errorf("wait: %v", err)
		}
		ended <- status
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { token.Close(); null.Close() })
	return func() syscall.WaitStatus { return <-ended }
}

// TestEnter proves that a launched program is in the group in every hierarchy
// from its first instruction on.
func TestEnter(t *testing.T) {
	tree := host(t)
	g := group(t, tree, Limits{Memory: 64 << 20, PIDs: 10})
	wait := start(t, g, "c/sleep", "100")
	for _, p := range g.parts {
		if n := len(tree.words(p.dir, "cgroup.procs")); n != 1 {
			t.Errorf("%s has %d processes, want 1", p.dir, n)
		}
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	if status := wait(); status.Signal() != syscall.SIGKILL {
		t.Errorf("status %#x, want SIGKILL", status)
	}
}

// TestMemory proves that the limit holds, that its event tells of it, that a
// peak is kept after memory was freed, and that it is not this process's.
func TestMemory(t *testing.T) {
	fat := make([]byte, 256<<20)
	for i := 0; i < len(fat); i += 4096 {
		fat[i] = 1
	}
	tests := []struct {
		args      []string
		limit     int64
		oom       bool
		low, high int64 // of the peak, MiB
	}{
		{[]string{"none", "0"}, 64 << 20, false, 0, 3},
		{[]string{"keep", "40"}, 64 << 20, false, 40, 44},
		{[]string{"free", "40"}, 64 << 20, false, 40, 44},
		{[]string{"child", "40"}, 64 << 20, false, 40, 44},
		{[]string{"keep", "100"}, 64 << 20, true, 60, 64},
		{[]string{"child", "100"}, 64 << 20, true, 60, 64},
		{[]string{"keep", "100"}, 0, false, 100, 106},
	}
	tree := host(t)
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			g := group(t, tree, Limits{Memory: tt.limit})
			start(t, g, "c/memory", tt.args...)()
			events, err := g.Events()
			if err != nil || events.MemoryLimit() != tt.oom {
				t.Errorf("events %+v, %v; want memory limit %v", events, err, tt.oom)
			}
			u, err := g.Usage()
			if err != nil {
				t.Fatal(err)
			}
			if u.MemorySource == "" && tree.With(Memory).Version == 2 {
				t.Skip("memory.peak came with Linux 5.19")
			}
			if mib := u.MemoryPeak >> 20; mib < tt.low || mib > tt.high {
				t.Errorf("peak %d bytes, want %d to %d MiB", u.MemoryPeak, tt.low, tt.high)
			}
		})
	}
	runtime.KeepAlive(fat)
}

// TestTime proves that the CPU time of children that nobody waited for is
// counted, in user and system time.
func TestTime(t *testing.T) {
	for _, mode := range []string{"self", "threads", "child", "orphan"} {
		t.Run(mode, func(t *testing.T) {
			tree := host(t)
			g := group(t, tree, Limits{})
			start(t, g, "c/cpu", mode, "0.1")()
			u, err := g.Usage()
			if err != nil {
				t.Fatal(err)
			}
			if u.CPU < 99*time.Millisecond || u.CPU > 5*time.Second || u.User+u.System != u.CPU || u.CPUSource == "" {
				t.Errorf("%+v, want at least 100ms", u)
			}
		})
	}
}

// TestPIDs proves that a fork bomb ends at the limit.
func TestPIDs(t *testing.T) {
	tree := host(t)
	g := group(t, tree, Limits{PIDs: 20})
	wait := start(t, g, "c/forkbomb")
	for {
		e, err := g.Events()
		if err != nil {
			t.Fatal(err)
		}
		if e.PIDs > 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if n := len(tree.words(g.with(PIDs).dir, "cgroup.procs")); n > 20 {
		t.Errorf("%d processes, want at most 20", n)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	wait()
}

// TestKill proves that a fork bomb does not outrun being killed, by each way
// that some kernel has. Without any limit on processes, a way that has a race
// against fork is no way.
func TestKill(t *testing.T) {
	ways := []struct {
		name string
		kill func(*Tree, *Group) error
	}{
		{"as this kernel can", func(_ *Tree, g *Group) error { return g.Kill() }},
		{"frozen", func(tree *Tree, g *Group) error {
			part := g.v2() // cgroup.freeze
			if part == nil {
				part = g.with(freezer)
			}
			return tree.killEach(part.dir)
		}},
	}
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			tree := host(t)
			g := group(t, tree, Limits{PIDs: 200})
			wait := start(t, g, "c/forkbomb")
			time.Sleep(20 * time.Millisecond)
			if err := way.kill(tree, g); err != nil {
				t.Fatal(err)
			}
			wait()
			for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
				left := tree.words(g.parts[0].dir, "cgroup.procs")
				if len(left) == 0 {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("processes are left: %v", left)
				}
			}
		})
	}
}

// TestCPUs proves that bandwidth is limited: work for 100 ms takes a second at
// a tenth of a CPU.
func TestCPUs(t *testing.T) {
	tree := host(t)
	if tree.With(CPU) == nil {
		t.Skip("no cpu controller")
	}
	g := group(t, tree, Limits{CPUs: 0.1})
	begin := time.Now()
	start(t, g, "c/cpu", "self", "0.1")()
	if took := time.Since(begin); took < 700*time.Millisecond {
		t.Errorf("100ms of work at a tenth of a CPU took %v", took)
	}
}

// TestCPUSet proves that a program runs on no other CPU.
func TestCPUSet(t *testing.T) {
	tree := host(t)
	if tree.With(CPUSet) == nil {
		t.Skip("no cpuset controller")
	}
	g := group(t, tree, Limits{CPUSet: "0"})
	wait := start(t, g, "c/sleep", "100")
	pid := tree.words(g.with(CPUSet).dir, "cgroup.procs")
	status, err := os.ReadFile("/proc/" + pid[0] + "/status")
	if err != nil || !strings.Contains(string(status), "Cpus_allowed_list:\t0\n") {
		t.Errorf("%v: %s", err, status)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	wait()
}

// TestNoSuchCPU proves that a group is not made with fewer CPUs than asked for.
func TestNoSuchCPU(t *testing.T) {
	tree := host(t)
	if tree.With(CPUSet) == nil {
		t.Skip("no cpuset controller")
	}
	if g, err := tree.New(Limits{CPUSet: "0,4095"}); err == nil {
		t.Errorf("a group was made: %v", g.Remove())
	}
}

// TestAdd proves that a process that runs already can be moved.
func TestAdd(t *testing.T) {
	tree := host(t)
	g := group(t, tree, Limits{Memory: 64 << 20})
	cmd := exec.Command("/bin/sleep", "100")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Add(cmd.Process.Pid); err != nil {
		t.Error(err)
	}
	if got := tree.words(g.with(Memory).dir, "cgroup.procs"); len(got) != 1 || got[0] != strconv.Itoa(cmd.Process.Pid) {
		t.Errorf("processes %v, want %d", got, cmd.Process.Pid)
	}
	if err := g.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process was not killed")
	}
}

// TestBusy proves that a group with processes, and with groups in it, is
// removed all the same.
func TestBusy(t *testing.T) {
	tree := host(t)
	g := group(t, tree, Limits{Memory: 64 << 20})
	inner := filepath.Join(g.with(Memory).dir, "inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sleep", "100")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Add(cmd.Process.Pid); err != nil {
		t.Error(err)
	}
	reaped := make(chan error, 1)
	go func() { reaped <- cmd.Wait() }()
	if err := g.Remove(); err != nil {
		t.Error(err)
	}
	if <-reaped == nil {
		t.Error("the process was not killed")
	}
}

// TestStale proves that what a killed process left behind is removed by the
// next one, with the processes in it, and that a living process's groups, and
// what is nobody's, are left alone.
func TestStale(t *testing.T) {
	tree := host(t)
	group(t, tree, Limits{Memory: 64 << 20})
	me, err := tree.self()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sleep", "100")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	recycled := me
	recycled.start--
	elsewhere := me
	elsewhere.namespace, elsewhere.pid = 1, 1<<22
	groups := []struct {
		name string
		gone bool
	}{
		{recycled.String() + "1", true}, // the number means another process now
		{elsewhere.String() + "1", false},
		{me.String() + "9999", false},
		{"kept-" + me.String(), false},
	}
	h := tree.With(Memory)
	for i, g := range groups {
		dir := filepath.Join(h.Dir, g.name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Rmdir(dir) })
		if i == 0 {
			if err := tree.write(dir, "cgroup.procs", strconv.Itoa(cmd.Process.Pid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	reaped := make(chan error, 1)
	go func() { reaped <- cmd.Wait() }()
	next, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	group(t, next, Limits{Memory: 64 << 20})
	for _, g := range groups {
		if _, err := os.Stat(filepath.Join(h.Dir, g.name)); errors.Is(err, os.ErrNotExist) != g.gone {
			t.Errorf("%s: %v, want gone %v", g.name, err, g.gone)
		}
	}
	if <-reaped == nil {
		t.Error("the process of a stale group lives on")
	}
}

// TestUnprivileged proves that a user who may not make groups is told why,
// before anything is tried.
func TestUnprivileged(t *testing.T) {
	testkit.Unprivileged(t)
	tree, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	if tree.Can().Limit {
		t.Skip("this user has a cgroup of its own")
	}
	if why, _ := tree.Why(); why == "" {
		t.Error("no reason is given")
	}
	if g, err := tree.New(Limits{Memory: 1 << 20}); err == nil {
		g.Remove()
		t.Error("a group was made")
	}
}

// BenchmarkGroup is what a group costs a run: to make, read and remove it, and
// to start a program in it rather than outside.
func BenchmarkGroup(b *testing.B) {
	tree := host(b)
	b.Run("make-remove", func(b *testing.B) {
		for b.Loop() {
			g, err := tree.New(Limits{Memory: 64 << 20, PIDs: 20})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := g.Usage(); err != nil {
				b.Fatal(err)
			}
			if err := g.Remove(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run(fmt.Sprintf("add/clone3-%v", kernel.CloneInto.Have()), func(b *testing.B) {
		for b.Loop() {
			cmd := exec.Command("/bin/sleep", "100")
			if err := cmd.Start(); err != nil {
				b.Fatal(err)
			}
			g, err := tree.New(Limits{Memory: 64 << 20, PIDs: 20})
			if err != nil {
				b.Fatal(err)
			}
			if err := g.Add(cmd.Process.Pid); err != nil {
				b.Fatal(err)
			}
			cmd.Process.Kill()
			cmd.Wait()
			if err := g.Remove(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
