package belljar

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// files are the descriptors of a run and the goroutines that feed them.
type files struct {
	fds    []int      // descriptor i of the program
	theirs []*os.File // closed once the program has them
	ours   []*os.File // our ends of the pipes
	feeds  []func()
	copies []func() error
	done   chan error // one value per copy

	// owner, if not nil, is who the pipes are given to, so that the program
	// can reopen them through /dev/stdin and its like.
	owner *owner

	output   atomic.Int64 // bytes that came through pipes
	limit    int64
	exceeded func()
	direct   []directFile
}

// directFile is a regular file that the program writes to itself.
type directFile struct {
	file *os.File
	size int64 // before the run
}

type owner struct{ uid, gid int }

// openFiles prepares the program's descriptors. exceeded is called once when
// more than limit bytes (0: no limit) came through pipes.
func openFiles(cmd *Command, who *owner, limit int64, exceeded func()) (*files, error) {
	f := &files{owner: who, limit: limit, exceeded: exceeded}
	if err := f.open(cmd); err != nil {
		f.close()
		return nil, err
	}
	f.done = make(chan error, len(f.copies))
	return f, nil
}

func (f *files) open(cmd *Command) error {
	if err := f.input(cmd.Stdin); err != nil {
		return err
	}
	if err := f.out(cmd.Stdout); err != nil {
		return err
	}
	if cmd.Stderr != nil && sameWriter(cmd.Stderr, cmd.Stdout) {
		f.fds = append(f.fds, f.fds[1])
	} else if err := f.out(cmd.Stderr); err != nil {
		return err
	}
	for _, file := range cmd.Files {
		f.add(file)
	}
	return nil
}

// sameWriter compares two writers, whose types may not be comparable.
func sameWriter(a, b io.Writer) (same bool) {
	defer func() { _ = recover() }()
	return a == b
}

func (f *files) add(file *os.File) { f.fds = append(f.fds, int(file.Fd())) }

func (f *files) null(flag int) error {
	// Not by os.OpenFile, which would find out that it cannot be polled.
	fd, err := syscall.Open(os.DevNull, flag|syscall.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("standard files: %w", &os.PathError{Op: "open", Path: os.DevNull, Err: err})
	}
	file := os.NewFile(uintptr(fd), os.DevNull)
	f.theirs = append(f.theirs, file)
	f.add(file)
	return nil
}

func (f *files) input(r io.Reader) error {
	switch r := r.(type) {
	case nil:
		return f.null(os.O_RDONLY)
	case *os.File:
		f.add(r)
		return nil
	}
	pr, pw, err := f.pipe()
	if err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	f.theirs, f.ours = append(f.theirs, pr), append(f.ours, pw)
	f.add(pr)
	f.feeds = append(f.feeds, func() {
		// The program may end without reading all; that is not an error.
		io.Copy(pw, r)
		pw.Close()
	})
	return nil
}

func (f *files) pipe() (r, w *os.File, err error) {
	if r, w, err = os.Pipe(); err != nil || f.owner == nil {
		return r, w, err
	}
	if err := r.Chown(f.owner.uid, f.owner.gid); err != nil { // of both ends
		closeAll([]*os.File{r, w})
		return nil, nil, err
	}
	return r, w, nil
}

func (f *files) out(w io.Writer) error {
	switch w := w.(type) {
	case nil:
		return f.null(os.O_WRONLY)
	case *os.File:
		f.add(w)
		if st, err := w.Stat(); err == nil && st.Mode().IsRegular() {
			f.direct = append(f.direct, directFile{w, st.Size()})
		}
		return nil
	}
	pr, pw, err := f.pipe()
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	f.theirs, f.ours = append(f.theirs, pw), append(f.ours, pr)
	f.add(pw)
	f.copies = append(f.copies, func() error { return f.copy(w, pr) })
	return nil
}

// copy moves the program's output to w until the limit. What is beyond the
// limit is read no more, and the program is killed.
func (f *files) copy(w io.Writer, r *os.File) error {
	defer r.Close() // so that a program outliving w gets EPIPE
	buf := make([]byte, 32<<10)
	waited := false
	for {
		n, err := r.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && !waited {
			// A slow w may have kept us from reading what is there.
			waited = true
			r.SetReadDeadline(time.Now().Add(grace))
			continue
		}
		waited = false
		total := f.output.Add(int64(n))
		over := f.limit > 0 && total > f.limit
		if over {
			n = max(0, n-int(total-f.limit))
		}
		if _, werr := w.Write(buf[:n]); werr != nil {
			return fmt.Errorf("write the program's output: %w", werr)
		}
		if over {
			f.exceeded()
			return nil
		}
		if err != nil {
			if err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded) {
				return nil
			}
			return fmt.Errorf("read the program's output: %w", err)
		}
	}
}

// grace is how long a pipe may bring nothing after the run before it is given
// up.
const grace = time.Second

// started closes the program's ends, which it has now, and starts the copying.
func (f *files) started() {
	closeAll(f.theirs)
	f.theirs = nil
	for _, feed := range f.feeds {
		go feed()
	}
	for _, c := range f.copies {
		go func() { f.done <- c() }()
	}
}

// wait returns when all output has arrived. The program's processes are dead
// by now; the deadline is for a pipe that one of them handed to a stranger.
func (f *files) wait() error {
	for _, file := range f.ours {
		file.SetReadDeadline(time.Now().Add(grace))
	}
	var errs []error
	for range f.copies {
		errs = append(errs, <-f.done)
	}
	return errors.Join(errs...)
}

// largest is the size before the run of the largest file written to directly.
func (f *files) largest() (n int64) {
	for _, d := range f.direct {
		n = max(n, d.size)
	}
	return n
}

// written returns how many bytes the program wrote through pipes and directly.
func (f *files) written() int64 {
	n := f.output.Load()
	for _, d := range f.direct {
		if st, err := d.file.Stat(); err == nil {
			n += max(0, st.Size()-d.size)
		}
	}
	return n
}

func (f *files) close() {
	closeAll(f.theirs)
	closeAll(f.ours)
}

// closeAll closes pipes and /dev/null, which cannot fail but for being closed.
func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}
