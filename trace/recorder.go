package trace

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

// Recorder watches a run and turns what it sees into events. Give it to a run
// as belljar.Options.Watch. It keeps only what is under way; where events go
// is the sink's to say. Its zero value does nothing useful: set Sink.
type Recorder struct {
	Sink Sink
	// Only, if not empty, are the calls and groups ("@file-read") to record.
	Only []string
	// Text is how many bytes of a buffer are shown; 0 is 32.
	Text int
	// Plain leaves out what descriptors are: 3 instead of 3</etc/hosts>.
	Plain bool

	mu      sync.Mutex
	begin   time.Time
	seq     uint64
	view    view
	pending map[int]*Event // calls that have not returned, by thread
	failed  error

	gauges struct { // apart from the rest, which may be waiting for the sink
		sync.Mutex
		begin   time.Time
		waiting []*Event
	}
}

// Err returns the first error of the sink. Nothing was recorded after it.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// Watches reports whether a call is recorded.
func (r *Recorder) Watches(call string) bool {
	if len(r.Only) == 0 {
		return true
	}
	for _, name := range r.Only {
		if name == call || policy.IsGroup(name) && syscalls.InGroup(name, call) {
			return true
		}
	}
	return false
}

// Entered begins the event of a call.
func (r *Recorder) Entered(t *supervise.Trap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := &Event{Kind: Call, PID: t.PID, TID: t.TID, Time: r.now(), Syscall: callName(t)}
	r.drop(t.TID)
	r.arguments(t, e, false)
	r.pending[t.TID] = e
}

// Returned completes it.
func (r *Recorder) Returned(t *supervise.Trap, d supervise.Decision, result uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.pending[t.TID]
	if e == nil {
		return
	}
	delete(r.pending, t.TID)
	e.Duration = r.now() - e.Time
	e.Return, e.Rule = int64(result), d.Rule
	e.Decision = decisionNames[d.Kind]
	for _, u := range d.Uses {
		e.Uses = append(e.Uses, Use{Path: Quote(u.Path), Access: u.Access.String()})
	}
	r.view.result, r.view.failed = result, errnoOf(result) != 0
	r.view.trap = t
	r.view.peers.learn(&r.view, e.Syscall)
	r.arguments(t, e, true)
	r.result(e, d)
	r.write(e)
}

// now is the time since the recorder was first used.
func (r *Recorder) now() time.Duration {
	if r.begin.IsZero() {
		r.begin = time.Now()
		r.gauges.Lock()
		r.gauges.begin = r.begin
		r.gauges.Unlock()
		r.pending = make(map[int]*Event)
		r.view.peers, r.view.plain = make(peers), r.Plain
	}
	return time.Since(r.begin)
}

// drop writes an event whose call never returned to its thread.
func (r *Recorder) drop(tid int) {
	if e := r.pending[tid]; e != nil {
		delete(r.pending, tid)
		e.Duration = r.now() - e.Time
		e.Result = "?"
		r.write(e)
	}
}

func (r *Recorder) write(e *Event) {
	r.writeGauges()
	r.put(e)
}

func (r *Recorder) put(e *Event) {
	if r.failed != nil {
		return
	}
	r.seq++
	e.Seq = r.seq
	r.failed = r.Sink.Write(e)
}

// arguments shows a call's arguments, those that the kernel fills in only when
// it has returned.
func (r *Recorder) arguments(t *supervise.Trap, e *Event, returned bool) {
	v := &r.view
	v.trap, v.text, v.plain = t, r.Text, r.Plain
	if v.text == 0 {
		v.text = 32
	}
	shown := formatOf(t, e.Syscall)
	if !returned {
		e.Args = make([]string, len(shown.args))
		e.Raw = append([]uint64(nil), t.Args[:max(syscalls.Args(e.Syscall).Count(), 0)]...)
	}
	for i, a := range shown.args {
		if a.out == returned {
			v.out = v.out[:0]
			a.show(v, i)
			e.Args[i] = string(v.out)
		}
	}
}

// result shows what the call returned.
func (r *Recorder) result(e *Event, d supervise.Decision) {
	v := &r.view
	v.out = v.out[:0]
	errno := errnoOf(v.result)
	switch restart, ok := restarts[errno]; {
	case d.Kind == supervise.Kill:
		v.add("? (killed)")
	case ok:
		v.add("? " + restart)
		e.Errno, _, _ = strings.Cut(restart, " ")
	case errno != 0:
		e.Return, e.Errno = -1, syscalls.ErrnoName(uint16(errno))
		v.printf("-1 %s (%s)", e.Errno, errnoText(errno))
	default:
		formatOf(v.trap, e.Syscall).ret(v)
		if moves[e.Syscall] {
			e.Bytes = e.Return
		}
	}
	e.Result = string(v.out)
}

// moves are the calls whose result is how many bytes they have moved.
var moves = map[string]bool{"read": true, "write": true, "pread64": true, "pwrite64": true, "readv": true, "writev": true,
	"preadv": true, "pwritev": true, "preadv2": true, "pwritev2": true, "sendto": true, "recvfrom": true, "sendmsg": true, "recvmsg": true,
	"sendfile": true, "splice": true, "copy_file_range": true}

// restarts are the kernel's own errors for a call that a signal interrupted;
// the program never sees them (include/linux/errno.h).
var restarts = map[syscall.Errno]string{
	512: "ERESTARTSYS (To be restarted if SA_RESTART is set)",
	513: "ERESTARTNOINTR (To be restarted)",
	514: "ERESTARTNOHAND (To be restarted if no handler)",
	516: "ERESTART_RESTARTBLOCK (Interrupted by signal)",
}

func errnoText(e syscall.Errno) string {
	s := e.Error()
	return strings.ToUpper(s[:1]) + s[1:]
}

var decisionNames = map[supervise.Kind]string{supervise.Kill: "kill", supervise.Allow: "allow", supervise.Deny: "deny",
	supervise.Return: "allow", supervise.Fail: "allow", supervise.Open: "allow"}

func callName(t *supervise.Trap) string {
	if name := t.Name(); name != "" {
		return name
	}
	return fmt.Sprintf("syscall_%#x", t.Nr)
}

// Signalled records a signal.
func (r *Recorder) Signalled(pid, tid int, s supervise.SignalInfo) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(&Event{Kind: Signal, Time: r.now(), PID: pid, TID: tid, Signal: signalName(int(s.Signal)), Text: signalText(s)})
}

// Forked records a new thread or process.
func (r *Recorder) Forked(pid, tid, child int, thread bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(&Event{Kind: Fork, Time: r.now(), PID: pid, TID: tid, Child: child, Thread: thread})
}

// Executed records that a process has another program.
func (r *Recorder) Executed(pid, former int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := &Event{Kind: Exec, Time: r.now(), PID: pid, TID: pid}
	if program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil {
		e.Program = Quote(program)
	}
	if former != pid {
		r.drop(pid)
		if p := r.pending[former]; p != nil {
			delete(r.pending, former)
			p.TID = pid
			r.pending[pid] = p
		}
	}
	e.Args, e.Uses = commandLine(pid), mappedPrograms(pid)
	r.write(e)
}

// mappedPrograms are the files that a process begins with as code: its program
// and the loader.
func mappedPrograms(pid int) []Use {
	maps, err := proc.FS("").Maps(pid)
	if err != nil {
		return nil
	}
	var uses []Use
	for _, m := range maps {
		u := Use{Path: Quote(m.Path), Access: policy.Exec.String()}
		if m.Perms[2] == 'x' && strings.HasPrefix(m.Path, "/") && !slices.Contains(uses, u) {
			uses = append(uses, u)
		}
	}
	return uses
}

// maxArguments bounds what is shown of a command line.
const maxArguments = 32

// commandLine is a process's, each word quoted.
func commandLine(pid int) []string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	defer f.Close()
	var room [4096]byte
	n, _ := f.Read(room[:])
	var words []string
	for word := range strings.SplitSeq(strings.TrimSuffix(string(room[:n]), "\x00"), "\x00") {
		if len(words) == maxArguments {
			return append(words, "...")
		}
		words = append(words, string(appendQuoted(nil, []byte(word), false)))
	}
	return words
}

// Ended records the end of a thread.
func (r *Recorder) Ended(pid, tid int, status syscall.WaitStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now()
	r.drop(tid)
	e := &Event{Kind: Exit, Time: r.now(), PID: pid, TID: tid}
	if status.Signaled() {
		e.Signal = signalName(int(status.Signal()))
	} else {
		e.Status = status.ExitStatus()
	}
	r.write(e)
}

// Used takes note of what the run has used so far. Its event is written with
// the next one: a sink may have to wait, and whoever calls this must not.
func (r *Recorder) Used(u supervise.Usage) {
	r.gauges.Lock()
	defer r.gauges.Unlock()
	if begin := r.gauges.begin; !begin.IsZero() && len(r.gauges.waiting) < maxGauges {
		r.gauges.waiting = append(r.gauges.waiting, &Event{Kind: Usage, Time: time.Since(begin), Used: &Used{u.CPU, u.Memory, u.Output, u.Tasks}})
	}
}

// maxGauges bounds the events that wait while a program does nothing.
const maxGauges = 256

// writeGauges writes the events that have waited.
func (r *Recorder) writeGauges() {
	r.gauges.Lock()
	waiting := r.gauges.waiting
	r.gauges.waiting = nil
	r.gauges.Unlock()
	for _, e := range waiting {
		r.put(e)
	}
}

// Note adds a remark of Belljar's own to the record.
func (r *Recorder) Note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.write(&Event{Kind: Note, Time: r.now(), Text: Quote(text)})
}
