package launch

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// Program says how the program itself is started. Compare with
// [Process]: a Program is what is wanted, a Process how it is done.
type Program struct {
	Dir string

	Files  []int // descriptor i of the program is Files[i] of this process
	Umask  int
	Limits []Rlimit

	// UID and GID are taken on if SetIDs. Capabilities and supplementary
	// groups are dropped if Privileged says that this process has any.
	SetIDs     bool
	UID, GID   int
	Privileged bool

	Parent *Lifeline // dies with it
	Gate   *sys.Gate // awaited before the filter is armed; nil: not
	// Restrict is what else the program takes upon itself: as its user, in its
	// root, with no_new_privs and its own descriptors only. The steps may use
	// Spare descriptors at a time.
	Restrict []Step
	// Filters are seccomp filters, arrays of struct sock_filter, in the order in
	// which they are installed. Each but the last must allow seccomp(2).
	Filters [][]byte
	// Listener takes the number of the last filter's listener, which is closed
	// when the program is executed; nil: it has none.
	Listener *Slot
	Token    *Token // the arguments of execve
}

// Rlimit is one resource limit, soft and hard alike.
type Rlimit struct {
	Resource int
	Name     string
	Value    uint64
}

// Process returns the steps that start the program.
func (p *Program) Process() *Process {
	const others = 32 // or so
	s := make([]Step, 0, len(p.Restrict)+2*len(p.Files)+len(p.Limits)+others)
	s = append(s, p.Parent.Steps()...)
	s = append(s, Step{Name: "setsid", Nr: syscall.SYS_SETSID})
	s = append(s, p.umask())
	early, late, _ := p.splitLimits()
	for _, r := range early {
		s = append(s, r.step())
	}
	s = append(s, joinSession())
	if p.Privileged {
		s = append(s, DropBounding()...)
	}
	s = append(s, p.identity()...)
	if p.SetIDs {
		s = append(s, p.Parent.Steps()...) // setresuid has cleared it
	}
	// After the lifeline, whose descriptor may have the number of a file.
	s = append(s, placeFiles(p.Files)...)
	s = append(s, Step{Name: "chdir", Nr: syscall.SYS_CHDIR, Args: []Arg{String(p.Dir)}})
	s = append(s, resetSignals()...)
	if p.Gate != nil {
		s = append(s, Step{Name: "await supervisor", Await: p.Gate})
	}
	s = append(s, NoNewPrivs(), CloseFrom(len(p.Files)))
	s = append(s, p.Restrict...)
	for _, r := range late {
		s = append(s, r.step())
	}
	for i, filter := range p.Filters {
		listener := p.Listener
		if i < len(p.Filters)-1 {
			listener = nil
		}
		s = append(s, filterStep(filter, listener))
	}
	return &Process{Name: "program", Steps: append(s, p.exec())}
}

func (p *Program) exec() Step { return p.Token.step() }

func (p *Program) umask() Step {
	return Step{Name: "umask", Nr: syscall.SYS_UMASK, Args: []Arg{Named(uintptr(p.Umask), fmt.Sprintf("%#o", p.Umask))}}
}

// joinSession gives the process a session keyring of its own: what the parent's
// holds must not be readable. Kernels without keyrings have nothing to hide.
func joinSession() Step {
	return Step{Name: "keyctl", Nr: sys.SysKeyctl,
		Args: []Arg{Named(sys.KeyctlJoinSession, "KEYCTL_JOIN_SESSION_KEYRING"), Null()},
		OK:   []syscall.Errno{syscall.ENOSYS, syscall.EDQUOT}}
}

// Spare is how many descriptors beside the program's own the steps of
// [Program.Restrict] may have open at a time.
const Spare = 16

// splitLimits puts off a limit on descriptors that leaves the launch no room.
// The others come while the process may still raise what it inherited. A limit
// that leaves no number for the filter's listener can be set only from outside,
// behind the filter.
func (p *Program) splitLimits() (early, late, outside []Rlimit) {
	files := uint64(len(p.Files))
	for _, r := range p.Limits {
		switch {
		case r.Resource != sys.RlimitNofile:
			early = append(early, r)
		case p.Listener != nil && r.Value <= files:
			outside = append(outside, r)
		case r.Value < files+Spare && (p.Listener != nil || len(p.Restrict) > 0):
			late = append(late, r)
		default:
			early = append(early, r)
		}
	}
	return early, late, outside
}

// Outside are the limits that must be set by somebody else when the filter has
// its listener.
func (p *Program) Outside() []Rlimit {
	_, _, outside := p.splitLimits()
	return outside
}

// Set sets the limit of another process.
func (r Rlimit) Set(pid int) error {
	if err := sys.SetLimit(pid, r.Resource, r.Value); err != nil {
		return fmt.Errorf("prlimit64(%d, %s, %d): %w", pid, r.Name, r.Value, err)
	}
	return nil
}

func (r Rlimit) step() Step {
	pair := make([]byte, 16)
	binary.NativeEndian.PutUint64(pair, r.Value)
	binary.NativeEndian.PutUint64(pair[8:], r.Value)
	text := fmt.Sprintf("{%d, %d}", r.Value, r.Value)
	if r.Value == sys.RlimInfinity {
		text = "{RLIM_INFINITY, RLIM_INFINITY}"
	}
	return Step{Name: "prlimit64", Nr: sys.SysPrlimit64,
		Args: []Arg{Int(0), Named(uintptr(r.Resource), r.Name), Memory(pair, text), Null()}}
}

// placeFiles moves each file to its number. A source that is itself a target
// number is first copied out of the way; copies close on exec.
func placeFiles(files []int) []Step {
	var s []Step
	from := make([]Arg, len(files))
	for i, fd := range files {
		from[i] = Int(fd)
		if fd >= len(files) {
			continue
		}
		slot := new(Slot)
		s = append(s, Step{Name: "fcntl", Nr: syscall.SYS_FCNTL, Into: slot,
			Args: []Arg{Int(fd), Named(sys.FDupfdCloexec, "F_DUPFD_CLOEXEC"), Int(len(files))}})
		from[i] = Result(slot, fmt.Sprintf("copy of %d", fd))
	}
	for i := range files {
		s = append(s, Step{Name: "dup3", Nr: syscall.SYS_DUP3, Args: []Arg{from[i], Int(i), Int(0)}})
	}
	return s
}

// CloseFrom closes every descriptor from n up.
func CloseFrom(n int) Step {
	return Step{Name: "close_range", Nr: sys.SysCloseRange, Args: []Arg{Int(n), Named(^uintptr(0)>>32, "~0"), Int(0)}}
}

// identity makes the process the program's user, without a capability.
func (p *Program) identity() []Step {
	var s []Step
	if p.SetIDs {
		gid, uid := Int(p.GID), Int(p.UID)
		s = append(s,
			Step{Name: "setgroups", Nr: syscall.SYS_SETGROUPS, Args: []Arg{Int(0), Null()}},
			Step{Name: "setresgid", Nr: sys.SysSetresgid, Args: []Arg{gid, gid, gid}},
			Step{Name: "setresuid", Nr: sys.SysSetresuid, Args: []Arg{uid, uid, uid}})
	}
	return append(s, DropCapabilities())
}

// DropBounding empties the bounding and ambient sets, so that no executed file
// can give a capability back. It needs CAP_SETPCAP.
func DropBounding() []Step { return dropBounding() }

// Steps that are the same in every launch are made once.
var (
	dropBounding = sync.OnceValue(boundingSteps)
	resetSignals = sync.OnceValue(signalSteps)
)

func boundingSteps() []Step {
	var s []Step
	// The kernel refuses the numbers beyond its last capability, which are tried
	// where it does not tell which that is.
	s = append(s, Step{Name: "prctl(PR_CAPBSET_DROP)", Nr: syscall.SYS_PRCTL, OK: []syscall.Errno{syscall.EINVAL}, Times: sys.CapabilityNumbers(), Vary: 1,
		Args: []Arg{Named(sys.PrCapbsetDrop, "PR_CAPBSET_DROP"), Int(0), Int(0), Int(0), Int(0)}})
	return slices.Clip(append(s, Step{Name: "prctl(PR_CAP_AMBIENT_CLEAR_ALL)", Nr: syscall.SYS_PRCTL,
		Args: []Arg{Named(sys.PrCapAmbient, "PR_CAP_AMBIENT"), Named(sys.PrCapAmbientClearAll, "PR_CAP_AMBIENT_CLEAR_ALL"), Int(0), Int(0), Int(0)}}))
}

// NoNewPrivs makes executed set-user-ID files and file capabilities powerless.
func NoNewPrivs() Step {
	return Step{Name: "prctl(PR_SET_NO_NEW_PRIVS)", Nr: syscall.SYS_PRCTL,
		Args: []Arg{Named(sys.PrSetNoNewPrivs, "PR_SET_NO_NEW_PRIVS"), Int(1), Int(0), Int(0), Int(0)}}
}

// DropCapabilities empties the permitted, effective and inheritable sets.
// Dropping is allowed to everybody.
func DropCapabilities() Step {
	header := binary.NativeEndian.AppendUint32(nil, 0x20080522) // _LINUX_CAPABILITY_VERSION_3
	header = binary.NativeEndian.AppendUint32(header, 0)
	return Step{Name: "capset", Nr: sys.SysCapset, Args: []Arg{Memory(header, "v3"), Memory(make([]byte, 24), "none")}}
}

// signalSteps gives every signal its default disposition, the ignored ones as
// well, which exec would keep, and then unblocks all of them.
func signalSteps() []Step {
	// struct sigaction of the kernel: handler, flags, restorer, mask; all
	// zero is SIG_DFL on every architecture.
	action := make([]byte, 32)
	return []Step{
		// EINVAL is for SIGKILL and SIGSTOP.
		{Name: "rt_sigaction", Nr: syscall.SYS_RT_SIGACTION, OK: []syscall.Errno{syscall.EINVAL}, Times: 64, Vary: 0,
			Args: []Arg{Int(1), Memory(action, "SIG_DFL"), Null(), Int(8)}},
		{Name: "rt_sigprocmask", Nr: syscall.SYS_RT_SIGPROCMASK,
			Args: []Arg{Named(sys.SigSetmask, "SIG_SETMASK"), Memory(make([]byte, 8), "[]"), Null(), Int(8)}},
	}
}

// filterStep installs a seccomp filter. struct sock_fprog is a 16-bit length,
// padding and a pointer.
func filterStep(filter []byte, listener *Slot) Step {
	n := uintptr(len(filter) / 8)
	fprog := []uintptr{0, sys.Address(filter)}
	b := sys.Words(fprog)
	binary.NativeEndian.PutUint16(b, uint16(n))
	flags := Int(0)
	if listener != nil {
		flags = Named(sys.SeccompNewListener|sys.SeccompWaitKillableRecv, "SECCOMP_FILTER_FLAG_NEW_LISTENER|SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")
	}
	return Step{Name: "seccomp", Nr: sys.SysSeccomp, Into: listener,
		Args: []Arg{Named(sys.SeccompSetModeFilter, "SECCOMP_SET_MODE_FILTER"), flags, {mem: b, keep: filter, text: fmt.Sprintf("filter of %d instructions", n)}}}
}
