package landlock

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"syscall"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
)

// Steps are the calls by which a launched process puts itself into a domain
// with this ruleset, and all its descendants with it. They belong behind
// no_new_privs, the program's user and its root, and in front of the filter;
// two more descriptors are open meanwhile.
func (r Ruleset) Steps() []launch.Step {
	if !r.Handles() {
		return nil
	}
	domain := new(launch.Slot)
	s := stepper{ruleset: launch.Result(domain, "<ruleset>")}
	create := r.create()
	create.Into = domain
	s.add(create)
	for _, p := range r.Paths {
		s.path(p)
	}
	for _, f := range r.Files {
		s.file(f)
	}
	for _, p := range r.Ports {
		s.port(p)
	}
	s.add(
		launch.Step{Name: "landlock_restrict_self", Nr: sys.SysLandlockRestrictSelf,
			Args: []launch.Arg{s.ruleset, launch.Named(uintptr(r.Handled[Flag]), names(Flag, r.Handled[Flag]))}},
		launch.Step{Name: "close", Nr: syscall.SYS_CLOSE, Args: []launch.Arg{s.ruleset}})
	return s.steps
}

// create makes the ruleset. An older kernel takes a shorter struct.
func (r Ruleset) create() launch.Step {
	size := ABIs[r.ABI].AttrSize
	var attr []byte
	for _, k := range []Kind{FS, Net, Scope} {
		attr = binary.NativeEndian.AppendUint64(attr, uint64(r.Handled[k]))
	}
	text := fmt.Sprintf("{fs: %s, net: %s, scoped: %s}", names(FS, r.Handled[FS]), names(Net, r.Handled[Net]), names(Scope, r.Handled[Scope]))
	return launch.Step{Name: "landlock_create_ruleset", Nr: sys.SysLandlockCreateRuleset,
		Args: []launch.Arg{launch.Memory(attr, text), launch.Int(size), launch.Int(0)}}
}

type stepper struct {
	steps   []launch.Step
	ruleset launch.Arg
}

func (s *stepper) add(steps ...launch.Step) { s.steps = append(s.steps, steps...) }

// notThere are the errors of a path that leads nowhere, or nowhere that the
// program's user could go.
var notThere = []syscall.Errno{syscall.ENOENT, syscall.ENOTDIR, syscall.EACCES, syscall.ELOOP}

var (
	cwd       = launch.Named(sys.AtFdcwd, "AT_FDCWD")
	openDir   = launch.Named(uintptr(sys.O_PATH|sys.O_DIRECTORY|syscall.O_CLOEXEC), "O_PATH|O_DIRECTORY|O_CLOEXEC")
	openAny   = launch.Named(uintptr(sys.O_PATH|syscall.O_CLOEXEC), "O_PATH|O_CLOEXEC")
	mayFind   = launch.Named(0, "F_OK")
	mayChange = launch.Named(3, "W_OK|X_OK")
)

// access asks what the program's user may do. faccessat(2) goes by the real
// user, which is the only one that a launched process has.
func (s *stepper) access(name, mode launch.Arg, unless *launch.Slot) *launch.Slot {
	slot := new(launch.Slot)
	s.add(launch.Step{Name: "faccessat", Nr: syscall.SYS_FACCESSAT, Into: slot, Unless: unless,
		OK: append([]syscall.Errno{syscall.EROFS}, notThere...), Args: []launch.Arg{cwd, name, mode}})
	return slot
}

// path opens a path as a directory, or else as anything, and grants the rights
// that belong to what it is: those of directories on a file are EINVAL.
func (s *stepper) path(p PathRule) {
	name := launch.String(p.Path)
	var exists, writable, dir *launch.Slot
	if p.Unless != "" {
		exists = s.access(launch.String(p.Unless), mayFind, nil)
	}
	if p.Writable {
		writable = s.access(name, mayChange, exists)
	}
	if p.Dir != 0 {
		dir = s.open(name, openDir, p, p.Dir, writable, nil)
	}
	if p.File != 0 {
		s.open(name, openAny, p, p.File, nil, dir)
	}
}

// open opens what a rule is for, adds the rule and closes it.
func (s *stepper) open(name, flags launch.Arg, p PathRule, rights Rights, when, unless *launch.Slot) *launch.Slot {
	text := strconv.Quote(p.Path)
	slot, rule := launch.Record(uintptr(rights), fmt.Sprintf("{%s, <%s>}", names(FS, rights), text))
	s.add(
		launch.Step{Name: "openat", Nr: syscall.SYS_OPENAT, Into: slot, OK: notThere, If: when, Unless: unless,
			Args: []launch.Arg{cwd, name, flags}},
		s.rule(rule, slot),
		launch.Step{Name: "close", Nr: syscall.SYS_CLOSE, If: slot, Args: []launch.Arg{launch.Result(slot, "<"+text+">")}})
	return slot
}

// rule adds a rule on a file. A path may lead to what is in no tree, such as
// /dev/stdout to a pipe: that is EBADFD, and needs no rule.
func (s *stepper) rule(rule launch.Arg, open *launch.Slot) launch.Step {
	return launch.Step{Name: "landlock_add_rule", Nr: sys.SysLandlockAddRule, If: open, OK: []syscall.Errno{syscall.EBADFD},
		Args: []launch.Arg{s.ruleset, launch.Named(sys.LandlockRulePathBeneath, "PATH_BENEATH"), rule, launch.Int(0)}}
}

// file grants rights to what one of the program's descriptors refers to.
func (s *stepper) file(f FileRule) {
	// struct landlock_path_beneath_attr is packed: 8 bytes of rights, 4 of descriptor.
	attr := binary.NativeEndian.AppendUint64(nil, uint64(f.Access))
	attr = binary.NativeEndian.AppendUint32(attr, uint32(f.FD))
	s.add(s.rule(launch.Memory(attr, fmt.Sprintf("{%s, %d}", names(FS, f.Access), f.FD)), nil))
}

// port grants rights to a port. struct landlock_net_port_attr is two words.
func (s *stepper) port(p PortRule) {
	attr := binary.NativeEndian.AppendUint64(nil, uint64(p.Access))
	attr = binary.NativeEndian.AppendUint64(attr, uint64(p.Port))
	s.add(launch.Step{Name: "landlock_add_rule", Nr: sys.SysLandlockAddRule,
		Args: []launch.Arg{s.ruleset, launch.Named(sys.LandlockRuleNetPort, "NET_PORT"),
			launch.Memory(attr, fmt.Sprintf("{%s, %d}", names(Net, p.Access), p.Port)), launch.Int(0)}})
}
