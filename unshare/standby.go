package unshare

import (
	"cmp"
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// stem is what forks one program after another in a parked sandbox.
type stem struct {
	*launch.Standby
	made     time.Time
	waits    bool      // what it has forked, for a program
	adopted  *adoption // nil: there was no program yet
	started  bool      // the last program
	pristine []place   // when it did; nil: never looked
}

// adoption is what a stem has mounted with its first program.
type adoption struct {
	mounts []Mount
	from   []inode
}

// stemLife is for how long a stem forks. What Landlock's rules are about was
// found when it was made, and may be something else since.
const stemLife = time.Second

// errKilled is why a standby does not wait that had no step fail.
var errKilled = errors.New("standby: killed before it could wait for a program")

// Former returns the standby that was here before, renewed, or nil if there was
// none. Its processes are ended.
func (p *Parked) Former() (*launch.Standby, error) {
	p.endStem()
	if p.former == nil {
		return nil, nil
	}
	return p.former, p.former.Renew()
}

// Begin starts the first half of the next program's launch, so that the program
// finds its mounts made. Root makes next's stem from the steps by which it enters
// the sandbox; nil is for the former standby. The calling goroutine must be locked
// to the thread that called Park. After an error End is still due.
func (p *Parked) Begin(next *launch.Standby, root func(enter []launch.Step) *launch.Process) error {
	l, err := p.half(next, root)
	if err == nil {
		err = next.Start(l)
	}
	if err != nil {
		next.Close()
		return err
	}
	p.stem = &stem{Standby: next, made: time.Now(), waits: true}
	if !next.Arrive() {
		p.endStem()
		return cmp.Or(next.Failed(), errKilled)
	}
	return nil
}

// half returns the launch of the stem and of the first half, which the former one
// can be.
func (p *Parked) half(next *launch.Standby, root func([]launch.Step) *launch.Process) (*launch.Launch, error) {
	if root == nil {
		return next.Launch, nil
	}
	before, mounts, err := p.firstSteps()
	if err != nil {
		return nil, err
	}
	return launch.Prepare(root(slices.Concat(before, p.enter(&p.spec), mounts)))
}

// Again begins the next launch as Begin does, in what the program before has left
// as it was. It reports whether that could be; if not, Begin makes all of it new.
// The program must not have been able to make IPC objects or sockets.
func (p *Parked) Again() bool {
	s := p.stem
	if s == nil || !s.started || s.pristine == nil || p.fickle || time.Since(s.made) > stemLife || !s.Lives() {
		return false
	}
	now, err := p.look()
	if err != nil || !unchanged(now, s.pristine) {
		return false
	}
	s.pristine, s.started, s.waits = now, false, true
	s.Standby.Again()
	return s.Arrive()
}

// Standby returns what waits for the next program, or nil.
func (p *Parked) Standby() *launch.Standby {
	if p.stem == nil || !p.stem.waits || !p.stem.Waits() {
		return nil
	}
	return p.stem.Standby
}

// wants are the mounts of a root beside those of the parked one. Where programs
// want other ones time and again, no stem is worth keeping.
func (p *Parked) wants(s *Spec) []Mount {
	more := s.Root.Mounts[len(p.mounts):]
	if slices.Equal(more, p.wanted) {
		p.fickle = false
	}
	p.wanted = more
	return more
}

// Suits reports whether a sandbox of s, which fits, can be what waits here, if
// anything does. A stem has the mounts of its first program.
func (p *Parked) Suits(s *Spec) bool {
	if p.stem == nil || p.stem.adopted == nil {
		return true
	}
	have := p.stem.adopted
	return slices.Equal(have.mounts, s.Root.Mounts[len(p.mounts):]) && fresh(have.from)
}

// Resume is Sandbox for a program that the standby becomes.
func (p *Parked) Resume(s *Spec, program *launch.Program, release func(ok bool)) (*Sandbox, error) {
	before, mounts, err := p.adopt(p.wants(s))
	if err != nil {
		return nil, err
	}
	if err := p.stem.Resume(program, before, mounts); err != nil {
		return nil, err
	}
	return &Sandbox{Program: p.stem.First(), Standby: p.stem.Standby, parked: p, release: release}, nil
}

// adopt returns the steps that mount what the stem does not have yet.
func (p *Parked) adopt(more []Mount) (before, mounts []launch.Step, err error) {
	if p.stem.adopted != nil {
		return nil, nil, nil
	}
	from, err := sources(more)
	if err != nil {
		return nil, nil, err
	}
	p.stem.adopted = &adoption{more, from}
	return p.moreSteps(more)
}

// hasStarted notes that a program is about to make its first step.
func (s *stem) hasStarted(p *Parked) {
	s.started = true
	if s.pristine == nil {
		s.pristine, _ = p.look() // without it all is made new for the next program
	}
}

// endStem ends what forks programs, and what nobody has told how to go on.
func (p *Parked) endStem() {
	s := p.stem
	if s == nil {
		return
	}
	end := []*launch.Process{s.Root()} // first, so that it forks no more
	if s.waits {
		end = append(end, s.First())
	}
	for _, process := range end {
		if pid := process.PID(); pid != 0 {
			syscall.Kill(pid, syscall.SIGKILL)
			sys.WaitPID(pid, nil)
		}
	}
	s.Failed() // frees what they had
	s.Close()
	p.stem, p.former = nil, s.Standby
}
