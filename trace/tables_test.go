package trace

import (
	"testing"

	"github.com/belljar/belljar/syscalls"
)

// Every name in the tables has a value.
func TestSetsHaveValues(t *testing.T) {
	for _, s := range sets {
		if len(s.all()) == 0 {
			t.Errorf("%s: empty", s.unknown)
		}
	}
}

// A row shows no more arguments than its call has, or the registers would be
// another call's.
func TestFormatsFitSignatures(t *testing.T) {
	for name, f := range formats() {
		if !syscalls.Known(name) {
			t.Errorf("%s is no call", name)
		}
		special := name == "rt_sigreturn" || name == "restart_syscall" // show more than they have
		if n := syscalls.Args(name).Count(); len(f.args) > n && !special {
			t.Errorf("%s has %d arguments and shows %d", name, n, len(f.args))
		}
	}
}
