package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// arguments are the arguments of one call, written by a person. They are also
// the memory of the program that would have made it, for supervise.Tracee.
type arguments struct {
	call  string
	words []string
	regs  [6]uint64
	texts map[uint64][]byte // by address, with the final NUL
}

// parseArguments reads the words for a call's registers. Missing ones are 0.
func parseArguments(call string, words []string) (*arguments, error) {
	kinds := syscalls.Args(call)
	if len(words) > len(kinds) {
		return nil, fmt.Errorf("%s: a call has at most %d arguments", call, len(kinds))
	}
	a := &arguments{call: call, words: words, texts: map[uint64][]byte{}}
	for i, word := range words {
		if kinds[i] == syscalls.Path || kinds[i] == syscalls.Str {
			// Any address will do that is none of another text's.
			a.regs[i] = uint64(i+1) << 32
			a.texts[a.regs[i]] = append([]byte(word), 0)
			continue
		}
		n, err := parseNumber(word)
		if err != nil {
			return nil, fmt.Errorf("argument %d of %s, %s: %w", i, call, quote(word), err)
		}
		a.regs[i] = n
	}
	return a, nil
}

// parseNumber reads numbers and constants, joined by "|".
func parseNumber(word string) (uint64, error) {
	var sum uint64
	for part := range strings.SplitSeq(word, "|") {
		if n, ok := syscalls.Constant(part); ok {
			sum |= n
			continue
		}
		if n, err := strconv.ParseInt(part, 0, 64); err == nil {
			sum |= uint64(n)
			continue
		}
		n, err := strconv.ParseUint(part, 0, 64)
		if err != nil {
			return 0, errors.New("neither a number nor a constant of the kernel's headers that means the same everywhere")
		}
		sum |= n
	}
	return sum, nil
}

// String spells the call.
func (a *arguments) String() string {
	words := slices.Clone(a.words)
	for i := range words {
		if a.texts[a.regs[i]] != nil {
			words[i] = strconv.Quote(words[i])
		}
	}
	return a.call + "(" + strings.Join(words, ", ") + ")"
}

// ReadMemory reads from the texts. All other memory is not there.
func (a *arguments) ReadMemory(addr uint64, buf []byte) (int, error) {
	for at, text := range a.texts {
		if addr >= at && addr-at < uint64(len(text)) {
			return copy(buf, text[addr-at:]), nil
		}
	}
	return 0, syscall.EFAULT
}

// WriteMemory fails: nothing that only decides writes.
func (a *arguments) WriteMemory(uint64, []byte) (int, error) { return 0, syscall.EFAULT }

// Valid is always true: there is no thread that could go away.
func (a *arguments) Valid() bool { return true }

// unknownCall is the error for a call that a table lacks. The policy package
// knows what the name may have been meant to be.
func unknownCall(t *syscalls.Table, name string) error {
	probe := policy.Policy{Rules: []policy.Rule{{Call: name, Do: policy.Action{Kind: policy.Allow}}}}
	if err := probe.Validate(); err != nil {
		return err
	}
	return fmt.Errorf("%s is no system call of %s", quote(name), t.GOARCH)
}
