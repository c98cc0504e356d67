package unshare

import (
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// sleeper tells this test program to be a Belljar that runs a sandbox around
// sleep and waits to be killed.
const sleeper = "UNSHARE_TEST_SLEEPER"

// ownSpec is the sandbox that this process may make, for the user that a
// program gets: as root nobody, else the own one.
func ownSpec() Spec {
	user, _ := Available()
	s := Spec{User: user, UID: os.Getuid(), GID: os.Getgid()}
	if os.Geteuid() == 0 {
		s.UID, s.GID = nobody, nobody
	}
	return s
}

// outcome is what became of a program.
type outcome struct {
	out    string
	status syscall.WaitStatus
	orphan syscall.Rusage // of what init reaped
}

// run runs a program in a sandbox to its end. The error is the launch's.
func run(t testing.TB, s Spec, args ...string) (outcome, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	// The program may open its standard output by name only if it owns it.
	if err := w.Chown(s.UID, s.GID); err != nil {
		t.Fatal(err)
	}
	p := newProgram(t, s, w, args...)
	defer p.close()
	if p.err != nil {
		return outcome{}, p.err
	}
	var o outcome
	failure := p.launch.Wait(p.box.Program)
	w.Close()
	if o.status, err = sys.WaitPID(p.box.Program.PID(), nil); err != nil {
		t.Fatal(err)
	}
	if o.orphan, err = p.box.End(); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	o.out = string(out)
	return o, failure
}

// started is a program in a sandbox, started by the calling thread, which
// stays locked until close.
type started struct {
	box    *Sandbox
	launch *launch.Launch
	token  *launch.Token
	null   *os.File
	err    error // of the sandbox
}

func newProgram(t testing.TB, s Spec, w *os.File, args ...string) *started {
	t.Helper()
	runtime.LockOSThread()
	p := &started{}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	p.token, err = launch.NewToken(args[0], args, []string{"PATH=/usr/bin:/bin", "LC_ALL=C"})
	must(err)
	life, err := launch.Self()
	must(err)
	p.null, err = os.Open(os.DevNull)
	must(err)
	prog := launch.Program{Dir: "/", Umask: 0o22, Parent: life, Token: p.token,
		Files: []int{int(p.null.Fd()), int(w.Fd()), int(w.Fd())}, Privileged: true,
		SetIDs: os.Geteuid() == 0, UID: s.UID, GID: s.GID}
	if p.box, p.err = s.Sandbox(prog.Process(), life); p.err != nil {
		return p
	}
	p.launch, err = launch.Prepare(p.box.Process)
	must(err)
	must(p.launch.Start())
	p.err = p.box.Ready(p.launch)
	return p
}

func (p *started) close() {
	p.null.Close()
	p.token.Close()
	runtime.UnlockOSThread()
}
