package proc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// FS is a mounted proc file system, by its directory. The empty FS is /proc.
type FS string

// ErrFormat is what every parser returns, wrapped, for text that no kernel
// writes.
var ErrFormat = errors.New("unexpected format")

// Root returns the directory.
func (f FS) Root() string {
	if f == "" {
		return "/proc"
	}
	return string(f)
}

// Path returns the path of a process's (or thread's) file.
func (f FS) Path(pid int, name string) string {
	return filepath.Join(f.Root(), strconv.Itoa(pid), name)
}

// Status reads /proc/PID/status.
func (f FS) Status(pid int) (Status, error) { return load(f.Path(pid, "status"), ParseStatus) }

// Stat reads /proc/PID/stat.
func (f FS) Stat(pid int) (Stat, error) { return load(f.Path(pid, "stat"), ParseStat) }

// Statm reads /proc/PID/statm.
func (f FS) Statm(pid int) (Statm, error) { return load(f.Path(pid, "statm"), ParseStatm) }

// Maps reads /proc/PID/maps.
func (f FS) Maps(pid int) ([]Mapping, error) { return load(f.Path(pid, "maps"), ParseMaps) }

// Mounts reads /proc/PID/mountinfo.
func (f FS) Mounts(pid int) ([]Mount, error) { return load(f.Path(pid, "mountinfo"), ParseMounts) }

// Link returns the text of a magic link such as "exe", "cwd" or "fd/3".
func (f FS) Link(pid int, name string) (string, error) { return os.Readlink(f.Path(pid, name)) }

// FileSizeLimit is the soft RLIMIT_FSIZE of a process; no limit is the largest number.
func (f FS) FileSizeLimit(pid int) (uint64, error) {
	return load(f.Path(pid, "limits"), ParseFileSizeLimit)
}

// ParseFileSizeLimit reads it from the text of a limits file. prlimit(2) would need
// CAP_SYS_RESOURCE in the process's user namespace, which root in a container may
// lack.
func ParseFileSizeLimit(text []byte) (uint64, error) {
	_, rest, ok := bytes.Cut(text, []byte("\nMax file size "))
	soft, _, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	if string(soft) == "unlimited" {
		return math.MaxUint64, nil
	}
	limit, err := strconv.ParseUint(string(soft), 10, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("%w: no size of files in limits", ErrFormat)
	}
	return limit, nil
}

// DescriptorFlags returns what open(2) was told for a descriptor, from
// /proc/PID/fdinfo/FD.
func (f FS) DescriptorFlags(pid, fd int) (uint64, error) {
	return load(f.Path(pid, "fdinfo/"+strconv.Itoa(fd)), ParseFdinfoFlags)
}

// ParseFdinfoFlags returns the flags in a file of /proc/PID/fdinfo.
func ParseFdinfoFlags(text []byte) (uint64, error) {
	for line := range bytes.Lines(text) {
		if octal, ok := bytes.CutPrefix(line, []byte("flags:\t")); ok {
			flags, err := strconv.ParseUint(string(bytes.TrimSuffix(octal, []byte("\n"))), 8, 64)
			if err != nil {
				return 0, fmt.Errorf("fdinfo: %q: %w", line, ErrFormat)
			}
			return flags, nil
		}
	}
	return 0, fmt.Errorf("fdinfo: no flags: %w", ErrFormat)
}

func load[T any](path string, parse func([]byte) (T, error)) (T, error) {
	text, err := ReadFile(path)
	if err != nil {
		var zero T
		return zero, err
	}
	return parse(text)
}

// ReadFile reads a file of /proc in four calls. Package os makes ten, to find out
// that it has no size and cannot be polled.
func ReadFile(name string) ([]byte, error) {
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	defer syscall.Close(fd)
	buf := make([]byte, 4096)
	for n := 0; ; {
		// A short read is no end: the kernel hands out whole lines only.
		k, err := syscall.Read(fd, buf[n:])
		if err != nil {
			return nil, &os.PathError{Op: "read", Path: name, Err: err}
		}
		if k == 0 {
			return buf[:n], nil
		}
		if n += k; n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}
