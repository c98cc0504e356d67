package proc

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
)

// FS is a mounted proc file system, by its directory. The empty FS is /proc.
type FS string

// ErrFormat is what every parser returns, wrapped, for text that no kernel
// writes.
var ErrFormat = errors.New("unexpected format")

// Path returns the path of a process's (or thread's) file.
func (f FS) Path(pid int, name string) string {
	root := string(f)
	if root == "" {
		root = "/proc"
	}
	return filepath.Join(root, strconv.Itoa(pid), name)
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

func load[T any](path string, parse func([]byte) (T, error)) (T, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		var zero T
		return zero, err
	}
	return parse(text)
}
