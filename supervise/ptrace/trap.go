package ptrace

import (
	"fmt"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

// memory is the memory of the tracee that is stopped.
type memory struct {
	tid int
	// What was read last is kept until the tracee runs on: whoever watches a call
	// and whoever decides it want the same path.
	at   uint64
	n    int
	kept [512]byte
}

// of makes m the memory of another stop.
func (m *memory) of(tid int) *memory {
	m.tid, m.n = tid, 0
	return m
}

func (m *memory) ReadMemory(addr uint64, buf []byte) (int, error) {
	if from := addr - m.at; addr >= m.at && from < uint64(m.n) && len(buf) <= m.n-int(from) {
		return copy(buf, m.kept[from:]), nil
	}
	n, err := sys.ReadMemory(m.tid, addr, buf)
	if err == nil && n <= len(m.kept) {
		m.at, m.n = addr, copy(m.kept[:], buf[:n])
	}
	return n, err
}

func (m *memory) WriteMemory(addr uint64, data []byte) (int, error) {
	m.n = 0
	return sys.WriteMemory(m.tid, addr, data)
}

// Valid is always true: a tracee that is stopped makes no other call.
func (m *memory) Valid() bool { return true }

// trapped decides the call at which tid is stopped and lets it run on.
func (t *Tracer) trapped(tid int, k *task) {
	t.outcome.Traps++
	nr, args, err := sys.ReadTrap(tid)
	if err != nil {
		if err != syscall.ESRCH {
			// Without the call there is no decision, so it is not made.
			t.end(Violated, &Violation{PID: k.proc.pid})
		}
		return
	}
	// A foreign architecture never gets here: the filter kills it.
	t.trap.Arch, t.trap.Nr, t.trap.Args = t.cfg.Table, nr, args
	t.trap.PID, t.trap.TID, t.trap.Tracee = k.proc.pid, tid, t.memory.of(tid)
	// A signal's handler may come first. Should it make a call of the same number,
	// one of the two is counted now and the other then.
	if t.trap.Again = k.anew == t.trap.Nr+1; t.trap.Again {
		k.anew = 0
	}
	t.trap.Alone, t.trap.ByName = t.alone(), k.again == 0

	t.Follow(&t.trap, t.thread)
	t.entered(k)
	d := t.decide(k)
	t.decided(k, d)
	if d.Kind != supervise.Open {
		k.again = 0
	}
	switch d.Kind {
	case supervise.Allow:
		if !t.mapsFirst(tid, k) {
			t.cont(tid, k)
		}
		return
	case supervise.Deny:
		t.outcome.Denied++
		t.answer(tid, k, failure(d.Failure()))
	case supervise.Fail:
		t.answer(tid, k, failure(d.Failure()))
	case supervise.Return:
		t.answer(tid, k, d.Value)
	case supervise.Open:
		t.open(tid, k, d.Opening, d.Path)
		return
	case supervise.Wait:
		t.await(tid, k, d.Waiting)
		return
	default:
		t.answer(tid, k, failure(syscall.EPERM))
		t.Violate(d, &t.trap)
	}
	sys.Cont(tid, 0)
}

// answer makes the call return value without being made.
func (t *Tracer) answer(tid int, k *task, value uint64) {
	t.skip(tid, value)
	t.left(tid, k, value)
}

// skip makes the call return value. If that fails the tracee must not go on,
// because its call would be made.
func (t *Tracer) skip(tid int, value uint64) {
	if err := sys.SkipCall(tid, value); err != nil {
		syscall.Kill(tid, syscall.SIGKILL)
	}
}

// decide asks the handler, and adds what the tracer itself has against a call.
func (t *Tracer) decide(k *task) supervise.Decision {
	if t.made[t.trap.Nr] || t.watch.calls[t.trap.Nr] {
		// The filter may ask for these whatever the policy says.
		if d, refused := t.refused(); refused {
			return d
		}
	}
	d := supervise.Decision{Kind: supervise.Allow}
	if t.cfg.Handler != nil && !t.watch.alone[t.trap.Nr] {
		d = t.cfg.Handler.Handle(&t.trap)
	}
	if d.Kind == supervise.Allow && t.cfg.Guard && t.guard[t.trap.Nr] && t.touchesPage(&t.trap) {
		return supervise.Decision{Kind: supervise.Deny, Errno: syscall.EPERM}
	}
	return t.admit(&t.trap, k, d)
}

// refused says what becomes of the trapped call if the policy's rules on calls
// refuse it.
func (t *Tracer) refused() (d supervise.Decision, refused bool) {
	if t.cfg.Policy == nil {
		return d, false
	}
	own := t.watch.rules(t.cfg.Policy, t.trap.Nr, t.trap.Name())
	if own == nil {
		return d, false
	}
	action, rule := own.Decide(t.cfg.Table, t.trap.Nr, t.trap.Args)
	if rule != nil {
		d.Rule = rule.Pos.String()
	}
	switch action.Kind {
	case policy.Kill:
		return d, true
	case policy.Deny:
		d.Kind, d.Errno = supervise.Deny, syscall.Errno(action.Errno)
		return d, true
	}
	return d, false
}

func (t *Tracer) callName(nr int) string {
	if name := t.cfg.Table.Name(nr); name != "" {
		return name
	}
	return fmt.Sprintf("syscall_%d", nr)
}

// killedCall names the call that a task was killed in and the rule that says
// so, or returns "" if the policy does not kill it.
func (t *Tracer) killedCall(tid int) (call, rule string) {
	nr, args, err := sys.CurrentCall(tid)
	if err != nil || nr < 0 {
		return "", ""
	}
	var info sys.SyscallInfo
	if sys.ReadSyscallInfo(tid, &info) == nil && info.Arch != 0 && info.Arch != t.cfg.Table.Audit {
		return fmt.Sprintf("%s of a foreign architecture (%#x)", foreignName(info.Arch, nr), info.Arch), ""
	}
	// The x32 ABI shares amd64's number; the filter kills what is beyond it.
	if n := uint32(nr); t.cfg.Table == syscalls.AMD64 && n >= x32Bit && n != ^uint32(0) {
		return fmt.Sprintf("%s of the x32 ABI", t.callName(int(n&^x32Bit))), ""
	}
	if t.cfg.Policy == nil {
		return t.callName(nr), ""
	}
	action, r := t.cfg.Policy.Decide(t.cfg.Table, nr, args)
	if action.OrKill().Kind != policy.Kill {
		return "", ""
	}
	if r != nil {
		rule = r.Pos.String()
	}
	return t.callName(nr), rule
}

// x32Bit marks calls of the x32 ABI (__X32_SYSCALL_BIT).
const x32Bit = 0x40000000

// foreignName is a call's name in a table that the program had no right to.
func foreignName(arch uint32, nr int) string {
	if arch == syscalls.I386.Audit {
		if name := syscalls.I386.Name(nr); name != "" {
			return name
		}
	}
	return fmt.Sprintf("syscall_%d", nr)
}

// failure is what a call returns to the program's libc when it fails.
func failure(e syscall.Errno) uint64 { return -uint64(e) }
