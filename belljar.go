package belljar

import (
	"io"
	"os"
	"time"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/unshare"
)

// Command says what to run.
type Command struct {
	// Args is the program and its arguments. A program without a slash is
	// looked up in the PATH of Env.
	Args []string
	// Env is the whole environment, as "K=V"; nothing is inherited.
	Env []string
	// Dir is the working directory; "" is the caller's own without a private
	// root, and "/" in one.
	Dir string
	// Stdin is the program's input; nil is an empty one. An *os.File is handed
	// over as it is, everything else goes through a pipe.
	Stdin io.Reader
	// Stdout and Stderr take the program's output; nil discards it. An
	// *os.File is handed over as it is; everything else goes through a pipe,
	// whose bytes are counted against Limits.Output.
	Stdout, Stderr io.Writer
	// Files become descriptors 3 and up.
	Files []*os.File
}

// Limits says how much a run may use. Zero means no limit. CPUs and CPUSet need
// a cgroup: where none can keep them, nothing runs.
type Limits struct {
	CPU       time.Duration // user and system time of all processes
	Wall      time.Duration // from the start of the program
	Memory    int64         // bytes resident in all processes
	Stack     int64         // bytes, RLIMIT_STACK
	Output    int64         // bytes written to Stdout and Stderr together, and the size of any one file
	Processes int           // alive at once; threads count
	Files     int           // open descriptors, RLIMIT_NOFILE
	CPUs      float64       // CPU time per time: 0.5 is half of one CPU, and 0.01 the least
	CPUSet    string        // the only CPUs that it runs on, such as "0-1,3"
}

// Supervisor says who answers trapped calls.
type Supervisor string

const (
	Auto   Supervisor = ""       // ptrace where the policy needs one, else none
	Ptrace Supervisor = "ptrace" // a tracer
	Notify Supervisor = "notify" // seccomp user notification (Linux 5.19), beside a tracer that follows processes
	NoOne  Supervisor = "none"   // no call is trapped; what needs it is refused before the run
)

// Switch is a choice that may be left to Belljar.
type Switch uint8

const (
	Default Switch = iota // on where the host allows it
	On                    // an error where the host does not allow it
	Off
)

// Options says how a command is contained. The zero value is the judge preset
// with the strongest containment that this host offers, and no limits.
type Options struct {
	Policy     *policy.Policy // nil is policy.Judge()
	Limits     Limits
	Supervisor Supervisor
	Unshare    Switch        // namespaces and a private root
	Cgroup     Switch        // a cgroup for each run; by default for those whose limits it can keep
	Root       *unshare.Root // what the private root shows; nil is the default root
	// HostNetwork leaves out the network namespace, so that the program could
	// reach the host's network as far as the policy allows sockets.
	HostNetwork bool
	// UID and GID are who the program runs as. If nil, a run started by root
	// gets 65534, and any other run its own.
	UID, GID *int
	// Handler decides the calls that the policy says to trap.
	Handler supervise.Handler
	// Observe, if not nil, is told every decision, on the supervisor's thread.
	// With Notify it is called by several threads at once.
	Observe func(*supervise.Trap, supervise.Decision)
	// Watch, if not nil, is told all that the processes do; it needs the ptrace
	// supervisor, and each call that it watches costs two stops.
	Watch supervise.Watcher
	// Require names layers that must be on; if one is not, nothing runs.
	Require []string
	Umask   *int // nil is 022
	// Containers is how many sandboxes the Runner keeps parked for its next
	// commands, which then start faster: those without a directory of their own,
	// started by root on Linux 5.12 or newer, with a private root that has no
	// directory. Their programs lie in directories that the private root shows,
	// below /tmp, or below the same directory of / as the first command's, if the
	// root shows nothing else in that; the others see it, and it is empty. Nothing
	// that a program leaves is there for the next, but numbers of processes and of
	// inodes go on counting, and /tmp tells when it was made. Policies that let no
	// sockets and no IPC objects be made are faster. A parked sandbox may keep its
	// last program's file open, and what it lies on busy. Who sets it closes the
	// Runner.
	Containers int
}
