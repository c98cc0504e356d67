package proc

import (
	"bytes"
	"fmt"
	"strconv"
)

// Mount is a line of /proc/PID/mountinfo; see proc_pid_mountinfo(5).
type Mount struct {
	ID, Parent int
	Dev        uint64   // major<<32 | minor
	Root       string   // directory of the file system that is mounted
	Point      string   // where, relative to the process's root
	Options    string   // of this mount, such as "ro,nosuid"
	Propagate  []string // such as "shared:1"
	Type       string
	Source     string
	Super      string // options of the file system
}

// escaped are the bytes that the kernel writes in octal in mountinfo.
const escaped = " \t\n\\#"

// ParseMounts parses /proc/PID/mountinfo.
func ParseMounts(text []byte) ([]Mount, error) {
	var out []Mount
	for line := range bytes.Lines(text) {
		m, ok := parseMount(line)
		if !ok {
			return nil, fmt.Errorf("mountinfo: %q: %w", line, ErrFormat)
		}
		out = append(out, m)
	}
	return out, nil
}

func parseMount(line []byte) (m Mount, ok bool) {
	f := bytes.Split(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	if len(f) < 7 {
		return m, false
	}
	var errs [2]error
	m.ID, errs[0] = number(f[0])
	m.Parent, errs[1] = number(f[1])
	major, minor, ok := bytes.Cut(f[2], []byte(":"))
	maj, err1 := strconv.ParseUint(string(major), 10, 32)
	mnr, err2 := strconv.ParseUint(string(minor), 10, 32)
	if errs != [2]error{} || !ok || err1 != nil || err2 != nil {
		return m, false
	}
	m.Dev = maj<<32 | mnr
	m.Root, m.Point, m.Options = unescape(f[3], escaped), unescape(f[4], escaped), string(f[5])
	rest := f[6:]
	for len(rest) > 0 && string(rest[0]) != "-" {
		m.Propagate = append(m.Propagate, string(rest[0]))
		rest = rest[1:]
	}
	// An empty source is written as an empty field, so it still counts.
	if len(rest) < 4 {
		return m, false
	}
	m.Type, m.Source, m.Super = unescape(rest[1], escaped), unescape(rest[2], escaped), unescape(rest[3], escaped)
	return m, true
}
