package seccomp

import (
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
)

// CompilePlain is Compile without regard to what earlier tests have shown.
func CompilePlain(p *policy.Policy, o Options) (bpf.Program, error) { return compile(p, o, true) }

// DeadTests is what audit's dead-rule says.
var DeadTests = deadTests
