package syscalls

import (
	"fmt"
	"slices"
	"strings"
)

// named is a row of a table that is sorted by name.
type named struct {
	name  string
	value uint64
}

func lookup(table []named, name string) (uint64, bool) {
	i, ok := slices.BinarySearchFunc(table, name, func(n named, name string) int {
		return strings.Compare(n.name, name)
	})
	if !ok {
		return 0, false
	}
	return table[i].value, true
}

// aliases are second names of errnos and signals, which are understood but
// never printed.
var aliases = []string{"EDEADLOCK", "ENOTSUP", "EWOULDBLOCK", "SIGCLD", "SIGIOT", "SIGPOLL", "SIGUNUSED"}

// reverse returns the name of a value, "" where there is none.
func reverse(table []named, value uint64) string {
	for _, n := range table {
		if n.value == value && !slices.Contains(aliases, n.name) {
			return n.name
		}
	}
	return ""
}

// Errno returns the number of an errno's name, such as "EPERM".
func Errno(name string) (uint16, bool) {
	n, ok := lookup(errnos, name)
	return uint16(n), ok
}

// ErrnoName returns the name of an errno, "" where it has none.
func ErrnoName(n uint16) string { return reverse(errnos, uint64(n)) }

// Signal returns the number of a signal's name, such as "SIGSEGV".
func Signal(name string) (int, bool) {
	n, ok := lookup(signals, name)
	return int(n), ok
}

// SignalName returns the name of a signal, "" where it has none. Real-time
// signals have none: the C library and the kernel disagree about SIGRTMIN.
func SignalName(n int) string {
	if n < 0 {
		return ""
	}
	if n >= sigRTMin && n <= sigRTMax {
		return realTimeName(n)
	}
	return reverse(signals, uint64(n))
}

// The real-time signals that glibc and musl leave to programs. The kernel's
// begin at 32.
const (
	sigRTMin = 34
	sigRTMax = 64
)

// realTimeName counts from the nearer end, as kill -l does.
func realTimeName(n int) string {
	switch {
	case n == sigRTMin:
		return "SIGRTMIN"
	case n == sigRTMax:
		return "SIGRTMAX"
	case n-sigRTMin <= 15:
		return fmt.Sprintf("SIGRTMIN+%d", n-sigRTMin)
	}
	return fmt.Sprintf("SIGRTMAX-%d", sigRTMax-n)
}

// Constant returns the value of a constant of the kernel's headers, such as
// PR_SET_NAME. Negative ones are two's complement. A constant whose value
// depends on the architecture is not found: a policy has one meaning on all.
func Constant(name string) (uint64, bool) { return lookup(constants, name) }

// ConstantName returns the constant with a value among those whose names begin
// with prefix, such as "PR_": of several the one with the shortest name, "" for
// none.
func ConstantName(prefix string, v uint64) string {
	best := ""
	i, _ := slices.BinarySearchFunc(constants, prefix, func(n named, p string) int { return strings.Compare(n.name, p) })
	for ; i < len(constants) && strings.HasPrefix(constants[i].name, prefix); i++ {
		if n := constants[i]; n.value == v && (best == "" || len(n.name) < len(best)) {
			best = n.name
		}
	}
	return best
}

// Varies reports whether a constant exists but depends on the architecture.
func Varies(name string) bool {
	_, ok := slices.BinarySearch(varying, name)
	return ok
}

// ErrnoNames lists the names that Errno finds, sorted.
func ErrnoNames() []string { return namesOf(errnos) }

// Constants lists the names that Constant finds, sorted.
func Constants() []string { return namesOf(constants) }

// Names lists the calls of all tables, sorted.
func Names() []string {
	var all []string
	for _, t := range tables {
		for _, name := range t.Calls() {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func namesOf(table []named) []string {
	out := make([]string, len(table))
	for i, n := range table {
		out[i] = n.name
	}
	return out
}
