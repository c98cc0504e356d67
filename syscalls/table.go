package syscalls

import (
	"iter"
	"slices"
	"strings"
)

// Table is the numbering of one architecture's system calls.
type Table struct {
	GOARCH string // GOARCH's name: "amd64", "386", "arm64", "arm", "riscv64"; Go has none for "x32"
	Audit  uint32 // AUDIT_ARCH_*, as seccomp and ptrace report it

	base   int      // what all numbers have in common: x32's bit, elsewhere 0
	names  []string // by number without base; "" where there is a hole
	sorted []uint16 // numbers without base, in the order of their names
}

// tables are all tables.
var tables = []*Table{AMD64, X32, I386, ARM64, ARM, RISCV64}

// Tables returns all tables.
func Tables() []*Table { return slices.Clone(tables) }

// ForGOARCH returns the table of a GOARCH, or nil where Belljar has none.
func ForGOARCH(goarch string) *Table {
	for _, t := range tables {
		if t.GOARCH == goarch {
			return t
		}
	}
	return nil
}

// First returns the lowest number that a call of the table can have.
func (t *Table) First() int { return t.base }

// Number returns the number of the call with a name.
func (t *Table) Number(name string) (nr int, ok bool) {
	i, ok := slices.BinarySearchFunc(t.sorted, name, func(nr uint16, name string) int {
		return strings.Compare(t.names[nr], name)
	})
	if !ok {
		return 0, false
	}
	return t.base + int(t.sorted[i]), true
}

// Name returns the name of the call with a number, "" where there is none.
func (t *Table) Name(nr int) string {
	if nr -= t.base; nr < 0 || nr >= len(t.names) {
		return ""
	}
	return t.names[nr]
}

// Calls yields every call, by rising number.
func (t *Table) Calls() iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for nr, name := range t.names {
			if name != "" && !yield(t.base+nr, name) {
				return
			}
		}
	}
}

// Known reports whether any table has a call with this name.
func Known(name string) bool {
	for _, t := range tables {
		if _, ok := t.Number(name); ok {
			return true
		}
	}
	return false
}
