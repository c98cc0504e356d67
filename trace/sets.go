package trace

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/belljar/belljar/syscalls"
)

// set is the names of an argument's values: of flags that are joined, or of
// values of which it is one. It is parsed when it is first used.
type set struct {
	unknown string // what strace calls a value without a name, as "O_???"
	text    string
	once    sync.Once
	names   []constant
	zero    string
}

type constant struct {
	name  string
	value uint64
}

// names declares a set: names of constants that package syscalls knows, or
// NAME=VALUE, or NAME=AMD64,ARM64 for what differs.
func names(unknown, text string) *set {
	s := &set{unknown: unknown, text: text}
	sets = append(sets, s)
	return s
}

// sets are all that were declared.
var sets []*set

func (s *set) all() []constant {
	s.once.Do(func() {
		for _, word := range strings.Fields(s.text) {
			name, value, given := strings.Cut(word, "=")
			n, ok := syscalls.Constant(name)
			if given {
				n, ok = parseValue(value)
			}
			if !ok {
				panic(fmt.Sprintf("trace: constant %s has no value", name))
			}
			if n == 0 {
				s.zero = name
			}
			s.names = append(s.names, constant{name, n})
		}
	})
	return s.names
}

func parseValue(text string) (uint64, bool) {
	amd64, arm64, differ := strings.Cut(text, ",")
	if differ && runtime.GOARCH == "arm64" {
		amd64 = arm64
	}
	n, err := strconv.ParseUint(amd64, 0, 64)
	return n, err == nil
}

// appendFlags appends the names of all bits, and the rest as a number.
func (s *set) appendFlags(out []byte, v uint64) []byte {
	if v == 0 {
		s.all()
		return append(out, orText(s.zero, "0")...)
	}
	rest, begin := v, len(out)
	for _, n := range s.all() {
		if n.value != 0 && rest&n.value == n.value {
			out = appendBar(out, begin)
			out = append(out, n.name...)
			rest &^= n.value
		}
	}
	switch {
	case rest == v:
		return fmt.Appendf(out, "%#x /* %s */", v, s.unknown)
	case rest != 0:
		out = appendBar(out, begin)
		out = append(out, "0x"...)
		out = strconv.AppendUint(out, rest, 16)
	}
	return out
}

func appendBar(out []byte, begin int) []byte {
	if len(out) > begin {
		out = append(out, '|')
	}
	return out
}

// appendOne appends the name of a value.
func (s *set) appendOne(out []byte, v uint64) []byte {
	if name := s.name(v); name != "" {
		return append(out, name...)
	}
	return fmt.Appendf(out, "%#x /* %s */", v, s.unknown)
}

func (s *set) name(v uint64) string {
	for _, n := range s.all() {
		if n.value == v {
			return n.name
		}
	}
	return ""
}

func orText(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
