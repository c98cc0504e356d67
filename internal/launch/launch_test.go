package launch_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// start runs a program through a launch and returns what it wrote, its wait
// status and the launch's error.
func start(t *testing.T, change func(*launch.Program), path string, args ...string) (string, syscall.WaitStatus, error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	token, err := launch.NewToken(path, append([]string{path}, args...), []string{"A=b"})
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	life, err := launch.Self()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	prog := launch.Program{Dir: "/", Umask: 0o22, Parent: life, Token: token,
		Files:  []int{int(null.Fd()), int(w.Fd()), int(w.Fd())},
		Limits: []launch.Rlimit{{Resource: sys.RlimitCore, Name: "RLIMIT_CORE"}}}
	if change != nil {
		change(&prog)
	}
	p := prog.Process()
	l, err := launch.Prepare(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	failure := l.Wait(p)
	buf := make([]byte, 1<<16)
	n := 0
	for {
		k, err := r.Read(buf[n:])
		n += k
		if err != nil {
			break
		}
	}
	st, err := sys.WaitPID(p.PID(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n]), st, failure
}

func TestLaunch(t *testing.T) {
	out, st, err := start(t, nil, "/bin/sh", "-c", `echo $A; ls /proc/self/fd; umask; ulimit -c; grep -E "Sig(Ign|Blk)|NoNewPrivs|CapEff" /proc/self/status; exit 7`)
	if err != nil || st.ExitStatus() != 7 {
		t.Fatalf("status %v, error %v, output %s", st, err, out)
	}
	want := "b\n0\n1\n2\n3\n0022\n0\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\n"
	if out != want {
		t.Errorf("output\n%s want\n%s", out, want)
	}
}

func TestFailedStep(t *testing.T) {
	tests := []struct {
		name   string
		change func(*launch.Program)
		path   string
		step   string
		errno  syscall.Errno
	}{
		{"missing program", nil, "/nonexistent/program", "execve", syscall.ENOENT},
		{"directory as program", nil, "/", "execve", syscall.EACCES},
		{"missing directory", func(p *launch.Program) { p.Dir = "/nonexistent" }, "/bin/true", "chdir", syscall.ENOENT},
		{"bad file", func(p *launch.Program) { p.Files = append(p.Files, 1000) }, "/bin/true", "dup3", syscall.EBADF},
		{"bad filter", func(p *launch.Program) { p.Filters = [][]byte{make([]byte, 8)} }, "/bin/true", "seccomp", syscall.EINVAL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, st, err := start(t, tt.change, tt.path)
			var se *launch.StepError
			if !errors.As(err, &se) || se.Step != tt.step || se.Errno != tt.errno {
				t.Errorf("error %v, want step %s: %v", err, tt.step, tt.errno)
			}
			if st.ExitStatus() != 127 {
				t.Errorf("status %v, want exit 127", st)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	token, err := launch.NewToken("/bin/true", []string{"true"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	life, _ := launch.Self()
	p := launch.Program{Dir: "/w", Files: []int{0, 1, 2}, Parent: life, Token: token, Privileged: true, SetIDs: true, UID: 65534, GID: 65534}
	text := strings.Join(p.Process().Explain(), "\n")
	for _, want := range []string{`chdir("/w")`, "setresuid(65534, 65534, 65534)", `rt_sigaction(1, SIG_DFL, NULL, 8) ... rt_sigaction(64, SIG_DFL, NULL, 8)  (64 calls)`, `execve("/bin/true"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestConditionalSteps opens one of two files, whichever is there, and passes
// on a descriptor inside a struct.
func TestConditionalSteps(t *testing.T) {
	open := func(into, unless *launch.Slot, name string) launch.Step {
		return launch.Step{Name: "openat", Nr: syscall.SYS_OPENAT, Into: into, Unless: unless, OK: []syscall.Errno{syscall.ENOENT},
			Args: []launch.Arg{launch.Int(0), launch.String(name), launch.Int(sys.OPath)}}
	}
	for _, name := range []string{"/", "/nonexistent"} {
		one, record := launch.Record(7, "record")
		two := new(launch.Slot)
		steps := []launch.Step{
			open(one, nil, name),
			open(two, one, "/dev"),
			{Name: "fchdir", Nr: syscall.SYS_FCHDIR, If: two, Args: []launch.Arg{launch.Result(two, "<two>")}},
			{Name: "write", Nr: syscall.SYS_WRITE, Args: []launch.Arg{launch.Int(1), record, launch.Int(12)}},
		}
		out, _, err := start(t, func(p *launch.Program) { p.Restrict = steps }, "/bin/pwd")
		if err != nil {
			t.Fatal(err)
		}
		want := "\x07\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00/\n"
		if name != "/" {
			want = "\x07\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff/dev\n"
		}
		if out != want {
			t.Errorf("%s: output %q, want %q", name, out, want)
		}
		p := launch.Process{Name: "p", Steps: steps}
		if lines := p.Explain(); len(lines) != 3 {
			t.Errorf("a step and those that depend on it are not one line: %q", lines)
		}
	}
}

// TestLateLimit proves that a limit on descriptors leaves the launch room.
func TestLateLimit(t *testing.T) {
	nofile := launch.Rlimit{Resource: sys.RlimitNofile, Name: "RLIMIT_NOFILE", Value: 5}
	open := launch.Step{Name: "openat", Nr: syscall.SYS_OPENAT, Args: []launch.Arg{launch.Int(0), launch.String("/"), launch.Int(sys.OPath | syscall.O_CLOEXEC)}}
	out, _, err := start(t, func(p *launch.Program) {
		p.Limits = append(p.Limits, nofile)
		p.Restrict = []launch.Step{open, open, open}
	}, "/bin/sh", "-c", "ulimit -n")
	if err != nil || out != "5\n" {
		t.Errorf("error %v, output %q", err, out)
	}
}
