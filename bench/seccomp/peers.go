package main

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	elastic "github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	netbpf "golang.org/x/net/bpf"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
)

//go:embed testdata/libseccomp.c
var librarySource []byte

// buildLibrary compiles the program that uses libseccomp.
func buildLibrary(dir string) (string, error) {
	source, out := filepath.Join(dir, "libseccomp.c"), filepath.Join(dir, "libseccomp")
	if err := os.WriteFile(source, librarySource, 0o600); err != nil {
		return "", err
	}
	if text, err := exec.Command("cc", "-O1", "-Wall", "-o", out, source, "-lseccomp").CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile libseccomp.c (Debian: apt install libseccomp-dev): %w\n%s", err, text)
	}
	return out, nil
}

// scmpOps are enum scmp_compare of libseccomp's header.
var scmpOps = map[policy.Op]int{policy.Ne: 1, policy.Lt: 2, policy.Le: 3, policy.Eq: 4, policy.Ge: 5, policy.Gt: 6, policy.Mask: 7}

// library makes the filter with libseccomp.
func library(program string, rs rules) (bpf.Program, error) {
	var in, errs bytes.Buffer
	fmt.Fprintln(&in, rs.fallback)
	for _, r := range rs.all {
		fmt.Fprint(&in, r.answer, " ", r.nr)
		for _, c := range r.when {
			a, b := c.Values[0], uint64(0)
			if c.Op == policy.Mask {
				a, b = c.Mask, c.Values[0]
			}
			fmt.Fprint(&in, " ", c.Arg, " ", scmpOps[c.Op], " ", a, " ", b)
		}
		fmt.Fprintln(&in)
	}
	cmd := exec.Command(program)
	cmd.Stdin, cmd.Stderr = &in, &errs
	raw, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("libseccomp: %w: %s", err, errs.Bytes())
	}
	p := make(bpf.Program, len(raw)/8)
	_, err = binary.Decode(raw, binary.NativeEndian, p)
	return p, err
}

// elasticOps are the comparisons that it has for ours; of a mask only the two
// that ask for all bits or none.
var elasticOps = map[policy.Op]elastic.Operation{policy.Ne: elastic.NotEqual, policy.Lt: elastic.LessThan,
	policy.Le: elastic.LessOrEqual, policy.Eq: elastic.Equal, policy.Ge: elastic.GreaterOrEqual, policy.Gt: elastic.GreaterThan}

// goLibrary makes the filter with elastic/go-seccomp-bpf. Calls that its tables
// lack are left out.
func goLibrary(rs rules) (bpf.Program, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return nil, err
	}
	groups := map[uint32]*elastic.SyscallGroup{}
	p := elastic.Policy{DefaultAction: elastic.Action(rs.fallback &^ 0xffff)}
	var order []uint32
	for _, r := range rs.all {
		if _, known := info.SyscallNames[r.call]; !known {
			continue
		}
		if groups[r.answer] == nil {
			groups[r.answer] = &elastic.SyscallGroup{Action: elastic.Action(r.answer)}
			order = append(order, r.answer)
		}
		g := groups[r.answer]
		if len(r.when) == 0 {
			g.Names = append(g.Names, r.call)
			continue
		}
		g.NamesWithCondtions = append(g.NamesWithCondtions, elastic.NameWithConditions{Name: r.call, Conditions: elasticConditions(r.when)})
	}
	for _, answer := range order {
		p.Syscalls = append(p.Syscalls, *groups[answer])
	}
	instructions, err := p.Assemble()
	if err != nil {
		return nil, err
	}
	raw, err := netbpf.Assemble(instructions)
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		return nil, errors.New("empty filter")
	}
	out := make(bpf.Program, len(raw))
	for i, in := range raw {
		out[i] = bpf.Instruction{Op: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return out, nil
}

func elasticConditions(when []policy.Cond) elastic.ArgumentConditions {
	var out elastic.ArgumentConditions
	for _, c := range when {
		one := elastic.Condition{Argument: uint32(c.Arg), Operation: elasticOps[c.Op], Value: c.Values[0]}
		if c.Op == policy.Mask {
			one.Operation, one.Value = elastic.BitsNotSet, c.Mask
			if c.Values[0] != 0 {
				one.Operation = elastic.BitsSet
			}
		}
		out = append(out, one)
	}
	return out
}
