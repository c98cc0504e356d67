package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/belljar/belljar"
)

// streams are the files behind the program's standard descriptors.
type streams struct {
	stdin          *os.File
	stdout, stderr *sink
	opened         []*os.File
}

// sink takes the program's output. It is no *os.File, so that the output goes
// through a pipe, where it is counted. The first write that fails ends the
// run: nobody reads what would come after it.
type sink struct {
	mu     sync.Mutex
	file   *os.File
	name   string
	last   byte
	cancel context.CancelCauseFunc
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.file.Write(p)
	if n > 0 {
		s.last = p[n-1]
	}
	if err != nil {
		s.cancel(fmt.Errorf("writing %s: %w; the program was killed", s.name, cause(err)))
	}
	return n, err
}

// midLine reports whether standard output stopped inside a line.
func (s *streams) midLine() bool {
	return s.stdout.file == os.Stdout && s.stdout.last != 0 && s.stdout.last != '\n'
}

func (s *streams) close() {
	for _, f := range s.opened {
		f.Close()
	}
}

// command is the command that the flags describe.
func (f *runFlags) command(program []string, cancel context.CancelCauseFunc) (belljar.Command, *streams, error) {
	cmd := belljar.Command{Args: program, Env: f.environment(), Dir: f.dir}
	s := &streams{stdin: os.Stdin,
		stdout: &sink{file: os.Stdout, name: "standard output", cancel: cancel},
		stderr: &sink{file: os.Stderr, name: "standard error", cancel: cancel}}
	err := s.open(f)
	if err == nil {
		s.stdin, err = input(s.stdin, f.programUID())
	}
	if err != nil {
		s.close()
		return cmd, nil, err
	}
	if s.stdin != nil {
		cmd.Stdin = s.stdin
	}
	cmd.Stdout, cmd.Stderr = s.stdout, s.stderr
	return cmd, s, nil
}

// open opens the files that flags name, and empties the outputs once all of
// them are good.
func (s *streams) open(f *runFlags) error {
	if f.stdin != "" {
		in, err := openInput("--stdin", f.stdin)
		if err != nil {
			return err
		}
		s.stdin, s.opened = in, append(s.opened, in)
	}
	for _, out := range []struct {
		flag, name string
		sink       **sink
	}{{"--stdout", f.stdout, &s.stdout}, {"--stderr", f.stderr, &s.stderr}} {
		if out.name == "" {
			continue
		}
		file, err := openOutput(out.flag, out.name)
		if err != nil {
			return err
		}
		s.opened = append(s.opened, file)
		if same(file, s.stdin) {
			return fmt.Errorf("%s %s: is the program's input as well", out.flag, quote(out.name))
		}
		if out.sink == &s.stderr && same(file, s.stdout.file) {
			s.stderr = s.stdout
			continue
		}
		*out.sink = &sink{file: file, name: quote(out.name), cancel: (*out.sink).cancel}
	}
	for _, out := range []*sink{s.stdout, s.stderr} {
		if out.file == os.Stdout || out.file == os.Stderr {
			continue
		}
		if err := out.file.Truncate(0); err != nil {
			return fmt.Errorf("emptying %s: %w", out.name, cause(err))
		}
	}
	return nil
}

func same(a, b *os.File) bool {
	ia, errA := a.Stat()
	ib, errB := b.Stat()
	return errA == nil && errB == nil && os.SameFile(ia, ib)
}
