package launch

import (
	"crypto/rand"
	"encoding/binary"
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
	filter Slot // filled when the first half's last call has been made

	ours, theirs int // a socket by which the process gets descriptors
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
	"futex": true, "recvmsg": true, "mkdirat": true, "mknodat": true, "openat": true, "openat2": true, "move_mount": true,
	"umask": true, "prlimit64": true, "setgroups": true, "setresgid": true, "setresuid": true, "capset": true, "prctl": true,
	"ppoll": true, "landlock_add_rule": true, "landlock_restrict_self": true, "close_range": true, "rt_sigprocmask": true, "execve": true,
}

// NewStandby returns a standby that is not started.
func NewStandby() (*Standby, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	var dice [8]byte
	rand.Read(dice[:])
	return &Standby{Pass: binary.NativeEndian.Uint64(dice[:]), ours: pair[0], theirs: pair[1]}, nil
}

// Process returns the first half. Domain makes a Landlock ruleset, if it is not
// nil, and leaves it in the slot.
func (s *Standby) Process(dir string, life *Lifeline, filters [][]byte, domain []Step, ruleset *Slot) *Process {
	if s.first != nil {
		return s.first
	}
	closeLower := Step{Name: "close_range", Nr: sys.SysCloseRange, Args: []Arg{Int(0), Int(StandbyFree), Int(0)}}
	steps := life.Steps()
	steps = append(steps, Step{Name: "setsid", Nr: syscall.SYS_SETSID}, joinSession())
	steps = append(steps, keep([]Arg{Int(s.theirs), Int(life.pidfd)}, []int{standbySocket, standbyParent})...)
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
	pass := uintptr(s.Pass)
	for _, filter := range filters {
		steps = append(steps, filterStep(filter, nil))
	}
	steps[len(steps)-1].Into = &s.filter
	s.filter.word = sys.None
	steps = append(steps,
		Step{Name: "await supervisor", Await: &s.Gate, Args: []Arg{{}, {}, {}, {}, {}, {n: pass}}},
		Step{Name: "go on", Resume: true})
	s.first = &Process{Name: "program", Steps: steps}
	return s.first
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

// Arrived reports whether the first half is over.
func (s *Standby) Arrived() bool { return sys.LoadWord(&s.filter.word) != sys.None }

// Failed waits until the process is dead and returns the error of the step that
// ended it, if one did.
func (s *Standby) Failed() error { return s.Launch.Wait(s.first) }

// Started gives up what only the process needs.
func (s *Standby) Started() { s.give(&s.theirs) }

// Close gives up the socket. The process must have gone on, or be dead.
func (s *Standby) Close() {
	s.give(&s.ours)
	s.give(&s.theirs)
}

func (s *Standby) give(fd *int) {
	if *fd >= 0 {
		syscall.Close(*fd)
	}
	*fd = -1
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
