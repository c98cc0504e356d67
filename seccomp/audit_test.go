package seccomp_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

const all = ^uint32(0)

// filterWith assembles what a function builds of allow and kill.
func filterWith(t *testing.T, build func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node) bpf.Program {
	t.Helper()
	var g bpf.Graph
	p, err := g.Assemble(build(&g, g.Return(bpf.Allow), g.Return(bpf.KillProcess)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func warnings(p bpf.Program) []string {
	var rules []string
	for _, f := range seccomp.Audit(p) {
		if f.Warning && !slices.Contains(rules, f.Rule) {
			rules = append(rules, f.Rule)
		}
	}
	slices.Sort(rules)
	return rules
}

// Each known mistake is found, and nothing else is in a filter that has one.
func TestAudit(t *testing.T) {
	is := func(offset, k uint32) bpf.Test { return bpf.Test{Offset: offset, Mask: all, Op: bpf.JEQ, K: k} }
	amd64 := is(bpf.OffArch, syscalls.AMD64.Audit)
	x32 := bpf.Test{Offset: bpf.OffNr, Mask: all, Op: bpf.JGE, K: 0x40000000}
	number := func(name string) bpf.Test {
		nr, ok := syscalls.AMD64.Number(name)
		if !ok {
			t.Fatalf("no call %s", name)
		}
		return is(bpf.OffNr, uint32(nr))
	}
	tests := map[string]struct {
		build func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node
		want  []string
	}{
		"sound": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			return g.Test(amd64, g.Test(number("read"), allow, kill), kill)
		}, nil},
		"no architecture": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			return g.Test(number("read"), allow, kill)
		}, []string{"arch-unchecked"}},
		"others pass": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			return g.Test(amd64, g.Test(number("read"), allow, kill), allow)
		}, []string{"arch-open"}},
		"x32": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			return g.Test(amd64, g.Test(x32, allow, g.Test(number("read"), allow, kill)), kill)
		}, []string{"x32-open"}},
		"all but some": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			return g.Test(amd64, g.Test(x32, kill, g.Test(number("sync"), kill, allow)), kill)
		}, []string{"dangerous", "default-allow"}},
		"sibling": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			return g.Test(amd64, g.Test(number("openat"), allow, kill), kill)
		}, []string{"sibling"}},
		"high half refuses": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			sti := g.Test(is(bpf.OffArg(1), 0x5412), g.Test(is(bpf.OffArg(1)+4, 0), kill, allow), allow)
			return g.Test(amd64, g.Test(number("ioctl"), sti, kill), kill)
		}, []string{"high-half"}},
		"high half allows": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			// As libseccomp compares Docker's socket families above 40.
			above := bpf.Test{Offset: bpf.OffArg(0), Mask: all, Op: bpf.JGT, K: 40}
			family := g.Test(is(bpf.OffArg(0)+4, 0), g.Test(above, allow, kill), allow)
			return g.Test(amd64, g.Test(number("socket"), family, kill), kill)
		}, []string{"high-half"}},
		"high half must be 0": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			family := g.Test(is(bpf.OffArg(0)+4, 0), g.Test(is(bpf.OffArg(0), 1), allow, kill), kill)
			return g.Test(amd64, g.Test(number("socket"), family, kill), kill)
		}, nil},
		"low half allows": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			return g.Test(amd64, g.Test(number("mmap"), g.Test(is(bpf.OffArg(1), 0), allow, kill), g.Test(number("read"), allow, kill)), kill)
		}, []string{"low-half"}},
		"a call twice": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			again := g.Test(number("read"), g.Return(bpf.Errno|1), kill)
			return g.Test(amd64, g.Test(number("read"), allow, g.Test(number("write"), allow, again)), kill)
		}, []string{"dead-rule"}},
		"a range and a value of it": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			low := bpf.Test{Offset: bpf.OffNr, Mask: all, Op: bpf.JGE, K: 3}
			return g.Test(amd64, g.Test(low, g.Test(number("read"), allow, kill), kill), kill)
		}, []string{"dead-rule"}},
		"an argument twice": {func(g *bpf.Graph, allow, kill bpf.Node) bpf.Node {
			family := is(bpf.OffArg(0), 2)
			inet := g.Test(family, allow, g.Test(is(bpf.OffArg(0), 1), allow, g.Test(family, g.Return(bpf.Errno|1), kill)))
			return g.Test(amd64, g.Test(number("socket"), inet, kill), kill)
		}, []string{"dead-rule"}},
	}
	for name, test := range tests {
		if diff := cmp.Diff(test.want, warnings(filterWith(t, test.build))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := warnings(bpf.Program{{Op: bpf.RET, K: bpf.Allow}, {Op: bpf.RET}}); !slices.Contains(got, "dead-code") {
		t.Errorf("dead code: %v", got)
	}
	if got := warnings(bpf.Program{{Op: 0x28}}); !cmp.Equal(got, []string{"invalid"}) {
		t.Errorf("invalid: %v", got)
	}
	slow := bpf.Program{{Op: bpf.LD | bpf.ABS}, {Op: bpf.MISC | bpf.TAX}, {Op: bpf.RET, K: bpf.Allow}}
	if got := warnings(slow); !cmp.Equal(got, []string{"opaque"}) {
		t.Errorf("opaque: %v", got)
	}
}

// asMeant are findings about presets that are no mistakes.
var asMeant = map[string]string{
	"observe":     "default-allow", // it allows what it does not name, and says so
	"interpreter": "sibling",       // rmdir fails; what unlinkat removes is decided by path
}

// The presets have none of the mistakes.
func TestAuditPresets(t *testing.T) {
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		prog, err := seccomp.Compile(p, seccomp.Options{Table: syscalls.AMD64})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range seccomp.Audit(prog) {
			if f.Warning && f.Rule != asMeant[name] {
				t.Errorf("%s: %s: %s", name, f.Rule, f.Text)
			}
		}
	}
}

// A test that is said to end always in the same way does so for random calls, in
// filters that are compiled without regard to what earlier tests have shown.
func TestDeadTests(t *testing.T) {
	found := 0
	for seed := range uint64(60) {
		g := generator{Rand: rand.New(rand.NewPCG(seed, 13)), calls: someCalls}
		p, o := g.policy(), g.options()
		prog, err := seccomp.CompilePlain(p, o)
		if err != nil {
			t.Fatal(err)
		}
		taken := map[int]int{}
		for _, at := range seccomp.DeadTests(prog) {
			taken[at] = -1
			found++
		}
		for range 500 {
			table := append(o.Also, o.Table)[g.IntN(1+len(o.Also))]
			_, path, err := prog.Path(bpf.Data{Nr: int32(g.nr(table)), Arch: table.Audit, Args: g.args(p)})
			if err != nil {
				t.Fatal(err)
			}
			for i, at := range path[:len(path)-1] {
				before, dead := taken[at]
				if next := path[i+1]; dead && before >= 0 && before != next {
					t.Fatalf("seed %d: the test at %d goes on to %d and %d\n%s", seed, at, before, next, seccomp.Listing(prog))
				} else if dead {
					taken[at] = next
				}
			}
		}
	}
	if found == 0 {
		t.Error("no dead tests in plain filters")
	}
	t.Logf("%d dead tests", found)
}
