package landlock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

// The test binary is also the program in the domain: with this argument it
// tries what the others say and prints how each went.
const victimArg = "landlock-victim"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == victimArg {
		for _, op := range os.Args[2:] {
			fmt.Println(outcome(attempt(strings.Fields(op))))
		}
		os.Exit(0)
	}
	launch.Self() // keeps a descriptor
	testkit.Main(m)
}

func outcome(err error) string {
	var errno syscall.Errno
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &errno):
		for name, e := range map[string]syscall.Errno{"EACCES": syscall.EACCES, "EXDEV": syscall.EXDEV, "EPERM": syscall.EPERM,
			"ENOENT": syscall.ENOENT, "ECONNREFUSED": syscall.ECONNREFUSED, "EROFS": syscall.EROFS} {
			if e == errno {
				return name
			}
		}
	}
	return err.Error()
}

// attempt makes the system calls of one operation.
func attempt(op []string) error {
	arg := op[1]
	open := func(name string, flags int) error {
		fd, err := syscall.Open(name, flags, 0o644)
		if err == nil {
			syscall.Close(fd)
		}
		return err
	}
	switch op[0] {
	case "read":
		return open(arg, syscall.O_RDONLY)
	case "list":
		return open(arg, syscall.O_RDONLY|syscall.O_DIRECTORY)
	case "write":
		return open(arg, syscall.O_WRONLY)
	case "create":
		return open(arg, syscall.O_RDWR|syscall.O_CREAT|syscall.O_EXCL)
	case "truncate":
		return syscall.Truncate(arg, 1)
	case "mkdir":
		return syscall.Mkdir(arg, 0o755)
	case "rmdir":
		return syscall.Rmdir(arg)
	case "unlink":
		return syscall.Unlink(arg)
	case "symlink":
		return syscall.Symlink("x", arg)
	case "fifo":
		return syscall.Mkfifo(arg, 0o644)
	case "rename":
		return syscall.Rename(arg, op[2])
	case "link":
		return syscall.Link(arg, op[2])
	case "run":
		_, err := syscall.ForkExec(arg, []string{arg}, &syscall.ProcAttr{})
		return err
	case "ioctl": // opened with access mode 3, which is good for ioctls only
		fd, err := syscall.Open(arg, 3, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		const rndGetEntCnt = 0x80045200
		if _, errno := sys.Probe(syscall.SYS_IOCTL, uintptr(fd), rndGetEntCnt, 0); errno != 0 && errno != syscall.EFAULT {
			return errno
		}
		return nil
	}
	return attemptOutside(op[0], arg)
}

// attemptOutside reaches for other processes.
func attemptOutside(op, arg string) error {
	n, _ := strconv.Atoi(arg)
	switch op {
	case "connect", "bind":
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		addr := &syscall.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}}
		if op == "bind" {
			return syscall.Bind(fd, addr)
		}
		return syscall.Connect(fd, addr)
	case "abstract", "unix":
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		return syscall.Connect(fd, &syscall.SockaddrUnix{Name: arg})
	case "signal":
		return syscall.Kill(n, 0)
	case "child": // one of its own, through its process group
		pid, err := syscall.ForkExec(arg, []string{arg, "5"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Setpgid: true}})
		if err != nil {
			return err
		}
		if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
			return err
		}
		_, err = syscall.Wait4(pid, nil, 0, nil)
		return err
	}
	return errors.New("no such operation: " + op)
}

// users are who the program runs as.
func users() []int {
	if os.Geteuid() == 0 {
		return []int{0, testkit.Nobody}
	}
	return []int{os.Geteuid()}
}

// needABI skips the test on a kernel that lacks what it is about.
func needABI(t testing.TB, abi int) {
	t.Helper()
	if have := kernelABI(); have < abi {
		t.Skipf("the kernel speaks Landlock ABI %d, the test needs %d", have, abi)
	}
}

var kernelABI = sync.OnceValue(kernel.LandlockABI)

// victim is the test binary where everybody can execute it.
func victim(t testing.TB) string {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(testkit.Dir(t), "victim")
	if err := os.WriteFile(name, self, 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

// inDomain runs the program with the ruleset and nothing else of Belljar's,
// and returns what became of each operation.
func inDomain(t testing.TB, r Ruleset, uid int, dir, program string, ops ...string) []string {
	t.Helper()
	return inDomainWith(t, r, uid, dir, nil, program, ops...)
}

func inDomainWith(t testing.TB, r Ruleset, uid int, dir string, input *os.File, program string, ops ...string) []string {
	t.Helper()
	out, err := start(t, r.Steps(), uid, dir, input, append([]string{program, victimArg}, ops...))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != len(ops) {
		t.Fatalf("%d operations, output %q", len(ops), out)
	}
	return lines
}

// start runs a program to its end; without an input that is empty.
func start(t testing.TB, steps []launch.Step, uid int, dir string, input *os.File, args []string) (string, error) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if d := sys.Dumpable(); d == 1 {
		defer sys.SetDumpable(d)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	token, err := launch.NewToken(args[0], args, []string{"GODEBUG="})
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	life, err := launch.Self()
	if err != nil {
		t.Fatal(err)
	}
	if input == nil {
		if input, err = os.Open(os.DevNull); err != nil {
			t.Fatal(err)
		}
		defer input.Close()
	}
	prog := launch.Program{Dir: dir, Umask: 0o22, Parent: life, Token: token, Restrict: steps,
		SetIDs: os.Geteuid() == 0, UID: uid, GID: uid, Privileged: os.Geteuid() == 0,
		Files: []int{int(input.Fd()), int(w.Fd()), int(w.Fd())}}
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
	out, _ := io.ReadAll(r)
	if _, err := sys.WaitPID(p.PID(), nil); err != nil {
		t.Fatal(err)
	}
	return string(out), failure
}

// parse reads a policy whose files section is given, for a program that may
// make any call.
func parse(t testing.TB, files string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse("test.yaml", []byte("version: 1\ndefault: allow\n"+files))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
