package seccomp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// Host is what a container's profile asks about the place where it is used.
type Host struct {
	Table  *syscalls.Table
	Caps   []string // capabilities of the bounding set, such as "CAP_SYS_ADMIN"
	Kernel [2]int   // version, such as 6, 1; the zero value is newer than all
}

// Profile is what was imported.
type Profile struct {
	Policy *policy.Policy
	// Also are the other architectures whose calls the profile decides, as far as
	// Belljar has tables for them.
	Also []*syscalls.Table
	// Unknown are calls of architectures that Belljar has no table for. The
	// profile's users leave such names out, too.
	Unknown []string
}

// ociProfile is the seccomp object of the OCI runtime specification, and what
// Docker and Podman add to it (archMap, name, comment, includes, excludes).
type ociProfile struct {
	DefaultAction    string          `json:"defaultAction"`
	DefaultErrno     *uint16         `json:"defaultErrnoRet,omitempty"`
	DefaultErrnoName string          `json:"defaultErrno,omitempty"`
	Architectures    []string        `json:"architectures,omitempty"`
	ArchMap          []ociArch       `json:"archMap,omitempty"`
	Flags            []string        `json:"flags,omitempty"`
	ListenerPath     string          `json:"listenerPath,omitempty"`
	ListenerMetadata string          `json:"listenerMetadata,omitempty"`
	Syscalls         []ociRule       `json:"syscalls"`
	Comment          json.RawMessage `json:"comment,omitempty"`
}

type ociArch struct {
	Architecture string   `json:"architecture"`
	Sub          []string `json:"subArchitectures"`
}

type ociRule struct {
	Name      string     `json:"name,omitempty"`
	Names     []string   `json:"names,omitempty"`
	Action    string     `json:"action"`
	Errno     *uint16    `json:"errnoRet,omitempty"`
	ErrnoName string     `json:"errno,omitempty"`
	Args      []ociArg   `json:"args,omitempty"`
	Comment   string     `json:"comment,omitempty"`
	Includes  *ociFilter `json:"includes,omitempty"`
	Excludes  *ociFilter `json:"excludes,omitempty"`
}

type ociArg struct {
	Index    uint   `json:"index"`
	Value    uint64 `json:"value"`
	ValueTwo uint64 `json:"valueTwo,omitempty"`
	Op       string `json:"op"`
}

type ociFilter struct {
	Caps      []string `json:"caps,omitempty"`
	Arches    []string `json:"arches,omitempty"`
	MinKernel string   `json:"minKernel,omitempty"`
}

// ociArches are libseccomp's names of architectures, and the short ones that
// Docker's conditions use.
var ociArches = []struct{ goarch, scmp, short string }{
	{"amd64", "SCMP_ARCH_X86_64", "amd64"}, {"386", "SCMP_ARCH_X86", "x86"}, {"x32", "SCMP_ARCH_X32", "x32"},
	{"arm64", "SCMP_ARCH_AARCH64", "arm64"}, {"arm", "SCMP_ARCH_ARM", "arm"}, {"riscv64", "SCMP_ARCH_RISCV64", "riscv64"},
}

// ociActions are the actions that a policy has a word for. KILL and KILL_THREAD
// end the thread that made the call; a policy ends the process.
var ociActions = map[string]policy.Kind{
	"SCMP_ACT_ALLOW": policy.Allow, "SCMP_ACT_ERRNO": policy.Deny, "SCMP_ACT_KILL": policy.Kill, "SCMP_ACT_KILL_THREAD": policy.Kill,
	"SCMP_ACT_KILL_PROCESS": policy.Kill, "SCMP_ACT_TRACE": policy.Trap, "SCMP_ACT_NOTIFY": policy.Trap,
}

var ociOps = map[string]policy.Op{"SCMP_CMP_NE": policy.Ne, "SCMP_CMP_LT": policy.Lt, "SCMP_CMP_LE": policy.Le,
	"SCMP_CMP_EQ": policy.Eq, "SCMP_CMP_GE": policy.Ge, "SCMP_CMP_GT": policy.Gt, "SCMP_CMP_MASKED_EQ": policy.Mask}

// ImportOCI reads a container's seccomp profile: OCI, Docker's or Podman's. As
// container runtimes have it, a rule without arguments decides a call before
// rules with them, conditions on the same argument are alternatives, and a rule
// that says what the default says is none. Errors say where the mistake is, by
// line and column or by the path to the value.
func ImportOCI(file string, src []byte, host Host) (*Profile, error) {
	var in ociProfile
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return nil, jsonError(file, src, d.InputOffset(), err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, jsonError(file, src, d.InputOffset(), errors.New("something follows the profile"))
	}
	im := importer{host: host, out: &Profile{Policy: &policy.Policy{Name: file}}, byCall: map[string][]policy.Rule{}}
	if err := im.profile(&in); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return im.out, nil
}

// jsonError says in which line an error of package json is.
func jsonError(file string, src []byte, at int64, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at = kind.Offset
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		at, err = int64(len(src)), errors.New("the profile is not complete")
	}
	before := src[:min(max(at, 0), int64(len(src)))]
	return fmt.Errorf("%s:%d:%d: %w", file, 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'), err)
}

type importer struct {
	host     Host
	out      *Profile
	fallback policy.Action
	calls    []string // in the order in which they are first named
	byCall   map[string][]policy.Rule
}

func (im *importer) profile(in *ociProfile) error {
	var err error
	if im.fallback, err = ociAction(in.DefaultAction, in.DefaultErrno, in.DefaultErrnoName); err != nil {
		return fmt.Errorf("defaultAction: %w", err)
	}
	im.out.Policy.Default = im.fallback
	if len(in.Architectures) > 0 && len(in.ArchMap) > 0 {
		return errors.New("architectures and archMap: a profile has one of them")
	}
	im.architectures(in)
	for i := range in.Syscalls {
		if err := im.rule(&in.Syscalls[i]); err != nil {
			return fmt.Errorf("syscalls[%d]%w", i, err)
		}
	}
	for _, call := range im.calls {
		rules := im.byCall[call]
		if i := slices.IndexFunc(rules, func(r policy.Rule) bool { return len(r.When) == 0 }); i >= 0 {
			rules = rules[i : i+1]
		}
		im.out.Policy.Rules = append(im.out.Policy.Rules, rules...)
	}
	return im.out.Policy.Validate()
}

func (im *importer) architectures(in *ociProfile) {
	names := in.Architectures
	for _, m := range in.ArchMap {
		if scmpTable(m.Architecture) == im.host.Table {
			names = m.Sub
		}
	}
	for _, name := range names {
		if t := scmpTable(name); t != nil && t != im.host.Table {
			im.out.Also = append(im.out.Also, t)
		}
	}
}

func scmpTable(name string) *syscalls.Table {
	for _, a := range ociArches {
		if a.scmp == name {
			return syscalls.ForGOARCH(a.goarch)
		}
	}
	return nil
}

func ociAction(name string, errno *uint16, errnoName string) (policy.Action, error) {
	kind, ok := ociActions[name]
	if !ok {
		return policy.Action{}, fmt.Errorf("%q: not an action that a policy has (ALLOW, ERRNO, KILL_PROCESS, TRACE and NOTIFY of SCMP_ACT_*)", name)
	}
	if kind != policy.Deny {
		return policy.Action{Kind: kind}, nil
	}
	const eperm = 1
	number := uint16(eperm)
	if errno != nil {
		number = *errno
	} else if errnoName != "" {
		if number, ok = syscalls.Errno(errnoName); !ok {
			return policy.Action{}, fmt.Errorf("unknown errno %q", errnoName)
		}
	}
	return policy.Action{Kind: kind, Errno: number}, nil
}

// rule adds one entry of syscalls. Its errors begin with the rest of a path.
func (im *importer) rule(r *ociRule) error {
	names := r.Names
	if r.Name != "" {
		if len(names) > 0 {
			return errors.New(": an entry has name or names, not both")
		}
		names = []string{r.Name}
	}
	action, err := ociAction(r.Action, r.Errno, r.ErrnoName)
	if err != nil {
		return fmt.Errorf(".action: %w", err)
	}
	included, err := im.applies(r)
	if err != nil || !included {
		return err
	}
	if action == im.fallback {
		return nil
	}
	for _, name := range names {
		if !syscalls.Known(name) {
			im.out.Unknown = append(im.out.Unknown, name)
			continue
		}
		rules, err := im.conditions(name, r.Args)
		if err != nil {
			return err
		}
		if _, ok := im.byCall[name]; !ok {
			im.calls = append(im.calls, name)
		}
		for _, when := range rules {
			im.byCall[name] = append(im.byCall[name], policy.Rule{Call: name, When: when, Do: action})
		}
	}
	return nil
}

// applies asks the host for what a rule depends on.
func (im *importer) applies(r *ociRule) (bool, error) {
	if f := r.Excludes; f != nil {
		newer, err := im.atLeast(f.MinKernel)
		if err != nil {
			return false, fmt.Errorf(".excludes.minKernel: %w", err)
		}
		if im.isArch(f.Arches) || slices.ContainsFunc(f.Caps, im.hasCap) || f.MinKernel != "" && newer {
			return false, nil
		}
	}
	if f := r.Includes; f != nil {
		newer, err := im.atLeast(f.MinKernel)
		if err != nil {
			return false, fmt.Errorf(".includes.minKernel: %w", err)
		}
		lacks := slices.ContainsFunc(f.Caps, func(c string) bool { return !im.hasCap(c) })
		if len(f.Arches) > 0 && !im.isArch(f.Arches) || lacks || f.MinKernel != "" && !newer {
			return false, nil
		}
	}
	return true, nil
}

func (im *importer) hasCap(name string) bool { return slices.Contains(im.host.Caps, name) }

func (im *importer) isArch(names []string) bool {
	for _, a := range ociArches {
		if im.host.Table != nil && a.goarch == im.host.Table.GOARCH {
			return slices.Contains(names, a.short)
		}
	}
	return false
}

// atLeast reports whether the host's kernel is of this version or newer.
func (im *importer) atLeast(version string) (bool, error) {
	if version == "" {
		return false, nil
	}
	major, minor, _ := strings.Cut(version, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil || a < 0 || b < 0 {
		return false, fmt.Errorf("%q is not a version such as 4.8", version)
	}
	k := im.host.Kernel
	return k == [2]int{} || k[0] > a || k[0] == a && k[1] >= b, nil
}

// conditions turns the arguments of a rule into the conditions of one rule or
// more. A condition that is never true makes none, one that always is, is left
// out.
func (im *importer) conditions(call string, args []ociArg) ([][]policy.Cond, error) {
	var whole []policy.Cond
	var each [][]policy.Cond
	seen := map[uint]bool{}
	twice, never := false, false
	for i, a := range args {
		op, ok := ociOps[a.Op]
		if !ok || a.Index > 5 {
			return nil, fmt.Errorf(".args[%d]: %q of argument %d: not a comparison", i, a.Op, a.Index)
		}
		twice = twice || seen[a.Index]
		seen[a.Index] = true
		c := policy.Cond{Arg: int(a.Index), Op: op, Values: []uint64{a.Value}}
		if op == policy.Mask {
			c.Mask, c.Values = a.Value, []uint64{a.ValueTwo}
		}
		switch constantCond(c, syscalls.Args(call)[a.Index].Bits()) {
		case fails:
			never = true
		case holds:
			each = append(each, nil)
		default:
			whole, each = append(whole, c), append(each, []policy.Cond{c})
		}
	}
	switch {
	case twice:
		return each, nil
	case never:
		return nil, nil
	}
	return [][]policy.Cond{whole}, nil
}

// constantCond says whether a condition holds for every argument, or for none.
func constantCond(c policy.Cond, width int) outcome {
	limit := all64 >> (64 - width)
	v := policy.Narrow(c.Values[0], width)
	switch c.Op {
	case policy.Lt, policy.Ge:
		if v == 0 || v > limit {
			return decided((v == 0) == (c.Op == policy.Ge))
		}
	case policy.Le, policy.Gt:
		if v >= limit {
			return decided(c.Op == policy.Le)
		}
	case policy.Mask:
		if mask := c.Mask & limit; mask == 0 || v&^mask != 0 {
			return decided(v == 0)
		}
	default:
		if v > limit {
			return decided(c.Op == policy.Ne)
		}
	}
	return open
}
