package trace

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

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
	// Paths has events name the objects that calls reach for (Event.Uses) under every
	// policy, which costs a look-up for each.
	Paths bool

	mu      sync.Mutex
	begin   time.Time
	seq     uint64
	view    view
	pending map[int]*entered // calls that have not returned, by thread
	spare   []*entered       // to be used again
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

// Resolves reports whether objects are named under every policy.
func (r *Recorder) Resolves() bool { return r.Paths }

// entered is a call that is under way: its event, and how it is shown.
type entered struct {
	event Event
	raw   [6]uint64
	shown *known
	names uint64 // how often names of descriptors had changed when it was entered
}

// sees reports whether all these calls are recorded.
func (r *Recorder) sees(calls iter.Seq[string]) bool {
	for call := range calls {
		if !r.Watches(call) {
			return false
		}
	}
	return true
}

// Entered begins the event of a call.
func (r *Recorder) Entered(t *supervise.Trap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	r.drop(t.TID)
	c := r.take()
	e := &c.event
	e.Kind, e.PID, e.TID, e.Time, e.Syscall = Call, t.PID, t.TID, now, callName(t)
	c.shown = formatOf(t, e.Syscall)
	c.raw = t.Args
	e.Raw = c.raw[:c.shown.raw]
	e.Args = slices.Grow(e.Args[:0], len(c.shown.args))[:len(c.shown.args)]
	clear(e.Args)
	r.arguments(t, c, false)
	c.names = r.view.names.changes
	r.pending[t.TID] = c
}

// Returned completes it.
func (r *Recorder) Returned(t *supervise.Trap, d supervise.Decision, result uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.pending[t.TID]
	if c == nil {
		return
	}
	delete(r.pending, t.TID)
	e := &c.event
	e.Duration = r.now() - e.Time
	e.Return, e.Rule = int64(result), d.Rule
	e.Decision = decisionNames[d.Kind]
	for _, u := range d.Uses {
		e.Uses = append(e.Uses, Use{Path: Quote(u.Path), Access: u.Access.String()})
	}
	r.view.result, r.view.failed = result, errnoOf(result) != 0
	r.view.trap = t
	r.view.peers.learn(&r.view, e.Syscall)
	r.view.between = len(r.pending) > 0 || c.names != r.view.names.changes
	if c.shown.forget != nil {
		c.shown.forget(&r.view.names, t)
		r.view.names.changes++
	}
	r.arguments(t, c, true)
	r.result(c, d)
	r.finish(c)
}

// take returns an event to begin, finish writes one that is complete. No sink
// keeps events, so that most calls need no new memory.
func (r *Recorder) take() *entered {
	if n := len(r.spare); n > 0 {
		c := r.spare[n-1]
		r.spare = r.spare[:n-1]
		return c
	}
	return new(entered)
}

func (r *Recorder) finish(c *entered) {
	r.write(&c.event)
	c.event = Event{Args: c.event.Args[:0], Uses: c.event.Uses[:0]}
	r.spare = append(r.spare, c)
}

// now is the time since the recorder was first used.
func (r *Recorder) now() time.Duration {
	if r.begin.IsZero() {
		r.begin = time.Now()
		r.gauges.Lock()
		r.gauges.begin = r.begin
		r.gauges.Unlock()
		r.pending = make(map[int]*entered)
		r.view.peers, r.view.plain = make(peers), r.Plain
		r.view.names.tables = make(map[int]map[int32]string)
		r.view.names.on = r.sees(maps.Keys(stale)) && r.sees(slices.Values([]string{"execve", "execveat"}))
	}
	return time.Since(r.begin)
}

// drop writes an event whose call never returned to its thread.
func (r *Recorder) drop(tid int) {
	if c := r.pending[tid]; c != nil {
		delete(r.pending, tid)
		c.event.Duration = r.now() - c.event.Time
		c.event.Result = "?"
		r.finish(c)
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
func (r *Recorder) arguments(t *supervise.Trap, c *entered, returned bool) {
	v := &r.view
	v.trap, v.text, v.plain = t, r.Text, r.Plain
	if v.text == 0 {
		v.text = 32
	}
	// The words are cut out of one string.
	var ends [6]int
	v.out = v.out[:0]
	for i, a := range c.shown.args {
		if a.out == returned {
			a.show(v, i)
		}
		ends[i] = len(v.out)
	}
	if len(v.out) == 0 {
		return
	}
	text, begin := string(v.out), 0
	for i, a := range c.shown.args {
		if a.out == returned {
			c.event.Args[i] = text[begin:ends[i]]
		}
		begin = ends[i]
	}
}

// result shows what the call returned.
func (r *Recorder) result(c *entered, d supervise.Decision) {
	v, e := &r.view, &c.event
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
		v.add("-1 ")
		v.add(e.Errno)
		v.add(" (")
		v.add(errnoText(errno))
		v.add(")")
	default:
		c.shown.ret(v)
		if c.shown.moves {
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
