package landlock

import (
	"encoding/binary"
	"fmt"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// Steps are the calls by which a launched process puts itself into a domain
// with this ruleset, and all its descendants with it. They belong behind
// no_new_privs, the program's user and its root, and in front of the filter;
// no descriptor above the program's own may be open, and Spare of them are
// open meanwhile.
func (r Ruleset) Steps() []launch.Step {
	if !r.Handles() {
		return nil
	}
	s := newStepper(&r)
	s.create(&r)
	s.sweep(&r)
	s.rules(&r)
	s.restrict(&r)
	// All that is open closes when the program is executed.
	return s.steps
}

// Begin are the steps of launches in two halves before the second: those of once
// find what rules are about, and keep it open from the descriptor aside on, using
// those up to free; those of each make a ruleset of it, time and again, and leave its
// descriptor in the slot. The former are taken as root, on behalf of the user by whose rights rules
// count.
func (r Ruleset) Begin(uid, gid, free, aside int) (once, each []launch.Step, slot *launch.Slot) {
	if !r.Handles() {
		return nil, nil, nil
	}
	s, rules := newStepper(&r), newStepper(&r)
	slot = rules.create(&r)
	s.ruleset, s.apart, s.aside = rules.ruleset, rules, launch.Int(aside)
	s.first, s.last = zero, launch.Int(free)
	s.as(uid, gid)
	s.rules(&r)
	s.as(0, 0)
	return s.steps, rules.steps, slot
}

// End are the steps of the second half: they add the rules that [Ruleset.With]
// has added to first, and restrict the process.
func (r Ruleset) End(first Ruleset, fd int) []launch.Step {
	if !r.Handles() {
		return nil
	}
	r.Paths, r.Ports = r.Paths[len(first.Paths):], nil
	s := newStepper(&r)
	s.ruleset = launch.Int(fd)
	s.rules(&r)
	s.restrict(&r)
	return s.steps
}

// as changes by whose rights paths are found, and what faccessat(2) asks about.
// Root comes back by the IDs that it has kept.
func (s *stepper) as(uid, gid int) {
	if uid != 0 || gid != 0 {
		s.add(launch.Step{Name: "setgroups", Nr: syscall.SYS_SETGROUPS, Args: s.args(zero, launch.Null())})
	}
	// setresgid and setresuid make the IDs for files those that are effective, again.
	s.add(launch.Step{Name: "setresgid", Nr: sys.SysSetresgid, Args: s.args(launch.Int(gid), unchanged, unchanged)},
		launch.Step{Name: "setfsgid", Nr: syscall.SYS_SETFSGID, Args: s.args(launch.Int(gid))},
		launch.Step{Name: "setresuid", Nr: sys.SysSetresuid, Args: s.args(launch.Int(uid), unchanged, unchanged)},
		launch.Step{Name: "setfsuid", Nr: syscall.SYS_SETFSUID, Args: s.args(launch.Int(uid))})
}

// rules adds the rules on paths, files and ports.
func (s *stepper) rules(r *Ruleset) {
	for i := range r.Paths {
		if (i+1)%perClose == 0 {
			s.add(launch.Step{Name: "close_range", Nr: sys.SysCloseRange, Args: s.args(s.first, s.last, zero)})
		}
		s.path(&r.Paths[i])
	}
	for _, f := range r.Files {
		s.file(f)
	}
	for _, p := range r.Ports {
		s.port(p)
	}
}

func (s *stepper) restrict(r *Ruleset) {
	flags := r.Handled[Flag]
	s.add(launch.Step{Name: "landlock_restrict_self", Nr: sys.SysLandlockRestrictSelf, Args: s.args(s.ruleset, launch.Named(uintptr(flags), names(Flag, flags)))})
}

// perClose is how many rules are added before their descriptors are closed,
// with one call: a rule may open two.
const perClose = launch.Spare/2 - 1

// stepper makes steps. There are a hundred, for each run, so their arguments
// are cut from one slice and the names of rights are put together once.
type stepper struct {
	steps   []launch.Step
	room    []launch.Arg
	records map[Rights]string
	ruleset launch.Arg
	// Descriptors from first to last may be closed at any time.
	first, last launch.Arg

	// Where rules are added by somebody else: who, and from which descriptor on
	// is kept what they are about.
	apart *stepper
	aside launch.Arg
}

func newStepper(r *Ruleset) *stepper {
	// Most paths take an opening and a rule, once as a directory and once as a file.
	n := 4*len(r.Paths) + len(r.Paths)/perClose + len(r.Files) + len(r.Ports) + 13
	return &stepper{steps: make([]launch.Step, 0, n), room: make([]launch.Arg, 0, 4*n), records: map[Rights]string{}}
}

// create makes the ruleset; the slot gets its descriptor.
func (s *stepper) create(r *Ruleset) *launch.Slot {
	domain := new(launch.Slot)
	s.ruleset = launch.Result(domain, "ruleset")
	create := r.create()
	create.Into = domain
	s.add(create)
	return domain
}

// sweep finds the first descriptor of the many that rules open.
func (s *stepper) sweep(r *Ruleset) {
	if len(r.Paths) >= perClose {
		first := new(launch.Slot)
		s.first, s.last = launch.Result(first, "first"), allAbove
		s.add(launch.Step{Name: "openat", Nr: syscall.SYS_OPENAT, Into: first, Args: s.args(cwd, root, openDir)})
	}
}

func (s *stepper) add(steps ...launch.Step) { s.steps = append(s.steps, steps...) }

func (s *stepper) args(args ...launch.Arg) []launch.Arg {
	n := len(s.room)
	s.room = append(s.room, args...)
	return s.room[n:len(s.room):len(s.room)]
}

// create makes the ruleset. An older kernel takes a shorter struct.
func (r *Ruleset) create() launch.Step {
	var attr []byte
	for _, k := range []Kind{FS, Net, Scope} {
		attr = binary.NativeEndian.AppendUint64(attr, uint64(r.Handled[k]))
	}
	text := fmt.Sprintf("{fs: %s, net: %s, scoped: %s}", names(FS, r.Handled[FS]), names(Net, r.Handled[Net]), names(Scope, r.Handled[Scope]))
	return launch.Step{Name: "landlock_create_ruleset", Nr: sys.SysLandlockCreateRuleset,
		Args: []launch.Arg{launch.Memory(attr, text), launch.Int(ABIs[r.ABI].AttrSize), zero}}
}

// What steps have in common.
var (
	// The errors of a path that leads nowhere, or nowhere that the program's
	// user could go.
	notThere   = []syscall.Errno{syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES, syscall.ELOOP}
	notAllowed = append([]syscall.Errno{syscall.EROFS}, notThere...)
	// A path may lead to what is in no tree, such as /dev/stdout to a pipe: that
	// needs no rule, and takes none.
	noTree = []syscall.Errno{syscall.EBADFD}

	cwd       = launch.Named(sys.AtFdcwd, "AT_FDCWD")
	root      = launch.String("/")
	zero      = launch.Int(0)
	unchanged = launch.Named(^uintptr(0), "-1")
	allAbove  = launch.Named(^uintptr(0)>>32, "~0")
	openDir   = launch.Named(uintptr(sys.O_PATH|sys.O_DIRECTORY|syscall.O_CLOEXEC), "O_PATH|O_DIRECTORY|O_CLOEXEC")
	openAny   = launch.Named(uintptr(sys.O_PATH|syscall.O_CLOEXEC), "O_PATH|O_CLOEXEC")
	mayFind   = launch.Named(0, "F_OK")
	mayChange = launch.Named(3, "W_OK|X_OK")
	beneath   = launch.Named(sys.LandlockRulePathBeneath, "PATH_BENEATH")
)

// path opens a path as a directory, or else as anything, and grants the rights
// that belong to what it is: those of directories on a file are EINVAL.
func (s *stepper) path(p *PathRule) {
	name := launch.String(p.Path)
	var exists, writable, dir *launch.Slot
	if p.Unless != "" {
		exists = s.access(launch.String(p.Unless), mayFind, nil)
	}
	if p.Writable {
		writable = s.access(name, mayChange, exists)
	}
	if p.Dir != 0 {
		dir = s.open(name, openDir, p.Dir, writable, nil)
	}
	if p.File != 0 {
		s.open(name, openAny, p.File, nil, dir)
	}
}

// access asks what the program's user may do. faccessat(2) goes by the real
// user, which is the only one that a launched process has.
func (s *stepper) access(name, mode launch.Arg, unless *launch.Slot) *launch.Slot {
	slot := new(launch.Slot)
	s.add(launch.Step{Name: "faccessat", Nr: syscall.SYS_FACCESSAT, Into: slot, Unless: unless, OK: notAllowed, Args: s.args(cwd, name, mode)})
	return slot
}

// open opens what a rule is about and adds the rule.
func (s *stepper) open(name, flags launch.Arg, rights Rights, when, unless *launch.Slot) *launch.Slot {
	text, ok := s.records[rights]
	if !ok {
		text = "{" + names(FS, rights) + ", <it>}"
		s.records[rights] = text
	}
	slot, record := launch.Record(uintptr(rights), text)
	s.add(launch.Step{Name: "openat", Nr: syscall.SYS_OPENAT, Into: slot, OK: notThere, If: when, Unless: unless, Args: s.args(cwd, name, flags)})
	if s.apart != nil {
		s.add(launch.Step{Name: "fcntl", Nr: syscall.SYS_FCNTL, Into: slot, If: slot,
			Args: s.args(launch.Result(slot, "it"), launch.Named(sys.FDupfdCloexec, "F_DUPFD_CLOEXEC"), s.aside)})
	}
	s.adder().add(s.rule(record, slot))
	return slot
}

// adder makes the steps that add rules.
func (s *stepper) adder() *stepper {
	if s.apart != nil {
		return s.apart
	}
	return s
}

func (s *stepper) rule(rule launch.Arg, when *launch.Slot) launch.Step {
	return launch.Step{Name: "landlock_add_rule", Nr: sys.SysLandlockAddRule, If: when, OK: noTree, Args: s.args(s.ruleset, beneath, rule, zero)}
}

// file grants rights to what one of the program's descriptors refers to.
func (s *stepper) file(f FileRule) {
	// struct landlock_path_beneath_attr is packed: 8 bytes of rights, 4 of descriptor.
	attr := binary.NativeEndian.AppendUint64(nil, uint64(f.Access))
	attr = binary.NativeEndian.AppendUint32(attr, uint32(f.FD))
	s.adder().add(s.rule(launch.Memory(attr, fmt.Sprintf("{%s, %d}", names(FS, f.Access), f.FD)), nil))
}

// port grants rights to a port. struct landlock_net_port_attr is two words.
func (s *stepper) port(p PortRule) {
	attr := binary.NativeEndian.AppendUint64(nil, uint64(p.Access))
	attr = binary.NativeEndian.AppendUint64(attr, uint64(p.Port))
	s.adder().add(launch.Step{Name: "landlock_add_rule", Nr: sys.SysLandlockAddRule, Args: s.args(s.ruleset,
		launch.Named(sys.LandlockRuleNetPort, "NET_PORT"), launch.Memory(attr, fmt.Sprintf("{%s, %d}", names(Net, p.Access), p.Port)), zero)})
}
