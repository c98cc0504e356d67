package belljar

import (
	"slices"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
)

// door is a form of a call that leads out of a run, and that stays shut although
// the policy lets the call through.
type door struct {
	call  string
	when  []policy.Cond // what makes the call a door; none: any form
	errno syscall.Errno // as a kernel would answer that has no such door; 0: the supervisor is told, and lets it be
	opens opener
}

// opener says what in a policy opens a door.
type opener uint8

const (
	never   opener = iota
	byValue        // a rule on the call that asks for the door's value
	byName         // a rule that names the call itself, not its group
)

const (
	setLease  = 1024   // F_SETLEASE, as all that follows on every architecture
	ipcCreate = 0o1000 // IPC_CREAT
	openNew   = 0o100  // O_CREAT
)

// supervisedDoors would deceive or detain a supervisor. A listener answers before
// any tracer is asked, and the kernel allows one only. A lease makes whoever
// opens or truncates the file wait until it is given up, and that would be the
// supervisor.
var supervisedDoors = func() []door {
	doors := []door{
		{"seccomp", bit(1, sys.SeccompNewListener), syscall.EBUSY, never},
		{"fcntl", value(1, setLease), syscall.EACCES, never},
	}
	for _, f := range supervise.JoinForms {
		doors = append(doors, door{f.Call, []policy.Cond{f.When}, 0, never})
	}
	return doors
}()

// tracedDoors make processes that are not the run's: that no tracer follows,
// that are the children of somebody else, or that see another system. Every run
// is traced. The flags of clone3 are in memory, where nobody sees them in time;
// every C library then takes clone.
var tracedDoors = func() []door {
	doors := []door{{"clone3", nil, syscall.ENOSYS, never}}
	for _, flag := range []uint64{syscall.CLONE_UNTRACED, syscall.CLONE_PARENT, syscall.CLONE_PTRACE, syscall.CLONE_NEWNS,
		sys.CloneNewcgroup, syscall.CLONE_NEWUTS, syscall.CLONE_NEWIPC, syscall.CLONE_NEWUSER, syscall.CLONE_NEWPID, syscall.CLONE_NEWNET} {
		doors = append(doors, door{"clone", bit(0, flag), syscall.EPERM, byValue})
	}
	return doors
}()

// lastingDoors make what outlives the run, and what belongs to the whole
// machine, where the run has no IPC namespace of its own.
var lastingDoors = []door{
	{"shmget", value(0, 0), syscall.ENOSYS, byName}, // IPC_PRIVATE
	{"shmget", bit(2, ipcCreate), syscall.ENOSYS, byName},
	{"semget", value(0, 0), syscall.ENOSYS, byName},
	{"semget", bit(2, ipcCreate), syscall.ENOSYS, byName},
	{"msgget", value(0, 0), syscall.ENOSYS, byName},
	{"msgget", bit(1, ipcCreate), syscall.ENOSYS, byName},
	{"mq_open", bit(1, openNew), syscall.ENOSYS, byName},
}

func value(arg int, v uint64) []policy.Cond {
	return []policy.Cond{{Arg: arg, Op: policy.Eq, Values: []uint64{v}}}
}

func bit(arg int, v uint64) []policy.Cond {
	return []policy.Cond{{Arg: arg, Op: policy.Mask, Mask: v, Values: []uint64{v}}}
}

// doors are those that are shut in this run.
func (p *plan) doors() []door {
	all := tracedDoors
	if p.supervisor != NoOne {
		all = slices.Concat(all, supervisedDoors)
	}
	if p.root == nil {
		all = slices.Concat(all, lastingDoors)
	}
	return all
}

// shut returns the policy with the door closed before each rule that would let
// somebody through without meaning to.
func (d *door) shut(p *policy.Policy) *policy.Policy {
	do := policy.Action{Kind: policy.Deny, Errno: uint16(d.errno)}
	if d.errno == 0 {
		do = policy.Action{Kind: policy.Trap}
	}
	refusal := func(when []policy.Cond) policy.Rule {
		return policy.Rule{Call: d.call, When: slices.Concat(when, d.when), Do: do}
	}
	lets := func(a policy.Action) bool { return a.Kind == policy.Allow || a.Kind == policy.Trap }
	opened := func(r policy.Rule) bool {
		return lets(r.Do) && r.Names(d.call) && r.Meets(d.call, d.when...) && !d.openedBy(&r)
	}
	if !lets(p.Default) && !slices.ContainsFunc(p.Rules, opened) {
		return p // as most are: nobody gets through
	}
	own := *p
	own.Rules = make([]policy.Rule, 0, len(p.Rules)+2)
	for _, r := range p.Rules {
		if opened(r) {
			own.Rules = append(own.Rules, refusal(r.When))
		}
		own.Rules = append(own.Rules, r)
	}
	if lets(own.Default) {
		own.Rules = append(own.Rules, refusal(nil))
	}
	return &own
}

// openedBy reports whether a rule means the door when it lets the call through.
func (d *door) openedBy(r *policy.Rule) bool {
	switch d.opens {
	case byName:
		return r.Call == d.call
	case byValue:
		want := d.when[0]
		return slices.ContainsFunc(r.When, func(c policy.Cond) bool {
			exact := c.Op == policy.Eq || c.Op == policy.In || c.Op == policy.Mask
			return exact && c.Arg == want.Arg && slices.ContainsFunc(c.Values, func(v uint64) bool { return v&want.Mask != 0 })
		})
	}
	return false
}

// withoutDoors returns the policy for the filter of the run.
func (p *plan) withoutDoors() *policy.Policy {
	own := p.policy
	for _, d := range p.doors() {
		own = d.shut(own)
	}
	return own
}
