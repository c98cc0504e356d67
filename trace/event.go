package trace

import (
	"time"
)

// Kind says what an event is about.
type Kind string

const (
	Call   Kind = "call"   // a system call, from its start to its return
	Signal Kind = "signal" // a signal that was delivered
	Fork   Kind = "fork"   // a new process or thread
	Exec   Kind = "exec"   // a process executes another program from here on
	Exit   Kind = "exit"   // a thread has ended
	Usage  Kind = "usage"  // what the run has used so far
	Note   Kind = "note"   // about the record itself, such as events that were dropped
)

// Event is one thing that happened in a run. Its JSON form is a line of
// "belljar trace --json": keys that mean nothing for an event are left out,
// times are nanoseconds. No text in it holds a control character or a byte that
// is not ASCII: what a program chose is quoted as C quotes it.
type Event struct {
	Seq  uint64        `json:"seq"`     // counts from 1 in the order in which events were complete
	Time time.Duration `json:"time_ns"` // when it began, since the recorder was made
	Kind Kind          `json:"event"`
	PID  int           `json:"pid"`
	TID  int           `json:"tid"`

	// Of a call, and of an exec that a recorded call has made.
	Syscall  string        `json:"syscall,omitempty"`
	Args     []string      `json:"args,omitempty"` // in words
	Raw      []uint64      `json:"raw,omitempty"`  // as many registers as the call has arguments
	Return   int64         `json:"return"`
	Errno    string        `json:"errno,omitempty"`
	Result   string        `json:"result,omitempty"` // in words: "3</etc/hosts>", "-1 ENOENT (...)", "?"
	Duration time.Duration `json:"duration_ns,omitempty"`
	Decision string        `json:"decision,omitempty"` // what the supervisor said, if it was asked
	Rule     string        `json:"rule,omitempty"`     // FILE:LINE that said so
	Uses     []Use         `json:"uses,omitempty"`     // the objects that were decided
	Bytes    int64         `json:"bytes,omitempty"`    // moved by read, write and their kin

	// Of a signal.
	Signal string `json:"signal,omitempty"`
	// Of a fork: the new task, and whether it is a thread of the same process.
	Child  int  `json:"child,omitempty"`
	Thread bool `json:"thread,omitempty"`
	// Of an exec: the program's file, as it is known to the kernel.
	Program string `json:"program,omitempty"`
	// Of an exit: the status, or the signal in Signal.
	Status int `json:"status,omitempty"`
	// Of a usage.
	Used *Used `json:"used,omitempty"`
	// Of a note, and of signals that have more to tell.
	Text string `json:"text,omitempty"`
}

// Used is what a run has used up to a moment: bytes and nanoseconds.
type Used struct {
	CPU    time.Duration `json:"cpu_ns"`
	Memory int64         `json:"memory"`
	Output int64         `json:"output"`
	Tasks  int           `json:"tasks"`
}

// Use is an object that a call reached for by its path.
type Use struct {
	Path   string `json:"path"`   // canonical, quoted where it is not plain ASCII
	Access string `json:"access"` // such as "stat+read"
}

// Sink takes events, one at a time. The event is the sink's only until Write
// returns. An error ends the record, not the run.
type Sink interface {
	Write(*Event) error
}
