package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ErrFormat is what every parser returns, wrapped, for text that no kernel
// writes.
var ErrFormat = errors.New("unexpected format")

// Membership is a line of /proc/PID/cgroup; see cgroups(7).
type Membership struct {
	ID          int      // of the hierarchy, 0 for version 2
	Controllers []string // of a version 1 hierarchy, such as "cpu"; or its name, "name=systemd"
	Path        string   // of the cgroup, from the root of the cgroup namespace
}

// ParseMembership parses /proc/PID/cgroup. A path may hold any byte but a
// newline.
func ParseMembership(text []byte) ([]Membership, error) {
	var out []Membership
	for line := range bytes.Lines(text) {
		f := strings.SplitN(string(bytes.TrimSuffix(line, []byte("\n"))), ":", 3)
		if len(f) != 3 || !strings.HasPrefix(f[2], "/") {
			return nil, fmt.Errorf("cgroup: %q: %w", line, ErrFormat)
		}
		id, err := strconv.Atoi(f[0])
		if err != nil || id < 0 {
			return nil, fmt.Errorf("cgroup: %q: %w", line, ErrFormat)
		}
		m := Membership{ID: id, Path: f[2]}
		if f[1] != "" {
			m.Controllers = strings.Split(f[1], ",")
		}
		out = append(out, m)
	}
	return out, nil
}

// ParseKeyed parses lines of a key and a number, such as cpu.stat and
// memory.events.
func ParseKeyed(text []byte) (map[string]int64, error) {
	out := make(map[string]int64)
	for line := range bytes.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		n, err := ParseNumber([]byte(value))
		if !ok || key == "" || err != nil {
			return nil, fmt.Errorf("%q: %w", line, ErrFormat)
		}
		out[key] = n
	}
	return out, nil
}

// ParseNumber parses the one number of a file. "max", and what does not fit,
// is math.MaxInt64.
func ParseNumber(text []byte) (int64, error) {
	s := strings.TrimSuffix(string(text), "\n")
	if s == "max" {
		return math.MaxInt64, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q: %w", text, ErrFormat)
	}
	return int64(min(n, math.MaxInt64)), nil
}

// ParsePIDs parses cgroup.procs. A process of a PID namespace that the reader
// cannot see is 0.
func ParsePIDs(text []byte) ([]int, error) {
	var out []int
	for line := range bytes.Lines(text) {
		pid, err := strconv.Atoi(string(bytes.TrimSuffix(line, []byte("\n"))))
		if err != nil || pid < 0 {
			return nil, fmt.Errorf("cgroup.procs: %q: %w", line, ErrFormat)
		}
		out = append(out, pid)
	}
	return out, nil
}

// ParseCPUs parses a list of CPUs, such as "0-1,3", and returns their numbers
// in ascending order; see cpuset(7), "List format".
func ParseCPUs(text string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, err := strconv.ParseUint(from, 10, 16)
		b, berr := strconv.ParseUint(to, 10, 16)
		if err != nil || berr != nil || a > b {
			return nil, fmt.Errorf("CPUs %q: write a list such as 0-1,3: %w", text, ErrFormat)
		}
		for n := a; n <= b; n++ {
			out = append(out, int(n))
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
