// Package bpf is classic BPF as seccomp(2) runs it: assemble, check,
// disassemble and interpret.
package bpf
