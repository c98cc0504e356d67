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
	Table *syscalls.Table // the architecture of the program

	// Also are further architectures whose calls the policy decides, such as
	// I386 for programs of an AMD64 kernel. Calls of all others are killed.
	Also []*syscalls.Table

	// Trap holds the calls that a supervisor decides: where the policy would
	// allow one, the filter answers TrapAction.
	Trap map[string]bool
	// Pass lets a call of Trap through to the kernel where a condition holds.
	Pass map[string]policy.Cond
	// Always holds the calls that the supervisor decides whatever the policy
	// says of them, because it makes the program make them.
	Always map[string]bool
	// TrapAction answers Trap and Always calls and the policy's own traps; 0
	// means bpf.Trace.
	TrapAction uint32
	// Trace holds the calls that a tracer decides where TrapAction is for
	// another supervisor: where a call's trap holds these conditions, the filter
	// answers bpf.Trace. No conditions always hold.
	Trace map[string][]policy.Cond

	// Exec are the three pointer arguments of the launch's own execve, which
	// is allowed before any rule. The filter is armed before that call, so
	// without it no policy could forbid execve.
	Exec *[3]uint64
	// ExecAction answers it; 0 means bpf.Allow.
	ExecAction uint32

	// Launch are calls that a launch makes behind the filter, which allows
	// them, whatever the policy says, where the sixth argument is LaunchPass.
	// None of these calls has a sixth argument.
	Launch     map[string]bool
	LaunchPass uint64
}

// x32Bit marks calls of the x32 ABI, which shares amd64's AUDIT_ARCH.
const x32Bit = 0x40000000

// Compile returns a filter that answers each call of the tables as
// policy.Decide does. A call of another architecture is killed. What a call's
// number alone decides is answered before any argument is loaded, so the
// kernel (since 5.11) need not run the filter for calls that are always
// allowed. It fails with *policy.Error for a policy that is not valid, and
// where the filter would be longer than the kernel takes.
//
// [CompileAll] makes several filters of a policy that is too long for one.
func Compile(p *policy.Policy, o Options) (bpf.Program, error) { return compile(p, o, false) }

// compile may leave out no test for what earlier ones have shown, which is how
// tests compare programs with their plain reading.
func compile(p *policy.Policy, o Options, plain bool) (bpf.Program, error) {
	c, err := newCompiler(p, o)
	if err != nil {
		return nil, err
	}
	c.plain = plain
	return c.compile(everyCall)
}

func newCompiler(p *policy.Policy, o Options) (*compiler, error) {
	if o.Table == nil {
		return nil, fmt.Errorf("compile filter: no table of system calls for this architecture")
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	o.TrapAction = cmp.Or(o.TrapAction, bpf.Trace)
	return &compiler{Options: o, fallback: o.answer(p.Default), rules: rulesByCall(p)}, nil
}

// compile returns a filter that decides some calls and allows the others.
func (c *compiler) compile(decides func(call string) bool) (bpf.Program, error) {
	c.graph, c.decides = bpf.Graph{}, decides
	prog, err := c.graph.Assemble(c.architectures())
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
	plain    bool
	graph    bpf.Graph
	rules    map[string][]*policy.Rule
	fallback uint32 // the answer to a call that no rule names
	steps    []step // of the call in hand
	// decides says which calls the filter decides, and for "" whether it decides
	// numbers that are no calls.
	decides func(call string) bool
}

// architectures returns the root: one section for each AUDIT_ARCH, or where
// there is one only, its numbers first: a call that is killed by its number is
// killed whatever the architecture is, two instructions earlier.
func (c *compiler) architectures() bpf.Node {
	tables := append([]*syscalls.Table{c.Table}, c.Also...)
	root := c.graph.Return(bpf.KillProcess)
	if !slices.ContainsFunc(c.Also, func(t *syscalls.Table) bool { return t.Audit != c.Table.Audit }) {
		spans, kills := c.section(tables)
		if !kills {
			return c.native(c.Table, c.number(spans), root)
		}
		for i := range spans {
			spans[i].node = c.native(c.Table, spans[i].node, root)
		}
		return c.number(spans)
	}
	var done []uint32
	// The last test that is built is the first that is made.
	for _, t := range slices.Backward(tables) {
		if slices.Contains(done, t.Audit) {
			continue
		}
		done = append(done, t.Audit)
		same := slices.DeleteFunc(slices.Clone(tables), func(other *syscalls.Table) bool { return other.Audit != t.Audit })
		spans, _ := c.section(same)
		root = c.native(t, c.number(spans), root)
	}
	return root
}

// native returns the node that goes to yes for calls of a table's AUDIT_ARCH.
func (c *compiler) native(t *syscalls.Table, yes, no bpf.Node) bpf.Node {
	return c.graph.Test(bpf.Test{Offset: bpf.OffArch, Mask: all32, Op: bpf.JEQ, K: t.Audit}, yes, no)
}

// number returns the node that finds a call's number among spans.
func (c *compiler) number(spans []span) bpf.Node { return search(&c.graph, bpf.OffNr, all32, spans) }

// section returns what decides the calls of tables that share an AUDIT_ARCH, and
// whether it kills some of them.
func (c *compiler) section(tables []*syscalls.Table) (spans []span, kills bool) {
	kill, fallback := c.graph.Return(bpf.KillProcess), c.graph.Return(c.fallback)
	if !c.decides("") {
		fallback = c.graph.Return(bpf.Allow)
	}
	spans = append(make([]span, 0, 1024), span{first: 0, node: fallback}) // two for each call
	if tables[0].Audit == syscalls.AMD64.Audit {
		// Without a table for it, each half of the numbers is killed.
		spans = append(spans[:0], span{first: 0, node: kill}, span{first: x32Bit, node: kill}, span{first: all32, node: fallback})
		for _, t := range tables {
			spans[min(t.First()/x32Bit, 1)].node = fallback
		}
		// A tracer that skips a call sets its number to -1 and the kernel may
		// run the filter again, so -1 is not an x32 call.
	}
	for _, t := range tables {
		for nr, name := range t.Calls() {
			n := c.call(t, name)
			kills = kills || n == kill
			spans = append(spans, span{first: uint32(nr), node: n, weight: c.weight(name, n)}, span{first: uint32(nr) + 1, node: fallback})
		}
	}
	// Where two spans start at the same number, the call's is the one that counts.
	slices.SortStableFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.weight, a.weight))
	})
	return slices.CompactFunc(spans, func(a, b span) bool { return a.first == b.first }), kills
}

// rare is the weight of a call that programs hardly make, of 10,000. It keeps the
// search from being deep where weights are 0.
const rare = 4

// weight is how much a call counts when the search for its number is built: as
// often as programs make it, and little where it ends them.
func (c *compiler) weight(name string, n bpf.Node) int32 {
	if answer, _ := c.graph.Answer(n); answer == bpf.KillProcess {
		return rare
	}
	return rare + int32(syscalls.Frequency(name))
}

// rulesByCall lists the rules of each call in order, with groups spelled out.
func rulesByCall(p *policy.Policy) map[string][]*policy.Rule {
	m := make(map[string][]*policy.Rule, 512)
	one := make([]*policy.Rule, 0, 512) // most calls have one rule, so their lists share an array
	for i := range p.Rules {
		r := &p.Rules[i]
		names := []string{r.Call}
		if policy.IsGroup(r.Call) {
			names, _ = syscalls.Group(r.Call)
		}
		for _, name := range names {
			if before, ok := m[name]; ok {
				m[name] = append(before, r)
				continue
			}
			one = append(one, r)
			m[name] = one[len(one)-1 : len(one) : len(one)]
		}
	}
	return m
}

// call returns the node that decides one call: its conditional rules, then the
// first rule without conditions or the default.
func (c *compiler) call(t *syscalls.Table, name string) bpf.Node {
	if !c.decides(name) {
		return c.graph.Return(bpf.Allow)
	}
	d := decision{Graph: &c.graph, plain: c.plain, steps: c.steps[:0]}
	last, rules := c.fallback, c.rules[name]
	if c.Always[name] && t == c.Table {
		last, rules = c.TrapAction, nil
	}
	for _, r := range rules {
		answer := c.answer(r.Do)
		if len(r.When) == 0 {
			last = answer
			break
		}
		c.add(&d, t, name, r.When, answer)
	}
	c.add(&d, t, name, nil, last)
	c.steps = d.steps
	n := d.node()
	if name == "execve" && c.Exec != nil && t == c.Table {
		n = c.launch(c.graph.Return(cmp.Or(c.ExecAction, bpf.Allow)), n, 0, c.Exec[:]...)
	}
	if answer, constant := c.graph.Answer(n); c.Launch[name] && t == c.Table && !(constant && answer == bpf.Allow) {
		n = c.launch(c.graph.Return(bpf.Allow), n, 5, c.LaunchPass)
	}
	return n
}

// add adds an answer under conditions. What a supervisor decides becomes a
// trap; one that is the tracer's comes before any other.
func (c *compiler) add(d *decision, t *syscalls.Table, name string, when []policy.Cond, answer uint32) {
	if c.Trap[name] && answer == bpf.Allow {
		answer = c.TrapAction
		if pass, ok := c.Pass[name]; ok {
			d.steps = append(d.steps, newStep(t, name, append(slices.Clone(when), pass), bpf.Allow))
		}
	}
	if more, ok := c.Trace[name]; ok && answer == c.TrapAction {
		if len(more) == 0 {
			answer = bpf.Trace
		} else {
			d.steps = append(d.steps, newStep(t, name, slices.Concat(when, more), bpf.Trace))
		}
	}
	d.steps = append(d.steps, newStep(t, name, when, answer))
}

// launch returns the node that goes to yes for the launch's own call, which has
// these values as arguments from the first on, and to other for any else.
// Nothing is concluded from its tests: the values in a filter may be replaced
// after it was compiled.
func (c *compiler) launch(yes, other bpf.Node, first int, values ...uint64) bpf.Node {
	n := yes
	for i, value := range slices.Backward(values) {
		for half, v := range []uint32{uint32(value >> 32), uint32(value)} {
			offset := bpf.OffArg(first+i) + 4*uint32(1-half)
			n = c.graph.Test(bpf.Test{Offset: offset, Mask: all32, Op: bpf.JEQ, K: v}, n, other)
		}
	}
	return n
}
