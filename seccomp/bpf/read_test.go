package bpf_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// The three ways in which people write filters read as the same program.
func TestRead(t *testing.T) {
	want := bpf.Program{
		{Op: 0x20, K: 4}, {Op: 0x15, Jt: 0, Jf: 3, K: 0xc000003e}, {Op: 0x20, K: 24},
		{Op: 0x15, Jt: 1, K: 59}, {Op: 0x06, K: 0x7fff0000}, {Op: 0x06, K: 0x50001},
	}
	for name, src := range map[string]string{
		"raw":     string(want.Raw()),
		"header":  want.C("filter"),
		"numbers": "{ 0x20, 0, 0, 4 }, {0x15,0,3,0xc000003e}, {0x20,0,0,24,},{21,1,0,59}, {6,0,0,0x7fff0000u},{6,0,0,0x50001}",
		"macros": `
// A comment { 1, 2, 3, 4 }
#include "x.h" { 1
static struct sock_filter filter[] = { /* all of it */
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offsetof(struct seccomp_data, arch))),
	BPF_JUMP(BPF_JMP+BPF_JEQ+BPF_K, AUDIT_ARCH_X86_64, 0, 3),
	BPF_STMT(BPF_LD|BPF_W|BPF_ABS, offsetof(struct seccomp_data, args[1])),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_execve, 1, 0),
	BPF_STMT(BPF_RET|BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET|BPF_K, (SECCOMP_RET_ERRNO | (EPERM))),
};`,
	} {
		got, err := bpf.Read([]byte(src), syscalls.AMD64)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A mistake is one error that says where it is.
func TestReadRejects(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"nothing", " \n", "byte 0: there is no instruction"},
		{"no filter", "int main;\n", "2:1: there is no instruction"},
		{"truncated", string(bpf.Program{{Op: 6}, {Op: 6}}.Raw()[:11]), "byte 8: the filter ends within instruction 1: 3 of 8 bytes"},
		{"too few", "{0x20, 0, 0},", "1:12: an instruction has 4 values here, not 3"},
		{"too many", "{6,0,0,0,9}", "1:10: an instruction has 4 values here"},
		{"too large", "{6, 256, 0, 0}", "1:5: 0x100 is more than 0xff"},
		{"unknown", "BPF_STMT(BPF_RTE, 0)", `1:10: unknown constant "BPF_RTE"`},
		{"member", "BPF_STMT(32,\n offsetof(struct seccomp_data, args[6]))", "2:2: no member of struct seccomp_data"},
		{"end", "BPF_JUMP(21, 1,", "1:16: expected a number or a constant and found the end"},
		{"parentheses", "{" + strings.Repeat("(", 300), "1:103: parentheses go deeper than 100"},
		{"named", "{ .code = 6 }", "1:4: write { code, jt, jf, k } without"},
		{"call", "BPF_JUMP(21, __NR_opne, 1, 0)", `1:14: unknown constant "__NR_opne"`},
		{"long", strings.Repeat("{6,0,0,0},", 4097), "the filter is longer than 4096 instructions"},
		{"noise", strings.Repeat("\x00\x17", 1<<19), "byte 32768: the filter is longer than 4096 instructions"},
	} {
		_, err := bpf.Read([]byte(test.src), syscalls.AMD64)
		var syntax *bpf.SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.name, err, test.want)
		}
	}
}

// Lifting a program and assembling it again changes no answer.
func TestLift(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	lifted := 0
	for range 60000 {
		p := random(r)
		var g bpf.Graph
		root, err := g.Lift(p)
		if err != nil {
			continue
		}
		lifted++
		q, err := g.Assemble(root)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			d := bpf.Data{Nr: int32(r.Uint32() % 8), Arch: r.Uint32() % 8, IP: r.Uint64()}
			for i := range d.Args {
				d.Args[i] = r.Uint64() >> r.IntN(64)
			}
			want, _, err := p.Run(d)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, err := q.Run(d); err != nil || got != want {
				t.Fatalf("got %#x, %v, want %#x for %+v\n%s\n%s", got, err, want, d, p, q)
			}
		}
	}
	if lifted < 500 {
		t.Errorf("only %d programs were lifted", lifted)
	}
}

// Read never panics, and what it reads from C and from bytes is written and
// read again unchanged.
func FuzzRead(f *testing.F) {
	p := bpf.Program{{Op: 0x20, K: 4}, {Op: 0x15, Jf: 3, K: 0xc000003e}, {Op: 6, K: 1}}
	f.Add(p.Raw())
	f.Add([]byte(p.C("x")))
	f.Add([]byte("BPF_JUMP(BPF_JMP | BPF_JEQ, (__NR_read + 1), 0, 0) BPF_STMT(6, offsetof(struct seccomp_data, nr))"))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := bpf.Read(src, syscalls.AMD64)
		if err != nil {
			var syntax *bpf.SyntaxError
			if !errors.As(err, &syntax) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("not one clear error: %v", err)
			}
			return
		}
		raw, err := bpf.ReadRaw(p.Raw())
		if err != nil || !cmp.Equal(raw, p) {
			t.Errorf("raw: %v", err)
		}
		c, err := bpf.Read([]byte(p.C("again")), nil)
		if err != nil || !cmp.Equal(c, p) {
			t.Errorf("C: %v", err)
		}
		if bytes.Count([]byte(p.String()), []byte("\n")) != len(p) {
			t.Error("not one line for each instruction")
		}
		var g bpf.Graph
		if _, err := g.Lift(p); err == nil && p.Check() != nil {
			t.Error("a bad program was lifted")
		}
	})
}
