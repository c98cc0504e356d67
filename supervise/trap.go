package supervise

import (
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// Tracee is the stopped thread behind a Trap, as a supervisor sees it. Its
// methods are valid only while the trap is being decided.
type Tracee interface {
	// ReadMemory fills buf from the tracee's memory at addr and returns how
	// many bytes could be read before the first unreadable page; zero bytes
	// is EFAULT.
	ReadMemory(addr uint64, buf []byte) (int, error)
	// WriteMemory is the counterpart of ReadMemory.
	WriteMemory(addr uint64, data []byte) (int, error)
	// Valid reports whether the stopped thread is still the one that made the
	// call, so that what was read from its memory and its /proc is its own.
	Valid() bool
}

// Trap is one system call, stopped for a decision. Arguments are raw
// registers; Int truncates as the kernel truncates an int argument. A Trap and
// what it returns are valid only until the handler returns.
type Trap struct {
	Arch *syscalls.Table
	Nr   int       // number in Arch's table
	Args [6]uint64 // raw
	PID  int       // thread group, in Belljar's PID namespace
	TID  int       // thread, in Belljar's PID namespace

	Tracee Tracee

	// Alone says that until the call has been made nothing changes the memory,
	// the descriptors and the working directory of the thread that made it: no
	// other task of the run lives, and nobody outside shares its memory. Then a
	// call whose path leads where no tracee can change anything is allowed as it is.
	Alone bool
	// ByName says that the supervisor makes the thread itself open
	// Opening.Path, without following any link, and asks again, with ByName off,
	// if there was one. Then a path need not be looked up to be decided.
	ByName bool

	// Again says that the call was decided before, was not made, and is the same
	// call of the program's: it has been counted.
	Again bool

	scratch []byte            // memory for what Path and Bytes read
	texts   map[string]string // strings that were read before
	actor   actor
	opening *Opening // the last that has nothing pinned
	stat    sys.Stat
}

// Decision is the answer to a Trap. Its zero value kills the run.
type Decision struct {
	Kind  Kind
	Errno syscall.Errno // for Deny and Fail
	Value uint64        // for Return: what the call returns without being made
	Rule  string        // where the deciding rule was written, "" when there is none
	Path  string        // the object that was decided, "" when the call has no path
	Count bool          // the rule is a count, of which the call is one too many

	// Uses are the objects that the call reaches for, as far as they were
	// decided, where somebody asks for them (EngineConfig) or the last one ends the run.
	Uses []Use

	// Raised is the signal that the call has raised in the tracee, where it was
	// made in its place, or 0.
	Raised syscall.Signal

	// Opening is the file to open, for Open alone. Whoever gets it closes it.
	Opening *Opening
	// Waiting is the call under way, for Wait alone.
	Waiting *Waiting
	// Err is why Belljar itself had to end the run, for Kill alone.
	Err error
}

// Use is one object of a call.
type Use struct {
	Path   string // canonical; what has no path has a name such as "pipe:[7]"
	Access policy.Access
}

// Failure is the errno that a refused call fails with: EPERM where the handler
// named none, since zero would tell the program that the call was made.
func (d Decision) Failure() syscall.Errno {
	if d.Errno == 0 {
		return syscall.EPERM
	}
	return d.Errno
}

// Kind is how a Decision answers.
type Kind uint8

const (
	Kill   Kind = iota // end the run with verdict violation
	Allow              // let the kernel make the call, as the registers say
	Deny               // the call fails with Errno
	Return             // the call is not made and returns Value
	Fail               // the call fails with Errno, as it would without Belljar
	Open               // the supervisor opens a file for the tracee: Opening
	Wait               // the call is being made and takes its time: Waiting has the answer
)

// Handler decides traps. Handle is called on the supervisor's thread, one trap
// of a run at a time, and must not keep the Trap.
type Handler interface {
	Handle(*Trap) Decision
}
