package belljar

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/supervise/ptrace"
)

// filters keeps the filters of the last policies: a judge runs thousands of
// programs under one. A filter is found by the content of what it was compiled
// from, so a policy that was changed in place is another one.
var filters = struct {
	sync.Mutex
	byKey map[[sha256.Size]byte]*template
}{byKey: make(map[[sha256.Size]byte]*template)}

// maxFilters bounds the cache, which is emptied when it is full.
const maxFilters = 64

// template is compiled filters with the places where a launch token belongs.
type template struct {
	filters []bpf.Program
	places  []place
}

// place is an instruction that compares half of a secret.
type place struct {
	filter, at, secret int
	high               bool
}

// blank stands for the secrets of a launch in a template: the token's pointers
// and the pass of a standby. Its halves are values that no policy compares by
// accident, and all different.
var blank = [4]uint64{0xb3111a20_b3111a21, 0xb3111a22_b3111a23, 0xb3111a24_b3111a25, 0xb3111a26_b3111a27}

// filters returns the policy as the kernel takes it, for a launch by a token:
// arrays of struct sock_filter, more than one if the policy is long.
func (p *plan) filters(token *launch.Token) ([][]byte, error) {
	t, err := p.template(false)
	if err != nil {
		return nil, err
	}
	secrets := token.Pointers()
	return t.encode(secrets[:]), nil
}

// standbyFilters is filters for a launch of which the second half carries a pass.
func (p *plan) standbyFilters(pass uint64) ([][]byte, error) {
	t, err := p.template(true)
	if err != nil {
		return nil, err
	}
	return t.encode([]uint64{3: pass}), nil
}

// kind is what the filters of a runner's commands without a directory depend on.
type kind struct {
	where
	supervisor Supervisor
	standby    bool
}

// template returns filters with blank for the secrets. The runner keeps them,
// unless they depend on more than the options: a directory, or what a watcher
// says that it watches.
func (p *plan) template(standby bool) (*template, error) {
	k := kind{p.where(), p.supervisor, standby}
	if p.cmd.Dir != "" || p.opts.Watch != nil {
		return p.compile(standby)
	}
	if t, ok := p.runner.filters.Load(k); ok {
		return t.(*template), nil
	}
	t, err := p.compile(standby)
	if err == nil {
		p.runner.filters.Store(k, t)
	}
	return t, err
}

// compile finds filters that were prepared, or made for another runner, or makes
// them.
func (p *plan) compile(standby bool) (*template, error) {
	opts := p.filterOptions(standby)
	key := p.filterKey(opts)
	filters.Lock()
	t := filters.byKey[key]
	filters.Unlock()
	if t != nil {
		return t, nil
	}
	if t = prepared(key); t == nil {
		compiled, err := p.compileAnew(opts)
		if err != nil {
			return nil, err
		}
		t = newTemplate(compiled)
	}
	filters.Lock()
	defer filters.Unlock()
	if len(filters.byKey) >= maxFilters {
		clear(filters.byKey)
	}
	filters.byKey[key] = t
	return t, nil
}

// compileAnew makes filters. All that they depend on is in filterKey.
func (p *plan) compileAnew(opts seccomp.Options) ([]bpf.Program, error) {
	compiled, err := seccomp.CompileAll(p.withoutDoors(), opts)
	if err != nil {
		return nil, err
	}
	if opts.TrapAction == bpf.UserNotif && notifies(compiled[:len(compiled)-1]) {
		return nil, fmt.Errorf("the policy is too long for one filter, and only one can have the listener that --supervisor notify needs; use ptrace")
	}
	return compiled, nil
}

// filterOptions says where the filter sends the calls that it does not decide,
// and what lets the launch through.
func (p *plan) filterOptions(standby bool) seccomp.Options {
	o := seccomp.Options{Table: p.table, Trap: p.trapCalls(), Always: p.alwaysTrap(), Pass: p.passCalls()}
	if standby {
		o.Launch, o.LaunchPass = launch.PassCalls, blank[3]
	} else {
		o.Exec = (*[3]uint64)(blank[:])
	}
	if p.supervisor == Notify {
		// The tracer stops the launch where the listener exists and no
		// instruction of the program has run.
		o.TrapAction, o.ExecAction, o.Trace = bpf.UserNotif, bpf.Trace, p.tracerCalls(o.Always)
	}
	return o
}

// tracerCalls are the calls that the tracer decides beside notify: what a
// notification cannot answer, and all that belongs to the tracer's way of
// answering it. SECCOMP_IOCTL_NOTIF_ADDFD refuses O_PATH descriptors (EBADF, as of
// Linux 6.18), and openat2 has its flags in memory.
func (p *plan) tracerCalls(made map[string]bool) map[string][]policy.Cond {
	path := func(arg int) []policy.Cond {
		const oPath = 0o10000000 // O_PATH, on every architecture
		return []policy.Cond{{Arg: arg, Op: policy.Mask, Mask: oPath, Values: []uint64{oPath}}}
	}
	calls := map[string][]policy.Cond{"open": path(1), "openat": path(2), "openat2": nil}
	for name := range made {
		calls[name] = nil
	}
	if !kernel.Mseal.Have() {
		for _, name := range ptrace.GuardCalls {
			calls[name] = nil
		}
	}
	return calls
}

// notifies reports whether a filter asks a listener.
func notifies(filters []bpf.Program) bool {
	return slices.ContainsFunc(filters, func(f bpf.Program) bool {
		return slices.Contains(f, bpf.Instruction{Op: bpf.RET | bpf.K, K: bpf.UserNotif})
	})
}

func newTemplate(filters []bpf.Program) *template {
	t := &template{filters: filters}
	for n, prog := range filters {
		for at, in := range prog {
			for i, v := range blank {
				switch in.K {
				case uint32(v):
					t.places = append(t.places, place{n, at, i, false})
				case uint32(v >> 32):
					t.places = append(t.places, place{n, at, i, true})
				}
			}
		}
	}
	return t
}

// encode lays the filters out with the secrets in their places.
func (t *template) encode(secrets []uint64) [][]byte {
	filled := make([]bpf.Program, len(t.filters))
	for i, f := range t.filters {
		filled[i] = slices.Clone(f)
	}
	for _, p := range t.places {
		k := secrets[p.secret]
		if p.high {
			k >>= 32
		}
		filled[p.filter][p.at].K = uint32(k)
	}
	raw := make([][]byte, len(filled))
	for i, f := range filled {
		raw[i] = f.Raw()
	}
	return raw
}

// spelled is a set of conditions, for a key.
func spelled(conds map[string]policy.Cond) map[string]bool {
	set := make(map[string]bool, len(conds))
	for call, c := range conds {
		set[fmt.Sprintf("%s %+v", call, c)] = true
	}
	return set
}

// filterKey is the key of the filter that compileAnew makes. Supervisor and root
// tell runs apart that have other doors, and other answers to traps; what the
// tracer decides beside notify depends on the kernel by its calls alone.
func (p *plan) filterKey(o seccomp.Options) [sha256.Size]byte {
	traced := make(map[string]bool, len(o.Trace))
	for call := range o.Trace {
		traced[call] = true
	}
	return digest(p.policy, fmt.Sprint(p.supervisor, p.root != nil), o.Trap, o.Always, traced, spelled(o.Pass), o.Launch)
}

// digest is a hash of a policy's rules on calls, and of what else a filter is made from.
func digest(p *policy.Policy, kind string, sets ...map[string]bool) [sha256.Size]byte {
	b := make([]byte, 0, 16<<10)
	action := func(a policy.Action) {
		b = append(b, byte(a.Kind))
		b = binary.LittleEndian.AppendUint16(b, a.Errno)
	}
	text := func(s string) {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	text(kind)
	action(p.Default)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Rules)))
	for i := range p.Rules {
		r := &p.Rules[i]
		text(r.Call)
		action(r.Do)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(r.When)))
		for _, c := range r.When {
			b = append(b, byte(c.Arg), byte(c.Op))
			b = binary.LittleEndian.AppendUint64(b, c.Mask)
			b = binary.LittleEndian.AppendUint32(b, uint32(len(c.Values)))
			for _, v := range c.Values {
				b = binary.LittleEndian.AppendUint64(b, v)
			}
		}
	}
	for _, set := range sets {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(set)))
		for _, name := range slices.Sorted(maps.Keys(set)) {
			text(name)
		}
	}
	return sha256.Sum256(b)
}
