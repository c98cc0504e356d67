package seccomp_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

const small = `
version: 1
default: kill
syscalls:
  allow: [read, write, exit_group]
  deny: {ENOTTY: [ioctl]}
  when:
    - {call: ioctl, args: {1: {in: [TCGETS, TIOCGWINSZ]}}, do: allow}
    - {call: lseek, args: {1: {lt: 0x100000000}}, do: allow}
`

func ExampleListing() {
	p, err := policy.Parse("small.yaml", []byte(small))
	if err != nil {
		fmt.Println(err)
		return
	}
	filter, err := seccomp.Compile(p, seccomp.Options{Table: syscalls.AMD64})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(seccomp.Listing(filter))
	// Output:
	// 0000         load arch
	// 0001         unless arch == amd64: kill-process
	// 0002         load nr
	// 0003         unless nr >= 2 (open): allow
	// 0004         unless nr >= 17 (pread64): goto L1
	// 0005         if nr == 231 (exit_group): allow, else kill-process
	// 0006  L1:    unless nr == 8 (lseek): goto L2
	// 0007         load arg 1 high
	// 0008         if arg 1 high >= 1: kill-process, else allow
	// 0009  L2:    if nr == 16 (ioctl): goto L3, else kill-process
	// 0010         kill-process
	// 0011  L3:    load arg 1
	// 0012         if arg 1 == TCGETS: allow
	// 0013         if arg 1 == TIOCGWINSZ: allow, else errno 25
	// 0014         errno 25
	// 0015         allow
}

func ExampleExplain() {
	p, err := policy.Parse("small.yaml", []byte(small))
	if err != nil {
		fmt.Println(err)
		return
	}
	filter, err := seccomp.Compile(p, seccomp.Options{Table: syscalls.AMD64})
	if err != nil {
		fmt.Println(err)
		return
	}
	sections, err := seccomp.Explain(filter)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, rule := range sections[0].Rules() {
		fmt.Println(rule)
	}
	// Output:
	// allow: read, write, exit_group
	// allow: lseek if arg 1 high == 0
	// kill-process: lseek otherwise
	// allow: ioctl if arg 1 in TCGETS, TIOCGWINSZ
	// errno 25: ioctl otherwise
	// kill-process: any other call
}

// decide reads what was explained: the first way whose conditions hold.
func decide(t *testing.T, sections []seccomp.Section, d bpf.Data) uint32 {
	t.Helper()
	word := func(offset uint32) uint32 {
		return binary.LittleEndian.Uint32(d.Bytes(binary.LittleEndian)[offset:])
	}
	holds := func(c seccomp.Cond) bool {
		v := word(c.Offset)
		if c.Ranges == nil {
			return c.Holds(v)
		}
		return slices.ContainsFunc(c.Ranges, func(r seccomp.Range) bool { return v >= r.First && v <= r.Last })
	}
	for _, s := range sections {
		if !s.Other && s.Audit != d.Arch {
			continue
		}
		for _, span := range s.Spans {
			if uint32(d.Nr) < span.First || uint32(d.Nr) > span.Last {
				continue
			}
			for _, w := range span.Ways {
				if !slices.ContainsFunc(w.When, func(c seccomp.Cond) bool { return !holds(c) }) {
					return w.Answer
				}
			}
		}
	}
	t.Fatalf("nothing decides %+v", d)
	return 0
}

// What is recovered from a filter decides as the filter does. Listings have a
// line for each instruction.
func TestExplainEqualsFilter(t *testing.T) {
	explained := 0
	for seed := range 100 {
		g := generator{Rand: rand.New(rand.NewPCG(uint64(seed), 11)), calls: someCalls}
		p, o := g.policy(), g.options()
		prog, err := seccomp.Compile(p, o)
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(seccomp.Listing(prog), "\n"); lines != len(prog) {
			t.Errorf("%d lines for %d instructions", lines, len(prog))
		}
		sections, err := seccomp.Explain(prog)
		if err != nil {
			t.Logf("seed %d: %v", seed, err)
			continue
		}
		explained++
		for range 300 {
			table := tables[g.IntN(len(tables))]
			d := bpf.Data{Nr: int32(g.nr(table)), Arch: table.Audit, Args: g.args(p)}
			want, _, err := prog.Run(d)
			if got := decide(t, sections, d); err != nil || got != want {
				t.Fatalf("seed %d: %+v: explained as %s, is %s, %v\n%s", seed, d, bpf.AnswerString(got), bpf.AnswerString(want), err, seccomp.Listing(prog))
			}
		}
	}
	if explained < 95 {
		t.Errorf("only %d of 100 filters could be explained", explained)
	}
}

// Whatever bytes are read as a filter, listing, explaining and auditing it
// neither panics nor takes long.
func FuzzExplain(f *testing.F) {
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		if prog, err := seccomp.Compile(p, seccomp.Options{Table: syscalls.AMD64}); err == nil {
			f.Add(prog.Raw())
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		prog, err := bpf.ReadRaw(src)
		if err != nil {
			return
		}
		if lines := strings.Count(seccomp.Listing(prog), "\n"); lines != len(prog) {
			t.Errorf("%d lines for %d instructions", lines, len(prog))
		}
		seccomp.Audit(prog)
		sections, err := seccomp.Explain(prog)
		if err != nil {
			return
		}
		for _, s := range sections {
			s.Rules()
		}
	})
}
