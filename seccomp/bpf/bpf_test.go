package bpf_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	netbpf "golang.org/x/net/bpf"

	"github.com/belljar/belljar/seccomp/bpf"
)

func ExampleAssembler() {
	var a bpf.Assembler
	kill := a.NewLabel()
	a.Load(bpf.OffArch)
	a.JumpIf(bpf.JEQ, 0xc000003e, bpf.Next, kill)
	a.Return(bpf.Allow)
	a.Bind(kill)
	a.Return(bpf.KillProcess)
	p, err := a.Assemble()
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(p)
	// Output:
	// 0000: ld arch
	// 0001: jeq #0xc000003e, 0002, 0003
	// 0002: ret allow
	// 0003: ret kill-process
}

// A conditional jump reaches targets beyond 255 instructions, both ways at once.
func TestFarJumps(t *testing.T) {
	for _, gap := range []int{0, 1, 253, 254, 255, 256, 257, 1000} {
		var a bpf.Assembler
		yes, no := a.NewLabel(), a.NewLabel()
		a.Load(bpf.OffNr)
		a.JumpIf(bpf.JEQ, 7, yes, no)
		for range gap {
			a.Return(bpf.KillThread)
		}
		a.Bind(yes)
		a.Return(1)
		a.Bind(no)
		a.Return(2)
		p, err := a.Assemble()
		if err != nil {
			t.Fatalf("gap %d: %v", gap, err)
		}
		for nr, want := range map[int32]uint32{7: 1, 8: 2} {
			got, _, err := p.Run(bpf.Data{Nr: nr})
			if err != nil || got != want {
				t.Errorf("gap %d, call %d: got %d, %v, want %d", gap, nr, got, err, want)
			}
		}
	}
}

func TestAssembleRejects(t *testing.T) {
	tests := map[string]struct {
		build func(*bpf.Assembler)
		want  string
	}{
		"nothing":     {func(*bpf.Assembler) {}, "empty"},
		"no return":   {func(a *bpf.Assembler) { a.Load(0) }, "return"},
		"unbound":     {func(a *bpf.Assembler) { a.Jump(a.NewLabel()); a.Return(0) }, "unbound"},
		"past data":   {func(a *bpf.Assembler) { a.Load(64); a.Return(0) }, "offset 64"},
		"unaligned":   {func(a *bpf.Assembler) { a.Load(2); a.Return(0) }, "offset 2"},
		"too long":    {func(a *bpf.Assembler) { returns(a, bpf.MaxLen+1) }, "4097"},
		"unwritten":   {func(a *bpf.Assembler) { a.Emit(bpf.Instruction{Op: bpf.LD | bpf.MEM}); a.Return(0) }, "unwritten"},
		"modulo":      {func(a *bpf.Assembler) { a.Emit(bpf.Instruction{Op: bpf.ALU | 0x90, K: 2}); a.Return(0) }, "unknown"},
		"zero divide": {func(a *bpf.Assembler) { a.Emit(bpf.Instruction{Op: bpf.ALU | bpf.DIV}); a.Return(0) }, "zero"},
		"wide shift":  {func(a *bpf.Assembler) { a.Emit(bpf.Instruction{Op: bpf.ALU | bpf.LSH, K: 32}); a.Return(0) }, "shift"},
		"far cell":    {func(a *bpf.Assembler) { a.Emit(bpf.Instruction{Op: bpf.ST, K: 16}); a.Return(0) }, "cell 16"},
		"jump out":    {func(a *bpf.Assembler) { a.Emit(bpf.Instruction{Op: bpf.JMP, K: 1}); a.Return(0) }, "past the end"},
		"backward": {func(a *bpf.Assembler) {
			l := a.NewLabel()
			a.Bind(l)
			a.Load(0)
			a.Jump(l)
			a.Return(0)
		}, "forward"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var a bpf.Assembler
			test.build(&a)
			if _, err := a.Assemble(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error about %q", err, test.want)
			}
		})
	}
}

func returns(a *bpf.Assembler, n int) {
	for range n {
		a.Return(0)
	}
}

func TestDisassemble(t *testing.T) {
	p := bpf.Program{
		{Op: bpf.LD | bpf.ABS, K: bpf.OffArg(2) + 4},
		{Op: bpf.ST, K: 3},
		{Op: bpf.LDX | bpf.MEM, K: 3},
		{Op: bpf.ALU | bpf.AND | bpf.X},
		{Op: bpf.ALU | bpf.NEG},
		{Op: bpf.JMP | bpf.JSET | bpf.K, Jt: 1, K: 16},
		{Op: bpf.JMP | bpf.JA, K: 0},
		{Op: bpf.RET | bpf.K, K: bpf.Errno | 38},
		{Op: bpf.RET | bpf.A},
		{Op: 0xffff, K: 1},
	}
	want := strings.Join([]string{
		"0000: ld args[2].high", "0001: st mem[3]", "0002: ldx mem[3]", "0003: and x", "0004: neg",
		"0005: jset #0x10, 0007, 0006", "0006: ja 0007", "0007: ret errno 38", "0008: ret a",
		"0009: unknown 0xffff, 0, 0, 0x1", "",
	}, "\n")
	if diff := cmp.Diff(want, p.String()); diff != "" {
		t.Error(diff)
	}
}

// random makes a program of any instructions; most fail Check.
func random(r *rand.Rand) bpf.Program {
	ops := []uint16{0x20, 0x20, 0x80, 0x00, 0x60, 0x81, 0x01, 0x61, 0x02, 0x03, 0x04, 0x14, 0x24, 0x34, 0x44, 0x54,
		0x64, 0x74, 0x84, 0xa4, 0x0c, 0x1c, 0x2c, 0x3c, 0x4c, 0x5c, 0xac, 0x05, 0x15, 0x25, 0x35, 0x45,
		0x1d, 0x2d, 0x3d, 0x4d, 0x06, 0x16, 0x07, 0x87}
	p := make(bpf.Program, 1+r.IntN(24))
	for i := range p {
		k := r.Uint32() >> r.IntN(32)
		if r.IntN(2) == 0 {
			k = uint32(r.IntN(16)) * 4 % 64
		}
		p[i] = bpf.Instruction{Op: ops[r.IntN(len(ops))], K: k}
		if p[i].Op&7 == bpf.JMP {
			p[i].Jt, p[i].Jf, p[i].K = uint8(r.IntN(4)), uint8(r.IntN(4)), k%4
		}
	}
	p[len(p)-1].Op = bpf.RET | uint16(r.IntN(2))*bpf.A
	return p
}

// The interpreter agrees with the one that x/net/bpf has for network filters,
// on all programs that the kernel would take.
func TestRunAgainstNetVM(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	compared := 0
	for range 60000 {
		p := random(r)
		if p.Check() != nil {
			continue
		}
		d := bpf.Data{Nr: int32(r.Uint32() % 8), Arch: r.Uint32() % 8, IP: r.Uint64()}
		for i := range d.Args {
			d.Args[i] = r.Uint64() >> r.IntN(64)
		}
		want, ok := runNet(p, d)
		if !ok {
			continue
		}
		compared++
		got, steps, err := p.Run(d)
		if err != nil || got != want || steps > len(p) {
			t.Fatalf("got %#x (%d steps), %v, want %#x for %+v\n%s", got, steps, err, want, d, p)
		}
	}
	if compared < 1000 {
		t.Errorf("only %d programs could be compared", compared)
	}
}

// runNet runs a program in x/net/bpf's VM. That VM has no length-of-data load
// into X, and refuses programs for reasons of its own; those are not compared.
func runNet(p bpf.Program, d bpf.Data) (uint32, bool) {
	var instructions []netbpf.Instruction
	for _, in := range p {
		instructions = append(instructions, netbpf.RawInstruction{Op: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}.Disassemble())
		if in.Op == bpf.ALU|bpf.LSH|bpf.X || in.Op == bpf.ALU|bpf.RSH|bpf.X {
			return 0, false
		}
		if in.Op == bpf.LD|bpf.LEN || in.Op == bpf.LDX|bpf.LEN {
			return 0, false
		}
	}
	vm, err := netbpf.NewVM(instructions)
	if err != nil {
		return 0, false
	}
	answer, err := vm.Run(d.Bytes(binary.BigEndian))
	return uint32(answer), err == nil
}

func FuzzProgram(f *testing.F) {
	f.Add([]byte{0x20, 0, 0, 0, 4, 0x06, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, src []byte) {
		var p bpf.Program
		for ; len(src) >= 5; src = src[5:] {
			op := uint16(src[0])
			if src[0]%7 == 6 {
				op |= uint16(src[1]) << 8
			}
			p = append(p, bpf.Instruction{Op: op, Jt: src[1], Jf: src[2], K: uint32(src[3])<<24 | uint32(src[4])})
		}
		if lines := strings.Count(p.String(), "\n"); lines != len(p) {
			t.Errorf("%d lines for %d instructions", lines, len(p))
		}
		_, steps, err := p.Run(bpf.Data{})
		if p.Check() == nil && (err != nil || steps > len(p)) {
			t.Errorf("a checked program took %d steps: %v\n%s", steps, err, p)
		}
	})
}
