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
	// 0000         load nr
	// 0001         unless nr >= 2 (open): goto L1
	// 0002         unless nr >= 17 (pread64): goto L2
	// 0003         unless nr == 231 (exit_group): kill-process
	// 0004  L1:    load arch
	// 0005         if arch == amd64: allow, else kill-process
	// 0006  L2:    unless nr == 8 (lseek): goto L3
	// 0007         load arch
	// 0008         unless arch == amd64: kill-process
	// 0009         load arg 1 high
	// 0010         if arg 1 high >= 1: kill-process, else allow
	// 0011  L3:    unless nr == 16 (ioctl): kill-process
	// 0012         load arch
	// 0013         if arch == amd64: goto L4, else kill-process
	// 0014         kill-process
	// 0015  L4:    load arg 1
	// 0016         if arg 1 == TCGETS: allow
	// 0017         if arg 1 == TIOCGWINSZ: allow, else errno 25
	// 0018         errno 25
	// 0019         allow
}

// Before the architecture is known a number has a name only where no other
// architecture's calls come further than its test.
func TestListingNamesNumbers(t *testing.T) {
	const other = 0x40000003 // i386
	nr, arch := bpf.Instruction{Op: bpf.LD | bpf.W | bpf.ABS}, bpf.Instruction{Op: bpf.LD | bpf.W | bpf.ABS, K: bpf.OffArch}
	is := func(k uint32, jt, jf uint8) bpf.Instruction {
		return bpf.Instruction{Op: bpf.JMP | bpf.JEQ | bpf.K, K: k, Jt: jt, Jf: jf}
	}
	allow, kill := bpf.Instruction{Op: bpf.RET | bpf.K, K: bpf.Allow}, bpf.Instruction{Op: bpf.RET | bpf.K, K: bpf.KillProcess}
	for name, test := range map[string]struct {
		p     bpf.Program
		named bool
	}{
		"one":           {bpf.Program{nr, is(2, 0, 2), arch, is(syscalls.AMD64.Audit, 1, 0), kill, allow}, true},
		"none":          {bpf.Program{nr, is(2, 0, 1), kill, allow}, false},
		"two":           {bpf.Program{nr, is(2, 0, 4), arch, is(syscalls.AMD64.Audit, 2, 0), is(other, 1, 0), kill, allow}, false},
		"all but one":   {bpf.Program{nr, is(2, 0, 2), arch, is(syscalls.AMD64.Audit, 0, 1), kill, allow}, true},
		"others go on":  {bpf.Program{nr, is(2, 0, 4), arch, is(syscalls.AMD64.Audit, 2, 0), nr, is(3, 1, 0), kill, allow}, false},
		"not by number": {bpf.Program{nr, is(2, 0, 2), arch, {Op: bpf.JMP | bpf.JGE | bpf.K, K: syscalls.AMD64.Audit, Jt: 1}, kill, allow}, false},
	} {
		if text := seccomp.Listing(test.p); strings.Contains(text, "2 (open)") != test.named {
			t.Errorf("%s: named is not %t in\n%s", name, test.named, text)
		}
	}
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
