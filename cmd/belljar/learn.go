package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/learn"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/syscalls"
	"github.com/belljar/belljar/trace"
)

// learnFlags is what the flags of "belljar learn" say beside those of run.
type learnFlags struct {
	to   string
	runs int
	from []string
	diff string
	oci  string

	seen  learn.Observations
	used  learn.Limits
	worst string // how a run ended that was ended, and not by the program
	exit  string // how a run ended that exited with another status than 0
	fate  int    // the exit status that such a run asks for
	files []learned
}

func (l *learnFlags) groups() []flagGroup {
	return []flagGroup{{"Learning", []runFlag{
		{"to", "FILE", "write the policy to a file, also -o FILE; not needed with --oci or --diff", func(_ *runFlags, v string) error {
			if l.to = v; v == "" {
				return errors.New("must not be empty")
			}
			return nil
		}, nil},
		{"runs", "N", "run the program N times (default 1)", func(_ *runFlags, v string) (err error) {
			l.runs, err = parseCount(v)
			return err
		}, nil},
		{"from", "FILE", "learn from events too that belljar trace --json wrote; without a program, from these alone", func(_ *runFlags, v string) error {
			l.from = append(l.from, v)
			return nil
		}, nil},
		{"diff", "POLICY", "write no policy: print what the program needs beyond this one", func(_ *runFlags, v string) error {
			if l.diff = v; v == "" {
				return errors.New("must not be empty")
			}
			return nil
		}, completePolicies},
		{"oci", "FILE", "write the calls as a seccomp profile for Docker and Podman, too", func(_ *runFlags, v string) error {
			if l.oci = v; v == "" {
				return errors.New("must not be empty")
			}
			return nil
		}, nil},
	}}}
}

// learnCommand is there for help and completion, as runCommand is.
func learnCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "learn [flags] -o POLICY -- PROGRAM [ARG...]",
		Short: "Write a policy that allows what a program does",
		Long: `Run a program once or several times, see what it does, and write a policy that
allows that and little more. Each line of the policy says what was seen. Run it
as it will be run later: a policy knows nothing of what did not happen.

The policy under which it is learned is observe if nothing else is said. What
that refuses is refused by the new policy, too. What is learned is written
however the program ends; the exit status is that of run.`,
		Example: `  belljar learn -o sort.yaml -- sort /usr/share/dict/words
  belljar run --policy sort.yaml -- sort /usr/share/dict/words
  belljar learn --oci sort.json -- sort /usr/share/dict/words`,
		RunE: func(_ *cobra.Command, args []string) error { return nil },
	}
	runsProgram(cmd, new(learnFlags).groups())
	return cmd
}

// learnRun is "belljar learn".
func learnRun(args []string) (int, error) {
	l := &learnFlags{runs: 1}
	f := &runFlags{policy: "observe", more: l.groups()}
	program, err := f.parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return executeTree([]string{"help", "learn"})
	}
	switch {
	case err != nil:
	case l.to == "" && l.diff == "" && l.oci == "":
		err = errors.New("where shall the policy go? add -o FILE")
	case l.to+l.oci != "" && l.diff != "":
		err = errors.New("--diff writes no policy; leave -o and --oci out")
	case len(program) == 0 && len(l.from) == 0:
		err = noProgram("learn")
	}
	if err != nil {
		return statusFailed, err
	}
	var old *policy.Policy
	if l.diff != "" {
		old, err = loadPolicy(l.diff)
	} else {
		err = l.open()
		defer l.close()
	}
	if err != nil {
		return statusFailed, err
	}
	if err := l.read(); err != nil {
		return statusFailed, err
	}
	if len(program) > 0 {
		for range l.runs {
			if status, err := l.run(f, program); err != nil {
				return status, err
			}
		}
	}
	if old != nil {
		return l.compare(f, old, program)
	}
	if err := l.write(program); err != nil {
		return statusFailed, err
	}
	return l.fate, nil
}

// learned is a file that what was learned goes to.
type learned struct {
	*os.File
	flag, name string
	text       func(yaml []byte) ([]byte, error)
}

// open opens the files, before anything runs.
func (l *learnFlags) open() error {
	same := func(yaml []byte) ([]byte, error) { return yaml, nil }
	for _, out := range []learned{{flag: "-o", name: l.to, text: same}, {flag: "--oci", name: l.oci, text: profile}} {
		if out.name == "" {
			continue
		}
		var err error
		if out.File, err = openOutput(out.flag, out.name); err != nil {
			return err
		}
		l.files = append(l.files, out)
	}
	return nil
}

func (l *learnFlags) close() {
	for _, f := range l.files {
		f.Close()
	}
}

// profile is a learned policy as a container's seccomp profile.
func profile(yaml []byte) ([]byte, error) {
	p, err := policy.Parse("learned policy", yaml)
	if err != nil {
		return nil, err
	}
	return seccomp.ExportOCI(learn.InContainer(p), syscalls.ForGOARCH(runtime.GOARCH))
}

// compare prints what was seen that a policy refuses. The program's own output
// is on standard output before it.
func (l *learnFlags) compare(f *runFlags, old *policy.Policy, program []string) (int, error) {
	dir := "/"
	if f.dir != "" || f.unshare == belljar.Off {
		abs, err := filepath.Abs(f.dir)
		if err != nil {
			return statusFailed, err
		}
		dir = abs
	}
	needs, err := l.seen.Beyond(old, syscalls.ForGOARCH(runtime.GOARCH), dir, f.canonical(dir, program))
	if err != nil {
		return statusFailed, err
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, n := range needs {
		fmt.Fprintf(table, "+ %s\t# %s; refused by %s\n", clean(n.Rule), n.Seen, clean(n.By))
	}
	if err := table.Flush(); err != nil {
		return statusFailed, fmt.Errorf("writing standard output: %w", cause(err))
	}
	if len(needs) > 0 {
		return 1, nil
	}
	return 0, nil
}

// canonical is where the program's file lies, "" if that cannot be told.
func (f *runFlags) canonical(dir string, program []string) string {
	if len(program) == 0 {
		return ""
	}
	places := []string{dir} // of a name with a slash
	if !strings.Contains(program[0], "/") {
		for _, kv := range f.environment() {
			if list, ok := strings.CutPrefix(kv, "PATH="); ok {
				places = filepath.SplitList(list)
			}
		}
	}
	for _, place := range places {
		name := program[0]
		if !filepath.IsAbs(name) {
			name = filepath.Join(place, name)
		}
		if file, err := filepath.EvalSymlinks(name); err == nil {
			return file
		}
	}
	return ""
}

// read learns from files of events.
func (l *learnFlags) read() error {
	for _, name := range l.from {
		f, err := os.Open(name)
		if err == nil {
			err = trace.Read(f, &l.seen)
			f.Close()
		}
		if err != nil {
			return fmt.Errorf("--from %s: %w", quote(name), cause(err))
		}
	}
	return nil
}

// run runs the program once and watches it.
func (l *learnFlags) run(f *runFlags, program []string) (int, error) {
	recorder := &trace.Recorder{Sink: &l.seen, Paths: true}
	f.watch = func(o *belljar.Options) { o.Watch = recorder }
	f.after = func(r *belljar.Result) error {
		l.seen.Runs++
		l.used.CPU = max(l.used.CPU, r.CPU)
		l.used.Wall = max(l.used.Wall, r.Wall)
		l.used.Memory = max(l.used.Memory, r.MemoryPeak)
		l.used.Output = max(l.used.Output, r.OutputBytes)
		l.used.Processes = max(l.used.Processes, r.ProcessesPeak)
		switch r.Verdict {
		case belljar.OK:
			return recorder.Err()
		case belljar.NonzeroExit: // a program's own end, such as that of grep without a match
			l.exit = fmt.Sprintf("A run exited with status %d.", r.ExitCode)
		default:
			l.worst = fate(r)
		}
		l.fate = resultStatus(r)
		return recorder.Err()
	}
	return f.run(program)
}

// write writes what was learned, also of runs that did not end well.
func (l *learnFlags) write(program []string) error {
	header := []string{"Learned by belljar " + version() + "."}
	if len(program) > 0 {
		var words []string
		for _, w := range program {
			words = append(words, shellWord(w))
		}
		header = append(header, fmt.Sprintf("Program, run %d time(s): %s", l.runs, strings.Join(words, " ")))
	}
	for _, name := range l.from {
		header = append(header, "Events of "+clean(quote(name)))
	}
	if l.exit != "" {
		header = append(header, l.exit)
	}
	if l.worst != "" {
		header = append(header, "A run did not end well, so what comes after is missing: "+clean(l.worst))
		fmt.Fprintf(os.Stderr, "belljar: a run ended with %s; what the program would have done then is not in the policy\n", clean(l.worst))
	}
	text, err := l.seen.YAML(header, l.used)
	if err != nil {
		return err
	}
	for _, f := range l.files {
		out, err := f.text(text)
		if err != nil {
			return fmt.Errorf("%s %s: %w", f.flag, quote(f.name), err)
		}
		if err = f.Truncate(0); err == nil {
			_, err = f.Write(out)
		}
		if err != nil {
			return fmt.Errorf("writing %s: %w", quote(f.name), cause(err))
		}
	}
	return nil
}
