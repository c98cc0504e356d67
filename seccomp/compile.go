package seccomp

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// Options is what a filter needs to know beside the policy.
type Options struct {
	Table *syscalls.Table // the architecture; every other one is killed

	// Trap holds the calls that a supervisor decides: where the policy would
	// allow one, the filter answers TrapAction.
	Trap map[string]bool
	// Always holds the calls that the supervisor decides whatever the policy
	// says of them, because it makes the program make them.
	Always map[string]bool
	// TrapAction answers Trap and Always calls and the policy's own traps; 0
	// means bpf.Trace.
	TrapAction uint32

	// Exec are the three pointer arguments of the launch's own execve, which
	// is allowed before any rule. The filter is armed before that call, so
	// without it no policy could forbid execve.
	Exec *[3]uint64
}

// x32Bit marks calls of the x32 ABI, which shares amd64's AUDIT_ARCH.
const x32Bit = 0x40000000

// Compile returns a filter that answers each call of the table as
// policy.Decide does. A call of another architecture or of the x32 ABI is
// killed. It fails with *policy.Error for a policy that is not valid, and
// where the filter would be longer than the kernel takes.
func Compile(p *policy.Policy, o Options) (bpf.Program, error) {
	if o.Table == nil {
		return nil, fmt.Errorf("compile filter: no table of system calls for this architecture")
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	o.TrapAction = cmp.Or(o.TrapAction, bpf.Trace)
	c := compiler{Options: o, fallback: o.answer(p.Default)}
	c.prologue()
	c.search(c.plan(p))
	prog, err := c.asm.Assemble()
	if err != nil {
		return nil, fmt.Errorf("compile filter: %w", err)
	}
	return prog, nil
}

// answer is what the filter returns for an action.
func (o Options) answer(a policy.Action) uint32 {
	switch a.Kind {
	case policy.Allow:
		return bpf.Allow
	case policy.Deny:
		return bpf.Errno | uint32(a.Errno)
	case policy.Trap:
		return o.TrapAction
	}
	return bpf.KillProcess
}

// compiler holds one compilation.
type compiler struct {
	Options
	asm      bpf.Assembler
	fallback uint32 // the answer to a call that no rule names
}

// prologue kills foreign calls and leaves the call's number in the accumulator.
func (c *compiler) prologue() {
	kill, native := c.asm.NewLabel(), c.asm.NewLabel()
	c.asm.Load(bpf.OffArch)
	if c.Table == syscalls.AMD64 {
		number := c.asm.NewLabel()
		c.asm.JumpIf(bpf.JEQ, c.Table.Audit, number, kill)
		c.asm.Bind(number)
		c.asm.Load(bpf.OffNr)
		below := c.asm.NewLabel()
		c.asm.JumpIf(bpf.JGE, x32Bit, bpf.Next, below)
		// A tracer that skips a call sets its number to -1 and the kernel may
		// run the filter again, so -1 is not an x32 call.
		c.asm.JumpIf(bpf.JEQ, 0xffffffff, below, kill)
		c.asm.Bind(kill)
		c.asm.Return(bpf.KillProcess)
		c.asm.Bind(below)
		return
	}
	c.asm.JumpIf(bpf.JEQ, c.Table.Audit, native, kill)
	c.asm.Bind(kill)
	c.asm.Return(bpf.KillProcess)
	c.asm.Bind(native)
	c.asm.Load(bpf.OffNr)
}

// span is a range of numbers that starts at first, ends where the next span
// starts, and shares one way of deciding.
type span struct {
	first  uint32
	steps  []step // in order; only the last has no conditions
	answer uint32 // when no step holds
}

// step is one conditional rule of one call.
type step struct {
	when   []policy.Cond
	bits   []int // of each condition's argument
	answer uint32
}

// plan turns the rules into spans over all numbers, the first one at 0.
func (c *compiler) plan(p *policy.Policy) []span {
	byCall := rulesByCall(p)
	spans := []span{{first: 0, answer: c.fallback}}
	add := func(s span) {
		last := &spans[len(spans)-1]
		switch {
		case last.first == s.first:
			*last = s
		case len(s.steps) == 0 && len(last.steps) == 0 && s.answer == last.answer:
		default:
			spans = append(spans, s)
		}
	}
	for nr, name := range c.Table.Calls() {
		add(c.call(uint32(nr), name, byCall[name]))
		add(span{first: uint32(nr) + 1, answer: c.fallback})
	}
	return mergeEqual(spans)
}

// mergeEqual joins neighbours that a later span's placement made equal.
func mergeEqual(spans []span) []span {
	return slices.CompactFunc(spans, func(a, b span) bool {
		return len(a.steps) == 0 && len(b.steps) == 0 && a.answer == b.answer
	})
}

// rulesByCall lists the rules of each call in order, with groups spelled out.
func rulesByCall(p *policy.Policy) map[string][]*policy.Rule {
	m := map[string][]*policy.Rule{}
	for i := range p.Rules {
		r := &p.Rules[i]
		names := []string{r.Call}
		if policy.IsGroup(r.Call) {
			names, _ = syscalls.Group(r.Call)
		}
		for _, name := range names {
			m[name] = append(m[name], r)
		}
	}
	return m
}

// call decides one number: its conditional rules, then the first rule without
// conditions or the default.
func (c *compiler) call(nr uint32, name string, rules []*policy.Rule) span {
	s := span{first: nr, answer: c.fallback}
	if name == "execve" && c.Exec != nil {
		token := step{answer: bpf.Allow}
		for i, pointer := range c.Exec {
			token.when = append(token.when, policy.Cond{Arg: i, Op: policy.Eq, Values: []uint64{pointer}})
			token.bits = append(token.bits, c.Table.ArgBits(name, i))
		}
		s.steps = append(s.steps, token)
	}
	if c.Always[name] {
		s.answer = c.TrapAction
		return s
	}
	for _, r := range rules {
		answer := c.answer(r.Do)
		if c.Trap[name] && r.Do.Kind == policy.Allow {
			answer = c.TrapAction
		}
		if len(r.When) == 0 {
			s.answer = answer
			return s
		}
		st := step{when: r.When, answer: answer}
		for _, cond := range r.When {
			st.bits = append(st.bits, c.Table.ArgBits(name, cond.Arg))
		}
		s.steps = append(s.steps, st)
	}
	if c.Trap[name] && s.answer == bpf.Allow {
		s.answer = c.TrapAction
	}
	return s
}

// search emits a binary search for the span that holds the accumulator.
func (c *compiler) search(spans []span) {
	if len(spans) == 1 {
		c.decide(spans[0])
		return
	}
	middle := len(spans) / 2
	upper := c.asm.NewLabel()
	c.asm.JumpIf(bpf.JGE, spans[middle].first, upper, bpf.Next)
	c.search(spans[:middle])
	c.asm.Bind(upper)
	c.search(spans[middle:])
}

func (c *compiler) decide(s span) {
	for _, st := range s.steps {
		fail := c.asm.NewLabel()
		for i, cond := range st.when {
			c.condition(cond, st.bits[i], fail)
		}
		c.asm.Return(st.answer)
		c.asm.Bind(fail)
	}
	c.asm.Return(s.answer)
}
