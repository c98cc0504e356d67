package trace

import (
	"encoding/json"
	"fmt"
	"io"
	pathpkg "path"
	"time"
)

// Perfetto writes events in the format of Chrome's trace viewer, which
// ui.perfetto.dev opens: a list of objects in JSON. Close ends the list.
type Perfetto struct {
	w     io.Writer
	begun bool
}

// NewPerfetto returns a sink that writes to w.
func NewPerfetto(w io.Writer) *Perfetto { return &Perfetto{w: w} }

// slice is an object of that format; times are microseconds.
type slice struct {
	Name  string         `json:"name"`
	Phase string         `json:"ph"` // X: from ts to ts+dur, i: a moment, M: a name
	Time  float64        `json:"ts"`
	Dur   float64        `json:"dur,omitempty"`
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	Scope string         `json:"s,omitempty"` // of a moment: t for thread
	Args  map[string]any `json:"args,omitempty"`
}

func micros(d time.Duration) float64 { return float64(d) / 1e3 }

// Write writes an event.
func (p *Perfetto) Write(e *Event) error {
	s := slice{Name: string(e.Kind), Phase: "i", Scope: "t", Time: micros(e.Time), PID: e.PID, TID: e.TID}
	switch e.Kind {
	case Call:
		s.Name, s.Phase, s.Scope, s.Dur = e.Syscall, "X", "", micros(e.Duration)
		s.Args = map[string]any{"call": string(AppendCall(nil, e)), "result": e.Result}
		if e.Rule != "" {
			s.Args["decision"], s.Args["rule"] = e.Decision, e.Rule
		}
	case Signal:
		s.Name, s.Args = e.Signal, map[string]any{"info": e.Text}
	case Fork:
		s.Args = map[string]any{"child": e.Child, "thread": e.Thread}
	case Exec:
		name := slice{Name: "process_name", Phase: "M", PID: e.PID, TID: e.TID, Args: map[string]any{"name": pathpkg.Base(e.Program)}}
		if err := p.add(name); err != nil {
			return err
		}
		s.Args = map[string]any{"program": e.Program, "arguments": e.Args}
	case Exit:
		s.Args = map[string]any{"status": e.Status, "signal": e.Signal}
	case Usage:
		s.Phase, s.Scope, s.Name = "C", "", "memory"
		s.Args = map[string]any{"bytes": e.Used.Memory}
	case Note:
		s.Name = e.Text
	}
	return p.add(s)
}

func (p *Perfetto) add(s slice) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	separator := ",\n"
	if !p.begun {
		p.begun, separator = true, "[\n"
	}
	_, err = fmt.Fprintf(p.w, "%s%s", separator, text)
	return err
}

// Close ends the list.
func (p *Perfetto) Close() error {
	end := "\n]\n"
	if !p.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(p.w, end)
	return err
}
