package process

import (
	"fmt"
	"runtime"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

// Load applies filters to every thread of this process, those to come
// included, for good. It sets no_new_privs. It fails, and changes no thread, for a
// filter that the kernel would not take and where a thread has filters that
// the calling thread does not have. Of several filters each but the last must
// allow seccomp(2), as those of [seccomp.CompileAll] do.
//
// A Go program needs more calls than it makes itself: the run-time library uses
// futex, mmap, madvise, sigaltstack, tgkill and others at any time.
func Load(filters ...bpf.Program) error {
	var raw [][]byte
	for _, p := range filters {
		if err := p.Check(); err != nil {
			return fmt.Errorf("load filter: %w", err)
		}
		raw = append(raw, p.Raw())
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := sys.ConfineAllThreads(raw...); err != nil {
		return fmt.Errorf("load filter: %w", err)
	}
	return nil
}

// Confine compiles a policy's rules on calls for this machine and loads them.
// Nobody answers traps here, so a policy that has some fails.
func Confine(p *policy.Policy) error {
	t := syscalls.ForGOARCH(runtime.GOARCH)
	if p.Default.Kind == policy.Trap {
		return fmt.Errorf("confine: the default is a trap, and nobody is there to answer it")
	}
	for _, r := range p.Rules {
		if r.Do.Kind == policy.Trap {
			return fmt.Errorf("confine: %s is a trap, and nobody is there to answer it", r.Call)
		}
	}
	filters, err := seccomp.CompileAll(p, seccomp.Options{Table: t})
	if err != nil {
		return err
	}
	return Load(filters...)
}
