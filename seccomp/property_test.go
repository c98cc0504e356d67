package seccomp_test

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"testing"

	netbpf "golang.org/x/net/bpf"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

var tables = syscalls.Tables()

// generator makes random policies and calls that are likely to meet.
type generator struct {
	*rand.Rand
	calls []string
}

// number returns numbers around the boundaries where comparisons go wrong.
func (g generator) number() uint64 {
	n := []uint64{0, 1, 2, 7, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffff9c, 0xffffffff,
		0x100000000, 0x100000001, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffff00000000, 0xffffffff80000000,
		0xffffffffffffff9c, 0xfffffffffffffffe, 0xffffffffffffffff}[g.IntN(21)]
	switch g.IntN(4) {
	case 0:
		n += uint64(g.IntN(3)) - 1
	case 1:
		n ^= g.Uint64() >> g.IntN(64)
	}
	return n
}

func (g generator) action() policy.Action {
	return []policy.Action{
		{Kind: policy.Allow}, {Kind: policy.Kill}, {Kind: policy.Trap},
		{Kind: policy.Deny, Errno: 1}, {Kind: policy.Deny, Errno: 38}, {},
	}[g.IntN(6)]
}

// rule returns a rule that is valid, so it tries until one is.
func (g generator) rule() policy.Rule {
	for {
		r := policy.Rule{Call: g.calls[g.IntN(len(g.calls))], Do: g.action()}
		if g.IntN(8) == 0 {
			all := syscalls.Groups()
			r.Call = all[g.IntN(len(all))]
		} else {
			for range g.IntN(4) {
				c := policy.Cond{Arg: g.IntN(6), Op: policy.Op(g.IntN(8)), Values: []uint64{g.number()}}
				if c.Op == policy.In {
					for range g.IntN(5) {
						c.Values = append(c.Values, g.number())
					}
				}
				if c.Op == policy.Mask {
					c.Mask = g.number()
					c.Values[0] &= c.Mask
				}
				r.When = append(r.When, c)
			}
		}
		if (&policy.Policy{Rules: []policy.Rule{r}}).Validate() == nil {
			return r
		}
	}
}

func (g generator) policy() *policy.Policy {
	p := &policy.Policy{Default: g.action()}
	for range g.IntN(20) {
		p.Rules = append(p.Rules, g.rule())
	}
	return p
}

// args are random, but often equal to a value that some rule compares with.
func (g generator) args(p *policy.Policy) (args [6]uint64) {
	for i := range args {
		args[i] = g.number()
	}
	for range 4 {
		if len(p.Rules) == 0 {
			break
		}
		for _, c := range p.Rules[g.IntN(len(p.Rules))].When {
			v := c.Values[g.IntN(len(c.Values))]
			args[c.Arg] = []uint64{v, v, v + 1, v - 1, v ^ 1<<32, v | 0xabcd<<48, uint64(uint32(v)), v ^ c.Mask}[g.IntN(8)]
		}
	}
	return args
}

// answer is what the filter should say for what the policy says.
func answer(a policy.Action) uint32 {
	switch a.Kind {
	case policy.Allow:
		return bpf.Allow
	case policy.Deny:
		return bpf.Errno | uint32(a.Errno)
	case policy.Trap:
		return bpf.Trace
	}
	return bpf.KillProcess
}

// someCalls have conditions that differ in width and kind.
var someCalls = []string{"ioctl", "prctl", "clone", "mmap", "chmod", "setuid", "socket", "fcntl", "lseek", "openat", "personality", "read"}

// rounds is how many random policies there are; each decides 600 calls. make
// fuzz asks for more.
var rounds = flag.Int("rounds", 400, "random policies to compile")

// For random policies and calls, a direct reading of the policy agrees with the
// compiled filter, and with the one that is compiled without regard to what
// earlier tests have shown, in x/net/bpf's VM and in our interpreter.
func TestFilterEqualsPolicy(t *testing.T) {
	n := *rounds
	if testing.Short() {
		n = 50
	}
	for seed := range n {
		g := generator{Rand: rand.New(rand.NewPCG(uint64(seed), 7)), calls: someCalls}
		p, o := g.policy(), g.options()
		prog, err := seccomp.Compile(p, o)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		plain, err := seccomp.CompilePlain(p, o)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		vm, plainVM := netVM(t, prog), netVM(t, plain)
		all := append(o.Also, o.Table)
		for range 300 {
			table := all[g.IntN(len(all))]
			nr := g.nr(table)
			d := bpf.Data{Nr: int32(nr), Arch: table.Audit, IP: g.Uint64(), Args: g.args(p)}
			action, rule := p.Decide(table, nr, d.Args)
			checkBoth(t, vm, prog, d, answer(action))
			checkBoth(t, plainVM, plain, d, answer(action))
			if constant(p, table.Name(nr)) && !prog.ConstantAllow(d.Nr, d.Arch) {
				t.Errorf("the kernel would run the filter for a call that is always allowed")
			}
			if t.Failed() {
				t.Fatalf("seed %d: %s %s%#x, rule %+v\n%s", seed, table.GOARCH, table.Name(nr), d.Args, rule, p.YAML())
			}
			if d.Arch ^= 1; answerTo(t, prog, d) != bpf.KillProcess || answerTo(t, plain, d) != bpf.KillProcess {
				t.Fatalf("seed %d: %d of an architecture that is none of the filter's is not killed\n%s", seed, nr, p.YAML())
			}
		}
	}
}

func answerTo(t *testing.T, prog bpf.Program, d bpf.Data) uint32 {
	got, _, err := prog.Run(d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// options picks one architecture, or several.
func (g generator) options() seccomp.Options {
	order := g.Perm(len(tables))
	o := seccomp.Options{Table: tables[order[0]]}
	for _, i := range order[1:] {
		if g.IntN(4) == 0 {
			o.Also = append(o.Also, tables[i])
		}
	}
	return o
}

// constant reports whether a policy allows a call whatever its arguments are.
func constant(p *policy.Policy, call string) bool {
	for _, r := range p.Rules {
		if r.Names(call) {
			if len(r.When) > 0 {
				return false
			}
			return r.Do.Kind == policy.Allow
		}
	}
	return p.Default.Kind == policy.Allow
}

// nr is mostly a call that rules name, sometimes any number.
func (g generator) nr(table *syscalls.Table) int {
	if g.IntN(4) > 0 {
		if nr, ok := table.Number(g.calls[g.IntN(len(g.calls))]); ok {
			return nr
		}
	}
	return table.First() + g.IntN(600)
}

func netVM(t testing.TB, p bpf.Program) *netbpf.VM {
	t.Helper()
	var instructions []netbpf.Instruction
	for _, in := range p {
		instructions = append(instructions, netbpf.RawInstruction{Op: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}.Disassemble())
	}
	vm, err := netbpf.NewVM(instructions)
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

func checkBoth(t *testing.T, vm *netbpf.VM, p bpf.Program, d bpf.Data, want uint32) {
	t.Helper()
	theirs, err := vm.Run(d.Bytes(binary.BigEndian))
	if err != nil {
		t.Fatal(err)
	}
	ours, steps, err := p.Run(d)
	if err != nil || ours != want || uint32(theirs) != want || steps > 4096 {
		t.Errorf("the filter says %s here and %s in x/net/bpf (%v), the policy says %s",
			bpf.AnswerString(ours), bpf.AnswerString(uint32(theirs)), err, bpf.AnswerString(want))
	}
}

// Compile never panics on what Parse accepts, and agrees with the policy on
// one call.
func FuzzCompile(f *testing.F) {
	for _, name := range policy.Presets() {
		src, _ := policy.PresetSource(name)
		f.Add(string(src), uint16(1), uint64(1), uint64(2))
	}
	f.Fuzz(func(t *testing.T, src string, nr uint16, a, b uint64) {
		p, err := policy.Parse("fuzz.yaml", []byte(src))
		if err != nil {
			return
		}
		for _, table := range tables {
			prog, err := seccomp.Compile(p, seccomp.Options{Table: table})
			if err != nil {
				continue // too long
			}
			number := table.First() + int(nr)
			d := bpf.Data{Nr: int32(number), Arch: table.Audit, Args: [6]uint64{a, b, a, b, a, b}}
			action, _ := p.Decide(table, number, d.Args)
			checkBoth(t, netVM(t, prog), prog, d, answer(action))
		}
	})
}
