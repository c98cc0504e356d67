package proc

import (
	"bytes"
	"fmt"
	"strconv"
)

// Mapping is a line of /proc/PID/maps.
type Mapping struct {
	Start, End uint64
	Perms      string // such as "r-xp"
	Offset     uint64
	Dev        uint64 // major<<32 | minor; 0 for memory without a file
	Inode      uint64
	Path       string // exact bytes; also "[heap]", "[vdso]"; "" for anonymous memory
}

// ParseMaps parses /proc/PID/maps.
func ParseMaps(text []byte) ([]Mapping, error) {
	var out []Mapping
	for line := range bytes.Lines(text) {
		m, ok := parseMapping(bytes.TrimSuffix(line, []byte("\n")))
		if !ok {
			return nil, fmt.Errorf("maps: %q: %w", line, ErrFormat)
		}
		out = append(out, m)
	}
	return out, nil
}

func parseMapping(line []byte) (m Mapping, ok bool) {
	var f [5][]byte
	for i := range f {
		f[i], line, _ = bytes.Cut(line, []byte(" "))
	}
	start, end, ok1 := bytes.Cut(f[0], []byte("-"))
	major, minor, ok2 := bytes.Cut(f[3], []byte(":"))
	if !ok1 || !ok2 || len(f[1]) != 4 {
		return m, false
	}
	var maj, mnr uint64
	for _, n := range []struct {
		text []byte
		base int
		to   *uint64
	}{{start, 16, &m.Start}, {end, 16, &m.End}, {f[2], 16, &m.Offset},
		{major, 16, &maj}, {minor, 16, &mnr}, {f[4], 10, &m.Inode}} {
		v, err := strconv.ParseUint(string(n.text), n.base, 64)
		if err != nil {
			return m, false
		}
		*n.to = v
	}
	m.Perms = string(f[1])
	m.Dev = maj<<32 | mnr
	m.Path = unescape(bytes.TrimLeft(line, " "), "\n")
	return m, true
}

// unescape undoes the octal escapes that seq_file writes for the bytes of set.
// Others stay: where the kernel does not escape the backslash, a file whose
// name contains "\011" must not be read as a tab.
func unescape(b []byte, set string) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) {
			if v, err := strconv.ParseUint(string(b[i+1:i+4]), 8, 8); err == nil && bytes.IndexByte([]byte(set), byte(v)) >= 0 {
				out = append(out, byte(v))
				i += 3
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}
