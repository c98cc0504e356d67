package trace

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Report is a sink that sums events up for a page that shows a run: one file
// of HTML, which needs no network and holds no text that a program chose but as
// text. Its memory and the page are bounded, whatever the run does; what is
// left out is counted and said.
type Report struct {
	// Keep is how many events are listed singly, half of them the first and
	// half the last ones; 0 is 4000.
	Keep int

	events    int64
	first     []listed
	last      []listed // a ring
	at        int
	refused   []listed
	processes map[int]*process
	order     []int
	gone      int64 // processes that are not in the map
	calls     map[string]*callSum
	files     map[string]*fileSum
	noFile    int64
	peers     map[string]*peerSum
	recent    map[int][]listed // the last calls of each thread
	context   []listed         // what led to the end of the run
	end       time.Duration
	samples   []sample
	every     int // one of so many samples is kept
	sampled   int
}

// Bounds of what is listed, in a page below 2 MB.
const (
	reportEvents    = 4000
	reportRefused   = 500
	reportProcesses = 1000
	reportFiles     = 4000
	reportPeers     = 500
	reportContext   = 12
	reportText      = 240                // of one event
	reportSize      = 2_000_000 - 20_000 // of the data in the page
)

// listed is one event in the page.
type listed struct {
	Time     int64  `json:"t"` // microseconds
	Duration int64  `json:"d,omitempty"`
	PID      int    `json:"p"`
	TID      int    `json:"h"`
	Text     string `json:"x"`
	Kind     string `json:"k,omitempty"` // "" is a call; "error" and "refused" are calls too
}

type process struct {
	PID     int    `json:"pid"`
	Parent  int    `json:"parent"`
	Program string `json:"program"`
	Args    string `json:"args"`
	Start   int64  `json:"start"`
	End     int64  `json:"end"` // 0 if it was not seen
	Fate    string `json:"fate"`
	Calls   int64  `json:"calls"`
	Threads int    `json:"threads"`
	Busy    []int  `json:"busy"` // calls per slice of time

	times map[int64]int // calls per millisecond, thinned when there are many
	width int64
}

type callSum struct {
	Name   string `json:"name"`
	Count  int64  `json:"count"`
	Errors int64  `json:"errors"`
	Time   int64  `json:"time"` // microseconds
	Max    int64  `json:"max"`
}

type fileSum struct {
	Path    string `json:"path"`
	Access  string `json:"access"`
	Count   int64  `json:"count"`
	Failed  int64  `json:"failed"`
	Refused int64  `json:"refused"`
}

type peerSum struct {
	Address string `json:"address"`
	Call    string `json:"call"`
	Count   int64  `json:"count"`
	Failed  int64  `json:"failed"`
}

func (r *Report) init() {
	if r.calls == nil {
		r.calls, r.files = make(map[string]*callSum), make(map[string]*fileSum)
		r.peers, r.processes = make(map[string]*peerSum), make(map[int]*process)
		r.recent = make(map[int][]listed)
		r.Keep = cmp.Or(r.Keep, reportEvents)
	}
}

// Write adds an event.
func (r *Report) Write(e *Event) error {
	r.init()
	if e.Kind == Usage {
		r.gauge(e)
		return nil
	}
	r.events++
	r.end = max(r.end, e.Time+e.Duration)
	l := r.list(e)
	switch e.Kind {
	case Call:
		r.call(e, l)
	case Fork:
		if !e.Thread {
			r.process(e.Child, e.PID, e.Time)
		} else if p := r.process(e.PID, 0, e.Time); p != nil {
			p.Threads++
		}
	case Exec:
		if p := r.process(e.PID, 0, e.Time); p != nil {
			p.Program, p.Args = cut(e.Program), cut(strings.Join(e.Args, " "))
		}
	case Exit:
		delete(r.recent, e.TID)
		if p := r.process(e.PID, 0, e.Time); p != nil && e.TID == e.PID {
			p.End, p.Fate = e.Time.Microseconds(), string(exitText(nil, e)[4:])
			p.Fate = strings.TrimSuffix(p.Fate, " +++")
		}
	}
	return nil
}

// sample is what the run had used at a moment.
type sample struct {
	Time   int64 `json:"t"` // microseconds
	CPU    int64 `json:"c"` // microseconds
	Memory int64 `json:"m"`
	Output int64 `json:"o"`
}

// reportSamples bounds the samples; when there are more, every other one goes.
const reportSamples = 400

func (r *Report) gauge(e *Event) {
	r.every = max(r.every, 1)
	if r.sampled++; r.sampled%r.every != 0 {
		return
	}
	r.samples = append(r.samples, sample{e.Time.Microseconds(), e.Used.CPU.Microseconds(), e.Used.Memory, e.Used.Output})
	if len(r.samples) > reportSamples {
		half := r.samples[:0]
		for i := 1; i < len(r.samples); i += 2 {
			half = append(half, r.samples[i])
		}
		r.samples, r.every = half, 2*r.every
	}
}

// list keeps the event among the first or the last.
func (r *Report) list(e *Event) listed {
	var b []byte
	l := listed{Time: e.Time.Microseconds(), Duration: e.Duration.Microseconds(), PID: e.PID, TID: e.TID, Kind: string(e.Kind)}
	switch e.Kind {
	case Call:
		b = append(append(AppendCall(b, e), " = "...), e.Result...)
		l.Kind = ""
		if e.Errno != "" {
			l.Kind = "error"
		}
		if e.Decision == "deny" || e.Decision == "kill" {
			l.Kind = "refused"
			b = append(append(append(b, "  ["...), e.Decision...), " by "...)
			b = append(append(b, orText(e.Rule, "default")...), ']')
		}
	case Signal:
		b = append(append(append(b, e.Signal...), ' '), e.Text...)
	case Exec:
		b = append(append(b, "executes "...), e.Program...)
	case Fork:
		b = append(b, "creates "+itoa(e.Child)...)
	case Exit:
		b = exitText(b, e)
	case Note:
		b = append(b, e.Text...)
	}
	l.Text = cut(string(b))
	half := r.Keep / 2
	switch {
	case len(r.first) < half:
		r.first = append(r.first, l)
	case len(r.last) < half:
		r.last = append(r.last, l)
	default:
		r.last[r.at] = l
		r.at = (r.at + 1) % half
	}
	return l
}

func cut(s string) string {
	if len(s) > reportText {
		return s[:reportText] + "..."
	}
	return s
}

func (r *Report) call(e *Event, l listed) {
	c := r.calls[e.Syscall]
	if c == nil {
		c = &callSum{Name: e.Syscall}
		r.calls[e.Syscall] = c
	}
	c.Count++
	c.Time += l.Duration
	c.Max = max(c.Max, l.Duration)
	if e.Errno != "" {
		c.Errors++
	}
	if p := r.process(e.PID, 0, e.Time); p != nil {
		p.Calls++
		p.tick(e.Time)
	}
	recent := append(r.recent[e.TID], l)
	if len(recent) > reportContext {
		recent = recent[1:]
	}
	r.recent[e.TID] = recent
	if l.Kind == "refused" {
		if len(r.refused) < reportRefused {
			r.refused = append(r.refused, l)
		}
		if e.Decision == "kill" && r.context == nil {
			r.context = slices.Clone(recent)
		}
	}
	r.objects(e)
}

// objects notes the files and peers of a call.
func (r *Report) objects(e *Event) {
	for _, u := range e.Uses {
		r.file(u.Path, u.Access, e)
	}
	if len(e.Uses) == 0 {
		// Without decisions the name of the descriptor tells what was opened.
		if at := strings.IndexByte(e.Result, '<'); at >= 0 && strings.HasPrefix(e.Syscall, "open") {
			r.file(strings.TrimSuffix(e.Result[at+1:], ">"), "open", e)
		}
	}
	switch e.Syscall {
	case "connect", "bind", "accept", "accept4":
		if len(e.Args) > 1 {
			key := e.Syscall + e.Args[1]
			p := r.peers[key]
			if p == nil {
				if len(r.peers) >= reportPeers {
					return
				}
				p = &peerSum{Address: cut(e.Args[1]), Call: e.Syscall}
				r.peers[key] = p
			}
			p.Count++
			if e.Errno != "" {
				p.Failed++
			}
		}
	}
}

func (r *Report) file(path, access string, e *Event) {
	path = cut(path)
	refused := e.Decision == "deny" || e.Decision == "kill"
	f := r.files[path]
	if f == nil {
		if len(r.files) >= reportFiles && !(refused && len(r.files) < reportFiles+reportRefused) {
			r.noFile++
			return
		}
		f = &fileSum{Path: path}
		r.files[path] = f
	}
	f.Count++
	for a := range strings.SplitSeq(access, "+") {
		if !strings.Contains(f.Access, a) {
			f.Access = strings.TrimPrefix(f.Access+" "+a, " ")
		}
	}
	switch {
	case refused:
		f.Refused++
	case e.Errno != "":
		f.Failed++
	}
}

// process returns a process, nil if there are too many.
func (r *Report) process(pid, parent int, at time.Duration) *process {
	p := r.processes[pid]
	if p == nil {
		if len(r.processes) >= reportProcesses {
			r.gone++
			return nil
		}
		p = &process{PID: pid, Start: at.Microseconds(), times: make(map[int64]int), width: 1000, Threads: 1}
		r.processes[pid] = p
		r.order = append(r.order, pid)
	}
	if parent != 0 {
		p.Parent = parent
	}
	return p
}

// tick counts a call in the process's slice of time; slices grow when there
// are too many.
func (p *process) tick(at time.Duration) {
	p.times[at.Microseconds()/p.width]++
	if len(p.times) <= 400 {
		return
	}
	wide := make(map[int64]int)
	for at, n := range p.times {
		wide[at/2] += n
	}
	p.times, p.width = wide, 2*p.width
}

// timeSlices is how many slices of time the page's timeline has.
const timeSlices = 100

// busy spreads the counts over the whole run.
func (p *process) busy(end time.Duration) []int {
	out := make([]int, timeSlices)
	whole := max(end.Microseconds(), 1)
	for at, n := range p.times {
		out[min(at*p.width*timeSlices/whole, timeSlices-1)] += n
	}
	return out
}
