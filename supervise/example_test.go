package supervise_test

import (
	"fmt"
	"strings"
	"syscall"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

// logs lets a program create files whose names end in ".log", with modest
// permissions, and nothing else.
type logs struct{}

func (logs) Handle(t *supervise.Trap) supervise.Decision {
	path, err := t.Path(1)
	if err != nil {
		return supervise.Decision{Kind: supervise.Deny, Errno: syscall.EFAULT}
	}
	creates := t.Flags(2)&syscall.O_CREAT != 0
	if creates && strings.HasSuffix(path, ".log") && t.Int(3)&^0o640 == 0 {
		return supervise.Decision{Kind: supervise.Allow, Path: path}
	}
	return supervise.Decision{Kind: supervise.Deny, Errno: syscall.EACCES, Path: path}
}

// A policy sends openat to the handler with "do: trap"; what the handler says
// stands.
func ExampleHandler() {
	engine, err := supervise.NewEngine(supervise.EngineConfig{
		Policy: &policy.Policy{
			Default: policy.Action{Kind: policy.Allow},
			Rules:   []policy.Rule{{Call: "openat", Do: policy.Action{Kind: policy.Trap}}},
		},
		Table: syscalls.AMD64,
		User:  logs{},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("trapped:", len(engine.TrapCalls()), "call")
	for _, path := range []string{"run.log", "/etc/passwd"} {
		d := engine.Decide(openat(path, syscall.O_CREAT|syscall.O_WRONLY, 0o600))
		fmt.Println(d.Path, d.Kind == supervise.Allow, d.Errno == syscall.EACCES)
	}
	// Output:
	// trapped: 1 call
	// run.log true false
	// /etc/passwd false true
}

// openat makes the trap that a supervisor makes when a program calls openat.
func openat(path string, flags, mode uint64) *supervise.Trap {
	nr, _ := syscalls.AMD64.Number("openat")
	return &supervise.Trap{Arch: syscalls.AMD64, Nr: nr, Tracee: memory(path + "\x00"), Args: [6]uint64{0, 4096, flags, mode}}
}

// memory is a tracee that has these bytes at address 4096 and nothing else.
type memory string

func (m memory) ReadMemory(addr uint64, buf []byte) (int, error) {
	if addr < 4096 || addr >= 4096+uint64(len(m)) {
		return 0, syscall.EFAULT
	}
	return copy(buf, m[addr-4096:]), nil
}

func (m memory) WriteMemory(uint64, []byte) (int, error) { return 0, syscall.EFAULT }
func (m memory) Valid() bool                             { return true }
