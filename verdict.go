package belljar

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/belljar/belljar/supervise/ptrace"
	"github.com/belljar/belljar/syscalls"
)

// limitVerdicts says which verdict each limit leads to.
var limitVerdicts = map[string]Verdict{
	"cpu":    TimeLimit,
	"wall":   TimeLimit,
	"memory": MemoryLimit,
	"output": OutputLimit,
}

// result turns what is known about the run into its result.
func (s *session) result(o *ptrace.Outcome, begin time.Time) *Result {
	r := &Result{
		ExitCode: max(0, o.Status.ExitStatus()),
		CPU:      o.Usage.CPU, User: o.Usage.User, System: o.Usage.System,
		Wall: o.Ended.Sub(s.started), Setup: s.started.Sub(begin),
		MemoryPeak: o.Usage.Peak, MemorySource: "vmhwm", CPUSource: "ptrace",
		ProcessesPeak: o.Usage.TasksPeak, OutputBytes: s.files.written(),
		Traps: o.Traps, Denied: o.Denied,
		Supervisor: s.supervisor, Enforcement: s.layers,
	}
	s.measured(r)
	if o.Status.Signaled() {
		r.Signal = Signal(o.Status.Signal())
	}
	s.judge(r, o)
	return r
}

// judge derives the verdict from what ended the run. A limit that was passed
// without ending it, because the program was quicker than the watcher, counts
// as well; after that the program's own end is its fate.
func (s *session) judge(r *Result, o *ptrace.Outcome) {
	limits := s.opts.Limits
	switch {
	case o.Cause == ptrace.Violated:
		r.Verdict = Violation
		v := o.Violation
		r.Violation = &ViolationInfo{Syscall: v.Syscall, Path: v.Path, Decision: "kill", Rule: v.Rule, Count: v.Count, PID: v.PID,
			Access: v.Access.String(), Code: v.Code}
	case s.events.MemoryLimit():
		// Before any other limit: the kernel does not kill for memory what is
		// being killed already, so this came first.
		r.Limit = "memory"
	case o.Cause == ptrace.OutputExceeded:
		r.Limit = "output"
	case s.endedBy() != "":
		r.Limit = s.endedBy()
	case limits.CPU > 0 && r.CPU > limits.CPU:
		r.Limit = "cpu"
	case limits.Memory > 0 && r.MemoryPeak > limits.Memory && s.groupLimits.Memory == 0:
		r.Limit = "memory"
	case limits.Output > 0 && r.OutputBytes > limits.Output:
		r.Limit = "output"
	}
	switch {
	case r.Verdict != "":
	case r.Limit != "":
		r.Verdict = limitVerdicts[r.Limit]
	case r.Signal != 0:
		r.Verdict = Signaled
	case r.ExitCode != 0:
		r.Verdict = NonzeroExit
	default:
		r.Verdict = OK
	}
}

// endedBy returns the limit that ended the run, "" if none did.
func (s *session) endedBy() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limit
}

// cancelled reports whether the caller ended the run.
func (s *session) cancelled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended && s.limit == ""
}

// begin returns when the program started, zero before that.
func (s *session) begin() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// String returns the signal's name, "" for none.
func (s Signal) String() string {
	if s == 0 {
		return ""
	}
	if name := syscalls.SignalName(int(s)); name != "" {
		return name
	}
	return fmt.Sprintf("SIG%d", int(s)) // 32 and 33, which C libraries keep to themselves
}

// MarshalJSON writes the signal's name.
func (s Signal) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Signal) UnmarshalJSON(b []byte) error {
	var name string
	if err := json.Unmarshal(b, &name); err != nil {
		return err
	}
	for n := Signal(0); n <= 64; n++ {
		if n.String() == name {
			*s = n
			return nil
		}
	}
	return fmt.Errorf("no signal is called %q", name)
}
