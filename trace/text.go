package trace

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Text writes events as lines in the manner of strace(1). A call is one line,
// written when it has returned; calls of several threads are in that order.
type Text struct {
	W io.Writer
	// Times adds to each line when the event began, in seconds, and to calls how
	// long they took.
	Times bool
	// Decisions adds what was refused and by which rule.
	Decisions bool

	line []byte
}

// Write writes one line.
func (t *Text) Write(e *Event) error {
	if e.Kind == Usage || e.Kind == Exec && e.Syscall != "" {
		return nil // numbers for pictures, and what the call's line says
	}
	b := t.line[:0]
	b = append(padded(strconv.AppendInt(b, int64(e.TID), 10), tidWidth), ' ')
	if t.Times {
		b = fmt.Appendf(b, "%11.6f ", e.Time.Seconds())
	}
	switch e.Kind {
	case Call:
		b = t.call(b, e)
	case Signal:
		b = fmt.Appendf(b, "--- %s %s ---", e.Signal, e.Text)
	case Fork:
		b = fmt.Appendf(b, "+++ %s %d +++", map[bool]string{true: "new thread", false: "new process"}[e.Thread], e.Child)
	case Exec:
		b = fmt.Appendf(b, "+++ executes %s [%s] +++", e.Program, strings.Join(e.Args, ", "))
	case Exit:
		b = exitText(b, e)
	case Note:
		b = append(append(b, "*** "...), e.Text...)
	}
	t.line = append(b, '\n')
	_, err := t.W.Write(t.line)
	return err
}

// tidWidth is that of a thread's number, which stands on the left.
const tidWidth = 7

// padded fills a line with spaces up to a length.
func padded(b []byte, length int) []byte {
	for len(b) < length {
		b = append(b, ' ')
	}
	return b
}

// resultColumn is where strace begins the result if the call is short.
const resultColumn = 40

func (t *Text) call(b []byte, e *Event) []byte {
	begin := len(b)
	b = AppendCall(b, e)
	b = append(padded(b, begin+resultColumn-1), " = "...)
	b = append(b, e.Result...)
	if t.Times {
		b = append(b, " <"...)
		b = strconv.AppendFloat(b, e.Duration.Seconds(), 'f', 6, 64)
		b = append(b, '>')
	}
	if t.Decisions && (e.Decision == "deny" || e.Decision == "kill") {
		b = fmt.Appendf(b, "  [%s by %s]", e.Decision, orText(e.Rule, "default"))
	}
	return b
}

// AppendCall appends a call and its arguments.
func AppendCall(b []byte, e *Event) []byte {
	b = append(append(b, e.Syscall...), '(')
	first := true
	for _, a := range e.Args {
		if a == "" {
			continue
		}
		if !first {
			b = append(b, ", "...)
		}
		first = false
		b = append(b, a...)
	}
	return append(b, ')')
}

func exitText(b []byte, e *Event) []byte {
	if e.Signal != "" {
		return fmt.Appendf(b, "+++ killed by %s +++", e.Signal)
	}
	return fmt.Appendf(b, "+++ exited with %d +++", e.Status)
}
