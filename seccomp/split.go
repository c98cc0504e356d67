package seccomp

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
)

// maxTotal is what the kernel takes in all filters of a thread together, each
// counted with perFilter more (MAX_INSNS_PER_PATH, kernel/seccomp.c).
const maxTotal, perFilter = 32768, 4

// CompileAll compiles as Compile does, to as many filters as it takes: a
// policy that is too long for one is divided by calls. Each filter decides its
// calls and allows all others of the architectures; of several filters the kernel
// takes the most restrictive answer, so together they decide as one would. They
// are to be installed in this order: the last one decides seccomp(2).
func CompileAll(p *policy.Policy, o Options) ([]bpf.Program, error) {
	c, err := newCompiler(p, o)
	if err != nil {
		return nil, err
	}
	filters, err := c.divide(nil, everyCall)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, f := range filters {
		total += len(f) + perFilter
	}
	if total > maxTotal {
		return nil, fmt.Errorf("compile filter: %d filters have %d instructions, the kernel takes %d", len(filters), total, maxTotal)
	}
	return filters, nil
}

// everyCall is what a single filter decides.
func everyCall(string) bool { return true }

// ruled lists the calls that have rules, seccomp(2) last.
func (c *compiler) ruled() []string {
	calls := slices.Sorted(maps.Keys(c.rules))
	if i, ok := slices.BinarySearch(calls, "seccomp"); ok {
		calls = append(slices.Delete(calls, i, i+1), "seccomp")
	}
	return calls
}

// divide returns filters for what decides says, of which only these calls have
// rules; nil are all that have any, which few policies need to know. What has
// none is the last one's.
func (c *compiler) divide(calls []string, decides func(call string) bool) ([]bpf.Program, error) {
	prog, err := c.compile(decides)
	tooLong, ok := errors.AsType[*bpf.LengthError](err)
	if !ok {
		return []bpf.Program{prog}, err
	}
	if calls == nil {
		calls = c.ruled()
	}
	if len(calls) < 2 {
		return nil, fmt.Errorf("compile filter: the rules on %s alone need %d instructions, the kernel takes %d", calls, tooLong.Len, bpf.MaxLen)
	}
	first, second := calls[:len(calls)/2], calls[len(calls)/2:]
	isFirst := func(call string) bool { return slices.Contains(first, call) }
	filters, err := c.divide(first, isFirst)
	if err != nil {
		return nil, err
	}
	others, err := c.divide(second, func(call string) bool { return decides(call) && !isFirst(call) })
	return append(filters, others...), err
}
