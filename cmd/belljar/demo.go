package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belljar/belljar"
)

func demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Run honest and hostile programs, and print their verdicts",
		Long: `Run honest and hostile programs, all played by Belljar itself, in the ptrace
sandbox and in the unshare sandbox, and print what became of each. The exit
status is 1 if any verdict is not the expected one.`,
		Args: exactly(0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), cmd.OutOrStdout(), terminal(os.Stdout) && os.Getenv("NO_COLOR") == "")
		},
	}
}

// sandbox is a column of the demo's table.
type sandbox struct {
	name    string
	options belljar.Options
	private bool  // it has a private root and no supervisor
	missing error // why this host does not have it
}

func sandboxes() []*sandbox {
	return []*sandbox{
		{name: "ptrace", options: belljar.Options{Supervisor: belljar.Ptrace, Unshare: belljar.Off}},
		{name: "unshare", options: belljar.Options{Supervisor: belljar.NoOne, Unshare: belljar.On}, private: true},
	}
}

func (v *victim) expected(s *sandbox) belljar.Verdict {
	if s.private && v.private != "" {
		return v.private
	}
	return v.expect
}

// demo plays every victim in every sandbox.
func demo(ctx context.Context, out io.Writer, colour bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ready := onSignal(ctx, cancel)
	ready()
	program, cleanup, err := reachableSelf()
	if err != nil {
		return err
	}
	defer cleanup()

	t := demoTable{out: out, colour: colour}
	boxes := sandboxes()
	t.header(boxes)
	for i := range victims {
		t.begin(&victims[i])
		for _, s := range boxes {
			if s.missing != nil {
				t.cell("-", plain)
				continue
			}
			res, err := victims[i].run(ctx, s, program)
			if cause := context.Cause(ctx); cause != nil {
				fmt.Fprintln(out)
				status, err := interruption(cause)
				return statusError{status, err}
			}
			t.verdict(&victims[i], s, res, err, i == 0)
		}
		fmt.Fprintln(out)
	}
	return t.conclude(boxes)
}

// run plays one victim in one sandbox, its output counted and dropped.
func (v *victim) run(ctx context.Context, s *sandbox, program string) (*belljar.Result, error) {
	opts := s.options
	opts.Limits = v.limits
	var err error
	if opts.Policy, err = loadPolicy(v.policy); err != nil {
		return nil, err
	}
	return belljar.Run(ctx, belljar.Command{
		Args: []string{program, victimCommand, v.name}, Env: defaultEnv, Dir: "/tmp",
		Stdout: io.Discard, Stderr: io.Discard}, opts)
}

// demoTable prints the table row by row, as the verdicts come.
type demoTable struct {
	out    io.Writer
	colour bool
	wrong  []string // what to say about each verdict that was not expected
}

// style is the parameter of a terminal's "select graphic rendition".
type style string

const (
	plain style = ""
	good  style = "32"
	bad   style = "31;1"
)

func (t *demoTable) cell(text string, s style) {
	padded := fmt.Sprintf("%-22s", text)
	if t.colour && s != plain {
		padded = "\x1b[" + string(s) + "m" + text + "\x1b[0m" + padded[len(text):]
	}
	io.WriteString(t.out, padded)
}

const demoColumns = "%-10s %-37s %-26s"

func (t *demoTable) header(boxes []*sandbox) {
	fmt.Fprintf(t.out, demoColumns, "PROGRAM", "WHAT IT DOES", "EXPECTED")
	for _, s := range boxes {
		t.cell(strings.ToUpper(s.name), plain)
	}
	fmt.Fprintln(t.out)
}

func (t *demoTable) begin(v *victim) {
	expected := string(v.expect)
	if v.private != "" {
		expected += " / " + string(v.private)
	}
	fmt.Fprintf(t.out, demoColumns, v.name, v.does, expected)
}

// verdict prints what became of one run. The first program tells whether the
// host has the sandbox at all.
func (t *demoTable) verdict(v *victim, s *sandbox, res *belljar.Result, err error, first bool) {
	switch {
	case err != nil && first:
		s.missing = err
		t.cell("not here", plain)
	case err != nil:
		t.cell("error", bad)
		t.wrong = append(t.wrong, fmt.Sprintf("%s in %s: %v", v.name, s.name, err))
	case res.Verdict != v.expected(s):
		t.cell(fmt.Sprintf("%s %.2fs", res.Verdict, res.Wall.Seconds()), bad)
		t.wrong = append(t.wrong, fmt.Sprintf("%s in %s: expected %s, got %s", v.name, s.name, v.expected(s), summary(res)))
	default:
		t.cell(fmt.Sprintf("%s %.2fs", res.Verdict, res.Wall.Seconds()), good)
	}
}

// conclude prints what the table has no room for and decides the status.
func (t *demoTable) conclude(boxes []*sandbox) error {
	fmt.Fprintln(t.out)
	missing := 0
	for _, s := range boxes {
		if s.missing != nil {
			missing++
			fmt.Fprintf(t.out, "no %s sandbox on this host: %s\n", s.name, clean(s.missing.Error()))
		}
	}
	for _, w := range t.wrong {
		fmt.Fprintln(t.out, clean(w))
	}
	switch {
	case missing == len(boxes):
		return errors.New("no sandbox works on this host; belljar doctor says why")
	case len(t.wrong) > 0:
		return statusError{status: 1}
	}
	fmt.Fprintln(t.out, "every verdict is the expected one")
	return nil
}

// reachableSelf returns a path of this program that a victim can execute.
// Victims of a run by root belong to nobody, who may not reach the place
// where the program lies, so such a run takes a copy.
func reachableSelf() (path string, cleanup func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	if os.Geteuid() != 0 || reachable(self) {
		return self, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "belljar-demo-")
	if err != nil {
		return "", nil, err
	}
	cleanup = func() { os.RemoveAll(dir) }
	path = filepath.Join(dir, "belljar")
	// MkdirTemp makes the directory for its owner alone.
	if err = os.Chmod(dir, 0o755); err == nil {
		err = copyProgram(path, self)
	}
	if err != nil {
		cleanup()
		return "", nil, err
	}
	return path, cleanup, nil
}

// reachable reports whether others may execute a file and pass the
// directories above it.
func reachable(path string) bool {
	for want := os.FileMode(0o005); ; want = 0o001 {
		info, err := os.Stat(path)
		if err != nil || info.Mode()&want != want {
			return false
		}
		if path == "/" {
			return true
		}
		path = filepath.Dir(path)
	}
}

func copyProgram(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, os.Chmod(to, 0o755), out.Close())
}
