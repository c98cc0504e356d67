package trace

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/proc"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
)

// What a recorder notes beside calls: signals, lives, and what is used.

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
	delete(r.view.names.tables, pid)
	if former != pid {
		r.drop(pid)
		if c := r.pending[former]; c != nil {
			delete(r.pending, former)
			c.event.TID = pid
			r.pending[pid] = c
		}
	}
	if c := r.pending[pid]; c != nil {
		e.Syscall = c.event.Syscall // its line tells the same
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
	if tid == pid {
		delete(r.view.names.tables, pid)
	}
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
