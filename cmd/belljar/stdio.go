package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// readLimited reads a file of at most limit bytes, so that a device that
// never ends is an error and not the end of memory.
func readLimited(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, cause(err)
	}
	if int64(len(src)) > limit {
		return nil, fmt.Errorf("larger than %s", byteSize(limit))
	}
	return src, nil
}

// cause strips the operation and the name from an error of package os, for
// callers that have said both.
func cause(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// openOutput opens a file to write, without emptying it yet. Only regular
// files will do: a symbolic link may have been placed by somebody else, and a
// FIFO or device can hang or do harm. O_NONBLOCK keeps the open itself from
// waiting at a FIFO; regular files ignore it.
func openOutput(flag, name string) (*os.File, error) {
	if name == "-" {
		return nil, fmt.Errorf("%s -: standard output is the program's; name a file, ./- if that is its name", flag)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0o644)
	switch {
	case errors.Is(err, syscall.ELOOP):
		return nil, fmt.Errorf("%s %s: is a symbolic link; name the file itself", flag, quote(name))
	case errors.Is(err, syscall.ENXIO):
		return nil, notRegular(flag, name)
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", flag, quote(name), cause(err))
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(flag, name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func notRegular(flag, name string) error {
	return fmt.Errorf("%s %s: is not a regular file; leave the flag out and redirect belljar instead", flag, quote(name))
}

// openInput opens the program's standard input. A directory would be a way
// out of a private root, through openat.
func openInput(flag, name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, quote(name), cause(err))
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s %s: is a directory", flag, quote(name))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// input returns what to hand to a program that runs as uid for this file. A
// regular file or pipe that is open only for reading goes over as it is.
// Everything else goes through a pipe: a terminal is open for writing as well,
// and its settings and its escape sequences are nothing for a program that
// nobody trusts; and a file that the program's user may write to could be
// opened again for writing through /proc/self/fd/0.
func input(f *os.File, uid int) (in *os.File, err error) {
	info, err := f.Stat()
	if err != nil {
		// The shell closed it, as in "<&-".
		return nil, nil
	}
	if info.IsDir() {
		return nil, errors.New("standard input is a directory; redirect it from a file")
	}
	if plain := info.Mode()&^os.ModePerm&^(os.ModeSetuid|os.ModeSetgid|os.ModeSticky) == 0; (plain || info.Mode()&os.ModeNamedPipe != 0) && readOnly(f) && !writable(info, uid) {
		return f, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go func() {
		// Ends at the end of the input or of the program, whichever is
		// first; a read that still waits then ends with Belljar.
		io.Copy(w, f)
		w.Close()
	}()
	return r, nil
}

// writable reports whether the user might write to a file that is opened anew.
func writable(info os.FileInfo, uid int) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return !ok || uid == 0 || info.Mode().IsRegular() && (int(st.Uid) == uid || info.Mode().Perm()&0o022 != 0)
}

func readOnly(f *os.File) bool {
	const path = 0o10000000 // O_PATH, which package syscall lacks
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_GETFL, 0)
	return errno == 0 && flags&(syscall.O_ACCMODE|path) == syscall.O_RDONLY
}
