package launch

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// Standby is a launch in two halves. The first is what all programs of a kind
// have in common; its process then waits at a gate, as the user who started
// Belljar, without any descriptor but those of here. The second half comes when
// the program is known. It is made behind the program's filter already, which
// lets those calls of it that carry the standby's pass through.
type Standby struct {
	Gate   sys.Gate
	Pass   uint64
	Launch *Launch // of the first half, once it is started
	first  *Process
	steps  int      // of the first half
	armed  [][]byte // its filters
	filter Slot     // filled when the first half's last call has been made
	pass   Slot

	// A socket by which the process gets descriptors.
	ours   int
	theirs Slot
}

// Numbers of descriptors in the process, which are out of the way of those that
// its program gets.
const (
	StandbyFree   = 59 // and all below are free
	standbySocket = 60
	StandbyDomain = 61 // the Landlock ruleset, without what is known later
	standbyParent = 62 // the pidfd of Belljar
)

// StandbyFiles is how many files of the program the second half can bring.
const StandbyFiles = 40

// PassCalls are the calls that the second half makes.
var PassCalls = map[string]bool{
	"futex": true, "recvmsg": true, "mkdirat": true, "mknodat": true, "openat": true, "openat2": true, "move_mount": true, "mount_setattr": true,
	"umask": true, "prlimit64": true, "setgroups": true, "setresgid": true, "setresuid": true, "capset": true, "prctl": true,
	"ppoll": true, "landlock_add_rule": true, "landlock_restrict_self": true, "close_range": true, "rt_sigprocmask": true, "execve": true,
}

// NewStandby returns a standby that is not started.
func NewStandby() (*Standby, error) {
	s := &Standby{ours: -1, theirs: Slot{sys.None}}
	return s, s.Renew()
}

// Renew makes a standby new after its process has gone on and ended, with all of
// the first half that is the same again.
func (s *Standby) Renew() error {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	s.Close()
	s.ours, s.theirs.word = pair[0], uintptr(pair[1])
	s.Pass = newPass()
	s.Gate, s.filter.word, s.pass.word = sys.Gate{}, sys.None, uintptr(s.Pass)
	if s.Launch != nil {
		s.Launch.machine.Rest, s.Launch.flat = nil, s.Launch.flat[:s.steps]
	}
	return nil
}

// newPass draws a pass. A test that shows what chance is good for replaces it.
var newPass = func() uint64 {
	var dice [8]byte
	rand.Read(dice[:])
	return binary.NativeEndian.Uint64(dice[:])
}

// Arm sets the filters that the first half installs, arrays of struct
// sock_filter. They may differ from those before in numbers only.
func (s *Standby) Arm(filters [][]byte) {
	if s.armed == nil {
		s.armed = filters
		return
	}
	for i, f := range filters {
		copy(s.armed[i], f)
	}
}

// Process makes the first half. Domain are steps that make a Landlock ruleset
// and leave it in the slot, nil for none.
func (s *Standby) Process(dir string, life *Lifeline, domain []Step, ruleset *Slot) *Process {
	closeLower := Step{Name: "close_range", Nr: sys.SysCloseRange, Args: []Arg{Int(0), Int(StandbyFree), Int(0)}}
	steps := life.Steps()
	steps = append(steps, Step{Name: "setsid", Nr: syscall.SYS_SETSID}, joinSession())
	steps = append(steps, keep([]Arg{Result(&s.theirs, "socket"), Int(life.pidfd)}, []int{standbySocket, standbyParent})...)
	steps = append(steps, closeLower)
	steps = append(steps, DropBounding()...)
	steps = append(steps, Step{Name: "chdir", Nr: syscall.SYS_CHDIR, Args: []Arg{String(dir)}})
	steps = append(steps, resetSignals()[:1]...)
	steps = append(steps, NoNewPrivs())
	if domain != nil {
		steps = append(steps, domain...)
		steps = append(steps, keep([]Arg{Result(ruleset, "ruleset")}, []int{StandbyDomain})...)
		steps = append(steps, closeLower)
	}
	for _, filter := range s.armed {
		steps = append(steps, filterStep(filter, nil))
	}
	steps[len(steps)-1].Into = &s.filter
	steps = append(steps,
		Step{Name: "futex", Nr: syscall.SYS_FUTEX, Args: []Arg{{n: sys.WordAddress(&s.filter.word), keep: s, text: "arrived"},
			Named(sys.FutexWake, "FUTEX_WAKE"), Int(1), Null(), Null(), Result(&s.pass, "pass")}},
		Step{Name: "await supervisor", Await: &s.Gate, Args: []Arg{{}, {}, {}, {}, {}, Result(&s.pass, "pass")}},
		Step{Name: "go on", Resume: true})
	s.first = &Process{Name: "program", Steps: steps}
	return s.first
}

// Start starts the launch of which the first half is a part, on the thread that
// is to be the parent.
func (s *Standby) Start(l *Launch) error {
	s.Launch, s.steps = l, len(l.flat)
	return l.Start()
}

// keep moves descriptors to these numbers, out of each other's way first.
func keep(fds []Arg, numbers []int) []Step {
	var aside, back []Step
	for i, fd := range fds {
		slot := new(Slot)
		aside = append(aside, Step{Name: "fcntl", Nr: syscall.SYS_FCNTL, Into: slot,
			Args: []Arg{fd, Named(sys.FDupfdCloexec, "F_DUPFD_CLOEXEC"), Int(standbyParent + 1)}})
		back = append(back, Step{Name: "dup3", Nr: syscall.SYS_DUP3, Args: []Arg{Result(slot, "it"), Int(numbers[i]), Named(syscall.O_CLOEXEC, "O_CLOEXEC")}})
	}
	return append(append(aside, back...), CloseFrom(standbyParent+1))
}

// First is the process, which gets a number when it is started.
func (s *Standby) First() *Process { return s.first }

var errKilled = errors.New("killed before it could wait for a program")

// Arrive sleeps until the first half is over, and returns the error of the step
// that ended it if it is not.
func (s *Standby) Arrive() error {
	defer s.given()
	for sys.LoadWord(&s.filter.word) == sys.None {
		if !s.Waits() {
			return cmp.Or(s.Failed(), errKilled)
		}
		sys.AwaitWord(&s.filter.word)
	}
	return nil
}

// Failed waits until the process is dead and returns the error of the step that
// ended it, if one did.
func (s *Standby) Failed() error { return s.Launch.Wait(s.first) }

// given closes the process's end of the socket here.
func (s *Standby) given() {
	if s.theirs.word != sys.None {
		syscall.Close(s.theirs.Value())
	}
	s.theirs.word = sys.None
}

// Close gives up the socket. The process must have gone on, or be dead.
func (s *Standby) Close() {
	s.given()
	if s.ours >= 0 {
		syscall.Close(s.ours)
	}
	s.ours = -1
}

// Waits reports whether the process has come to the gate, or is on its way.
func (s *Standby) Waits() bool { return s.first.proc.Alive() }

// Resume tells the process how to go on once the gate is opened: to become p.
// Opening are steps that this process takes itself, to open descriptors in
// places where the other cannot; mounts use them.
func (s *Standby) Resume(p *Program, opening, mounts []Step) error {
	opened, err := take(opening)
	if err == nil {
		err = s.send(p.Files, opened)
	}
	for i, slot := range opened {
		syscall.Close(slot.Value())
		slot.word = uintptr(len(p.Files) + i)
	}
	if err != nil {
		return err
	}
	early, late, _ := p.splitLimits()
	steps := slices.Concat([]Step{s.receive(len(p.Files) + len(opened))}, mounts, []Step{p.umask()})
	for _, r := range early {
		steps = append(steps, r.step())
	}
	steps = append(steps, p.identity()...)
	again := Lifeline{standbyParent} // setresuid has cleared it
	steps = append(steps, again.Steps()...)
	steps = append(steps, p.Restrict...)
	steps = append(steps, CloseFrom(len(p.Files)))
	for _, r := range late {
		steps = append(steps, r.step())
	}
	steps = append(steps, resetSignals()[1:]...)
	return s.Launch.resume(s.first, append(steps, p.exec()), uintptr(s.Pass))
}

// take takes steps in this process and returns the slots that they filled.
func take(steps []Step) (filled []*Slot, err error) {
	for i := range steps {
		s := &steps[i]
		var a [6]uintptr
		for i, arg := range s.Args {
			a[i] = arg.value()
			if arg.slot != nil {
				a[i] = arg.slot.word
			}
		}
		r, _, errno := syscall.Syscall6(s.Nr, a[0], a[1], a[2], a[3], a[4], a[5])
		if errno != 0 {
			return filled, &StepError{Process: "namespaces", Step: s.Name, Text: s.Text(), Errno: errno}
		}
		if s.Into != nil {
			s.Into.word = r
			filled = append(filled, s.Into)
		}
	}
	return filled, nil
}

func (s *Standby) send(files []int, opened []*Slot) error {
	all := slices.Clone(files)
	for _, slot := range opened {
		all = append(all, slot.Value())
	}
	if err := syscall.Sendmsg(s.ours, []byte{0}, syscall.UnixRights(all...), nil, 0); err != nil {
		return &StepError{Process: "program", Step: "sendmsg", Text: fmt.Sprintf("sendmsg(%d descriptors)", len(all)), Errno: err.(syscall.Errno)}
	}
	return nil
}

// receive takes n descriptors from the socket. All lower numbers are free, so
// that they get those from 0 on.
func (s *Standby) receive(n int) Step {
	data, control := make([]byte, 8), make([]byte, syscall.CmsgSpace(4*n))
	iov := []uintptr{sys.Address(data), 1}
	// struct msghdr: name, its length, iovec, their number, control, its length, flags.
	message := []uintptr{0, 0, sys.Address(sys.Words(iov)), 1, sys.Address(control), uintptr(len(control)), 0}
	one := uintptr(1)
	return Step{Name: "recvmsg", Nr: syscall.SYS_RECVMSG, Must: &one, Args: []Arg{Int(standbySocket),
		{mem: sys.Words(message), keep: [][]byte{data, control, sys.Words(iov)}, text: fmt.Sprintf("%d descriptors", n)}, Int(0)}}
}

// resume appends the second half of p, whose calls carry pass where no call of
// theirs has an argument.
func (l *Launch) resume(p *Process, steps []Step, pass uintptr) error {
	if last := &steps[len(steps)-1]; !last.ends() {
		return errEnd
	}
	rest := make([]sys.Step, 0, len(steps))
	for i := range steps {
		r := steps[i].raw()
		r.Args[5] = pass
		rest = append(rest, r)
		l.flat = append(l.flat, flatStep{p, &steps[i]})
	}
	l.machine.Rest = rest
	return nil
}
