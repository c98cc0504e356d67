package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/belljar/belljar"
)

// reports are the places where a run's result goes. All are opened before the
// run, so a mistake shows before anything has happened, and the program has
// no chance to put something else in their place.
type reports struct {
	result, meta, events *os.File
	buffered             *bufio.Writer // over events
	eventErr             error
	written              bool
}

func (f *runFlags) openReports() (*reports, error) {
	r := new(reports)
	for _, out := range []struct {
		flag, name string
		file       **os.File
	}{{"--result", f.result, &r.result}, {"--meta", f.meta, &r.meta}, {"--events", f.events, &r.events}} {
		if out.name == "" {
			continue
		}
		if out.flag == "--result" && out.name == "-" {
			r.result = os.Stdout
			continue
		}
		file, err := openOutput(out.flag, out.name)
		if err == nil {
			*out.file = file
			err = file.Truncate(0)
		}
		if err != nil {
			r.close(statusFailed, nil)
			return nil, err
		}
	}
	if r.events != nil {
		r.buffered = bufio.NewWriter(r.events)
	}
	return r, nil
}

// close flushes and closes all. A run that failed leaves a message in the
// meta file, which is where readers of that format look for it.
func (r *reports) close(status int, runErr error) error {
	var err error
	if r.meta != nil && !r.written && runErr != nil {
		_, err = fmt.Fprintf(r.meta, "status:XX\nmessage:%s\nexitcode:%d\n", clean(runErr.Error()), status)
	}
	if r.buffered != nil && r.eventErr == nil {
		r.eventErr = r.buffered.Flush()
	}
	if r.eventErr != nil {
		err = fmt.Errorf("writing --events: %w", cause(r.eventErr))
	}
	for _, f := range []*os.File{r.result, r.meta, r.events} {
		if f == nil || f == os.Stdout {
			continue
		}
		if closeErr := f.Close(); closeErr != nil && err == nil {
			err = closeErr
		}
	}
	return err
}

// write reports a result. midLine says that the program left the cursor of
// standard output inside a line; the JSON always has a line of its own.
func (r *reports) write(res *belljar.Result, midLine bool) error {
	r.written = true
	if r.meta != nil {
		if _, err := io.WriteString(r.meta, metaText(res)); err != nil {
			return fmt.Errorf("writing --meta: %w", cause(err))
		}
	}
	if r.result == nil {
		fmt.Fprintf(os.Stderr, "belljar: %s\n", summary(res))
		return nil
	}
	text, err := json.Marshal(res)
	if err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	text = append(text, '\n')
	if midLine && r.result == os.Stdout {
		text = append([]byte{'\n'}, text...)
	}
	if _, err := r.result.Write(text); err != nil {
		return fmt.Errorf("writing --result: %w", cause(err))
	}
	return nil
}
