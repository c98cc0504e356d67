package belljar

import (
	"syscall"
	"time"
)

// Verdict is the fate of a run.
type Verdict string

const (
	OK          Verdict = "ok"
	NonzeroExit Verdict = "nonzero-exit"
	Signaled    Verdict = "signaled"
	TimeLimit   Verdict = "time-limit"
	MemoryLimit Verdict = "memory-limit"
	OutputLimit Verdict = "output-limit"
	Violation   Verdict = "violation"
)

// Result is what became of a run. Its JSON form is a contract: every key is
// always present, times are nanoseconds and sizes bytes.
type Result struct {
	Verdict   Verdict        `json:"verdict"`
	ExitCode  int            `json:"exit_code"`
	Signal    Signal         `json:"signal"` // that ended the main program, 0 if none
	Limit     string         `json:"limit"`  // which limit was hit: cpu, wall, memory, output
	Violation *ViolationInfo `json:"violation"`

	CPU    time.Duration `json:"cpu_ns"` // all processes, reaped or not
	User   time.Duration `json:"user_ns"`
	System time.Duration `json:"system_ns"`
	Wall   time.Duration `json:"wall_ns"`  // from the program's start to its end
	Setup  time.Duration `json:"setup_ns"` // from Run to the program's start

	MemoryPeak    int64  `json:"memory_peak"`
	MemorySource  string `json:"memory_source"`  // cgroup1, cgroup2 or vmhwm
	CPUSource     string `json:"cpu_source"`     // cgroup1, cgroup2 or ptrace
	ProcessesPeak int    `json:"processes_peak"` // threads count
	OutputBytes   int64  `json:"output_bytes"`
	Traps         int64  `json:"traps"`
	Denied        int64  `json:"denied"` // soft refusals by the supervisor

	Supervisor  Supervisor `json:"supervisor"`
	Enforcement []Layer    `json:"enforcement"`
}

// ViolationInfo is the evidence of a violation.
type ViolationInfo struct {
	Syscall  string `json:"syscall"`
	Path     string `json:"path"`
	Decision string `json:"decision"`
	Rule     string `json:"rule"`  // file:line, "" if the default decided
	Count    bool   `json:"count"` // the rule is a count, of which the call was one too many
	PID      int    `json:"pid"`
	Access   string `json:"access"` // that Path was wanted for, such as "read"; "" if it was not about a path
	Code     string `json:"code"`   // that made the call: FILE+OFFSET (FUNCTION+OFFSET), "" if unknown
}

// Layer reports one mechanism of containment in one run.
type Layer struct {
	Name  string `json:"layer"`
	State string `json:"state"` // on, partial or off
	Why   string `json:"why,omitempty"`
}

// Signal is a signal's number; its text is the name, "SIGSEGV".
type Signal syscall.Signal
