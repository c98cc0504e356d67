package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/trace"
)

// traceFlags is what the flags of "belljar trace" say beside those of run.
type traceFlags struct {
	only               []string
	json, times, plain bool
	to, perfetto, html string
	text               int
	outputs            []*traceOutput
	report             *trace.Report // nil without --html
	recorder           *trace.Recorder
}

// traceOutput is a file that events go to.
type traceOutput struct {
	file   *os.File
	buffer *bufio.Writer
	sink   trace.Sink
	flag   string
}

func (t *traceFlags) groups() []flagGroup {
	set := func(field *bool) func(*runFlags, string) error {
		return func(*runFlags, string) error { *field = true; return nil }
	}
	name := func(field *string) func(*runFlags, string) error {
		return func(_ *runFlags, v string) error {
			if v == "" {
				return errors.New("must not be empty")
			}
			*field = v
			return nil
		}
	}
	return []flagGroup{{"Trace", []runFlag{
		{"only", "CALL,...", "show only these system calls and @groups", t.setOnly, completeCalls},
		{"to", "FILE", "write the trace to a file, also -o FILE (default: standard error)", name(&t.to), nil},
		{"json", "", "write each event as a line of JSON", set(&t.json), nil},
		{"perfetto", "FILE", "write a file that ui.perfetto.dev and Chrome's tracing open", name(&t.perfetto), nil},
		{"html", "FILE", "write a report: one page that any browser opens", name(&t.html), nil},
		{"times", "", "show when each call began and how long it took", set(&t.times), nil},
		{"plain", "", "show descriptors as numbers alone", set(&t.plain), nil},
		{"text", "N", "show N bytes of each buffer (default 32)", func(_ *runFlags, v string) (err error) {
			t.text, err = parseCount(v)
			if err == nil && t.text > maxText {
				err = fmt.Errorf("at most %d", maxText)
			}
			return err
		}, nil},
	}}}
}

// maxText is how much of a buffer can be shown.
const maxText = 4096

func (t *traceFlags) setOnly(_ *runFlags, v string) error {
	for name := range strings.SplitSeq(v, ",") {
		// The policy package knows what a name may have been meant to be.
		probe := policy.Policy{Rules: []policy.Rule{{Call: name, Do: policy.Action{Kind: policy.Allow}}}}
		if err := probe.Validate(); err != nil {
			return err
		}
		t.only = append(t.only, name)
	}
	return nil
}

// traceCommand is there for help and completion, as runCommand is.
func traceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trace [flags] -- PROGRAM [ARG...]",
		Short: "Run a program and show every system call",
		Long: `Run a program under a policy and limits, as run does, and show every system
call of every process with its arguments and its result, in the manner of
strace. The policy is observe if nothing else is said: it allows everything but
the doors out of the sandbox. A call is one line, written when it has returned.

The trace goes to standard error, between what the program writes there, or to
a file of its own.`,
		Example: `  belljar trace -- ls /
  belljar trace --only @file-read,execve -o calls.txt -- sh -c 'make'
  belljar trace --policy judge --json -o events.jsonl -- ./a.out`,
		RunE: func(_ *cobra.Command, args []string) error { return nil },
	}
	runsProgram(cmd, new(traceFlags).groups())
	return cmd
}

// traceRun is "belljar trace".
func traceRun(args []string) (status int, err error) {
	t := new(traceFlags)
	f := &runFlags{policy: "observe", more: t.groups()}
	program, err := f.parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return executeTree([]string{"help", "trace"})
	}
	if err == nil && len(program) == 0 {
		err = noProgram("trace")
	}
	if err != nil {
		return statusFailed, err
	}
	if f.explain {
		return explainRun(f, program)
	}
	if err := t.open(); err != nil {
		return statusFailed, err
	}
	f.watch = func(o *belljar.Options) {
		o.Watch = t.recorder
	}
	f.after = func(r *belljar.Result) error { return t.writeReport(r, f.limits, program) }
	status, err = f.run(program)
	if closeErr := t.close(); closeErr != nil && err == nil {
		status, err = statusFailed, closeErr
	}
	return status, err
}

// open opens the files that the trace goes to, before anything runs.
func (t *traceFlags) open() error {
	log, err := t.add("-o", t.to)
	if err != nil {
		return err
	}
	log.sink = &trace.Text{W: log.buffer, Times: t.times, Decisions: true}
	if t.json {
		log.sink = trace.NewJSONL(log.buffer)
	}
	if t.perfetto != "" {
		out, err := t.add("--perfetto", t.perfetto)
		if err != nil {
			return err
		}
		out.sink = trace.NewPerfetto(out.buffer)
	}
	if t.html != "" {
		out, err := t.add("--html", t.html)
		if err != nil {
			return err
		}
		t.report = new(trace.Report)
		out.sink = t.report
	}
	var all trace.Tee
	for _, o := range t.outputs {
		all = append(all, o.sink)
	}
	t.recorder = &trace.Recorder{Sink: all, Only: t.only, Plain: t.plain, Text: t.text, Paths: t.report != nil || t.json}
	return nil
}

// add opens one file; without a name it is standard error.
func (t *traceFlags) add(flag, name string) (*traceOutput, error) {
	o := &traceOutput{file: os.Stderr, flag: flag}
	if name != "" {
		file, err := openOutput(flag, name)
		if err == nil {
			err = file.Truncate(0)
		}
		if err != nil {
			t.close()
			return nil, err
		}
		o.file = file
	}
	o.buffer = bufio.NewWriterSize(o.file, 64<<10)
	if o.file == os.Stderr {
		// Between the program's own lines, as they come.
		o.buffer = bufio.NewWriterSize(o.file, 16)
	}
	t.outputs = append(t.outputs, o)
	return o, nil
}

func (t *traceFlags) close() error {
	var first error
	fail := func(o *traceOutput, err error) {
		if err != nil && first == nil {
			first = fmt.Errorf("writing the trace (%s): %w", o.flag, cause(err))
		}
	}
	for _, o := range t.outputs {
		if t.recorder != nil {
			fail(o, t.recorder.Err())
		}
		if c, ok := o.sink.(io.Closer); ok {
			fail(o, c.Close())
		}
		fail(o, o.buffer.Flush())
		if o.file != os.Stderr {
			fail(o, o.file.Close())
		}
	}
	return first
}
