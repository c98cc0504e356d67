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

// Load applies a filter to every thread of this process, those to come
// included, for good. It sets no_new_privs. It fails, and changes no thread, for a
// filter that the kernel would not take and where a thread has filters that
// the calling thread does not have.
//
// A Go program needs more calls than it makes itself: the run-time library uses
// futex, mmap, madvise, sigaltstack, tgkill and others at any time.
func Load(p bpf.Program) error {
	if err := p.Check(); err != nil {
		return fmt.Errorf("load filter: %w", err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := sys.ConfineAllThreads(p.Raw()); err != nil {
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
	prog, err := seccomp.Compile(p, seccomp.Options{Table: t})
	if err != nil {
		return err
	}
	return Load(prog)
}
