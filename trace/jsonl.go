package trace

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// JSONL writes each event as a line of JSON.
type JSONL struct{ Encoder *json.Encoder }

// NewJSONL returns a sink that writes to w.
func NewJSONL(w io.Writer) *JSONL {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &JSONL{e}
}

// Write writes one line.
func (j *JSONL) Write(e *Event) error { return j.Encoder.Encode(e) }

// maxLine bounds a line of an event file.
const maxLine = 1 << 20

// Read gives each event of a file that JSONL wrote to a sink. Its errors name
// the line.
func Read(r io.Reader, to Sink) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		e := new(Event)
		if err := json.Unmarshal(lines.Bytes(), e); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := to.Write(e); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d: longer than %d bytes", n+1, maxLine)
	}
	return lines.Err()
}
