package launch

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// Standby is launches in two halves, one after another. The first half is what
// all programs of a kind have in common; its process then waits at a gate, as
// the user who started Belljar, without any descriptor but those of here. The
// second half comes when the program is known. It is made behind the program's
// filter already, which lets those calls of it that carry the standby's pass
// through.
//
// A process that stays, the stem, has done what can be done once, and forks what
// becomes the programs.
type Standby struct {
	Gate   sys.Gate // of the program's process
	Pass   uint64
	Launch *Launch // once it is started

	stem, first *Process
	turn        sys.Gate // of the stem, which forks once more when it opens
	steps       int      // of both
	armed       [][]byte // the filters, which the stem installs
	arrived     Slot     // filled when the first half's last call has been made

	// A socket by which the program's process gets descriptors.
	ours   int
	theirs Slot
}

// Numbers of descriptors in both processes, which are out of the way of those that
// the program gets.
const (
	StandbyFree   = 59 // and all below are free
	standbySocket = 60
	standbyParent = 61 // the pidfd of Belljar
	StandbyDomain = 62 // in the program's process: the Landlock ruleset, without what is known later
	StandbyAside  = 63 // and all above are the stem's own
)

// StandbyFiles is how many files of the program the second half can bring.
const StandbyFiles = 40

// PassCalls are the calls that are made behind the filter.
var PassCalls = map[string]bool{
	"futex": true, "clone": true, // the stem's own
	"prctl": true, "ppoll": true, "setsid": true, "keyctl": true, "close_range": true, "fcntl": true, "dup3": true,
	"landlock_create_ruleset": true, "landlock_add_rule": true, "landlock_restrict_self": true,
	"recvmsg": true, "mkdirat": true, "mknodat": true, "openat": true, "openat2": true, "move_mount": true, "mount_setattr": true,
	"umask": true, "prlimit64": true, "setgroups": true, "setresgid": true, "setresuid": true, "capset": true, "rt_sigprocmask": true, "execve": true,
}

// NewStandby returns a standby that is not started.
func NewStandby() (*Standby, error) {
	s := &Standby{ours: -1, theirs: Slot{sys.None}}
	return s, s.Renew()
}

// Renew makes a standby new after both of its processes have ended, with all of
// their steps that are the same again.
func (s *Standby) Renew() error {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	s.Close()
	s.ours, s.theirs.word = pair[0], uintptr(pair[1])
	s.Pass = newPass()
	s.await()
	return nil
}

// await forgets the program that was.
func (s *Standby) await() {
	s.Gate, s.turn, s.arrived.word = sys.Gate{}, sys.Gate{}, sys.None
	if s.Launch != nil {
		s.Launch.machine.Rest, s.Launch.flat = nil, s.Launch.flat[:s.steps]
	}
}

// newPass draws a pass. A test that shows what chance is good for replaces it.
var newPass = func() uint64 {
	var dice [8]byte
	rand.Read(dice[:])
	return binary.NativeEndian.Uint64(dice[:])
}

// Arm sets the filters that the stem installs, arrays of struct
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

// Stem makes the processes and returns the stem, whose first steps are enter and
// whose directory is dir. Each are steps by which each program's process makes a
// Landlock ruleset and leaves it in the slot, nil for none; the stem has taken
// those of once before, which keep descriptors from StandbyAside on.
func (s *Standby) Stem(enter []Step, dir string, life *Lifeline, once, each []Step, ruleset *Slot) *Process {
	s.first = s.firstHalf(each, ruleset)
	again := Lifeline{standbyParent} // once has cleared it
	steps := slices.Concat(life.Steps(), enter, []Step{{Name: "setsid", Nr: syscall.SYS_SETSID}},
		keep([]Arg{Result(&s.theirs, "socket"), Int(life.pidfd)}, []int{standbySocket, standbyParent}),
		[]Step{CloseFrom(StandbyDomain), closeLower()}, once, []Step{closeLower()}, again.Steps(), DropBounding(),
		[]Step{{Name: "chdir", Nr: syscall.SYS_CHDIR, Args: []Arg{String(dir)}}},
		resetSignals()[:1], []Step{NoNewPrivs()})
	for _, filter := range s.armed {
		steps = append(steps, filterStep(filter, nil))
	}
	s.stem = &Process{Name: "stem", Steps: append(steps,
		Step{Name: "clone", Fork: s.first, Flags: syscall.CLONE_PARENT},
		Step{Name: "await turn", Await: &s.turn, Closes: true},
		Step{Name: "again", Back: 2})}
	return s.stem
}

func closeLower() Step {
	return Step{Name: "close_range", Nr: sys.SysCloseRange, Args: []Arg{Int(0), Int(StandbyFree), Int(0)}}
}

// firstHalf makes the process that is to be the program. Its mounts, its filter
// and whatever else a fork leaves as it is are the stem's.
func (s *Standby) firstHalf(domain []Step, ruleset *Slot) *Process {
	life := Lifeline{standbyParent}
	steps := append(life.Steps(), Step{Name: "setsid", Nr: syscall.SYS_SETSID}, joinSession())
	if domain != nil {
		steps = append(steps, domain...)
		steps = append(steps, keep([]Arg{Result(ruleset, "ruleset")}, []int{StandbyDomain})...)
	}
	arrived := closeLower()
	arrived.Into = &s.arrived
	return &Process{Name: "program", Steps: append(steps, arrived,
		Step{Name: "futex", Nr: syscall.SYS_FUTEX, Args: []Arg{{n: sys.WordAddress(&s.arrived.word), keep: s, text: "arrived"},
			Named(sys.FutexWake, "FUTEX_WAKE"), Int(1), Null(), Null()}},
		Step{Name: "await supervisor", Await: &s.Gate},
		Step{Name: "go on", Resume: true})}
}

// Start starts the launch, whose first process is the stem, on the thread that is
// to be the parent.
func (s *Standby) Start(l *Launch) error {
	s.Launch, s.steps = l, len(l.flat)
	// From the clone on, steps are taken behind the filter; the other process's follow.
	fork := slices.IndexFunc(l.flat, func(f flatStep) bool { return f.step.Fork != nil })
	for i := fork; i < len(l.flat); i++ {
		l.machine.Steps[i].Args[5] = uintptr(s.Pass)
	}
	return l.Start()
}

// Again lets the stem fork the next first half. The process before must have
// executed its program, or be dead.
func (s *Standby) Again() {
	s.await()
	s.first.proc.Prepare()
	s.turn.Set(sys.Open)
}

// keep moves descriptors to these numbers, out of each other's way first.
func keep(fds []Arg, numbers []int) []Step {
	var aside, back []Step
	for i, fd := range fds {
		slot := new(Slot)
		aside = append(aside, Step{Name: "fcntl", Nr: syscall.SYS_FCNTL, Into: slot,
			Args: []Arg{fd, Named(sys.FDupfdCloexec, "F_DUPFD_CLOEXEC"), Int(StandbyAside)}})
		back = append(back, Step{Name: "dup3", Nr: syscall.SYS_DUP3, Args: []Arg{Result(slot, "it"), Int(numbers[i]), Named(syscall.O_CLOEXEC, "O_CLOEXEC")}})
	}
	return append(append(aside, back...), CloseFrom(StandbyAside))
}

// First is the process that is to be the program. It gets a number when it is
// forked.
func (s *Standby) First() *Process { return s.first }

// Root is the stem.
func (s *Standby) Root() *Process { return s.stem }

// Arrive sleeps until the first half is over, and reports whether the process
// waits for its program now. Otherwise one of the two is dead.
func (s *Standby) Arrive() bool {
	defer s.given()
	for sys.LoadWord(&s.arrived.word) == sys.None {
		if !s.Lives() || !s.Waits() {
			return false
		}
		sys.AwaitWord(&s.arrived.word)
	}
	return true
}

// Failed waits until both processes are dead, or the one has become a program, and
// returns the error of the step that ended one, if one did.
func (s *Standby) Failed() error { return cmp.Or(s.Launch.Wait(s.stem), s.Launch.Wait(s.first)) }

// Lives reports whether the stem does.
func (s *Standby) Lives() bool { return s.stem.proc.Alive() }

// given closes the process's end of the socket here.
func (s *Standby) given() {
	if s.theirs.word != sys.None {
		syscall.Close(s.theirs.Value())
	}
	s.theirs.word = sys.None
}

// Close gives up the socket. Both processes must be dead.
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
