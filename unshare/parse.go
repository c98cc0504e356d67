package unshare

import (
	"errors"
	"fmt"
	"math"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// ParseBind reads "SRC[:DST][:ro|rw]". A relative SRC counts from the working
// directory; DST is the same path if it is left out. The default is ro.
func ParseBind(s string) (Mount, error) {
	m := Mount{Kind: Bind}
	fields := strings.Split(s, ":")
	if n := len(fields) - 1; n > 0 && (fields[n] == "ro" || fields[n] == "rw") {
		m.Writable = fields[n] == "rw"
		fields = fields[:n]
	}
	if len(fields) > 2 {
		return Mount{}, fmt.Errorf("%q is neither ro nor rw; write SRC[:DST][:ro|rw], without colons in paths", fields[len(fields)-1])
	}
	if fields[0] == "" {
		return Mount{}, errors.New("no source; write SRC[:DST][:ro|rw]")
	}
	var err error
	if m.Source, err = filepath.Abs(fields[0]); err != nil {
		return Mount{}, err
	}
	m.Target, err = parseTarget(append(fields, m.Source)[1])
	if err == nil && strings.Contains(m.Source, "\x00") {
		err = errNUL
	}
	if err != nil {
		return Mount{}, err
	}
	return m, nil
}

// ParseTmpfs reads "DST[:SIZE]", where SIZE is bytes or has the suffix K, M or
// G, of powers of 1024.
func ParseTmpfs(s string) (Mount, error) {
	target, text, sized := strings.Cut(s, ":")
	target, err := parseTarget(target)
	if err != nil {
		return Mount{}, err
	}
	m := Mount{Kind: Tmpfs, Target: target}
	if sized {
		m.Size, err = parseSize(text)
	}
	if err != nil {
		return Mount{}, err
	}
	return m, nil
}

var errNUL = errors.New("a path cannot have a NUL byte")

func parseTarget(s string) (string, error) {
	switch {
	case strings.Contains(s, "\x00"):
		return "", errNUL
	case !path.IsAbs(s):
		return "", fmt.Errorf("target %q must be an absolute path in the private root", s)
	case path.Clean(s) == "/":
		return "", errors.New("nothing can be mounted on /; use a root directory for that")
	}
	return path.Clean(s), nil
}

func parseSize(s string) (int64, error) {
	unit := int64(1)
	digits := s
	if i := strings.IndexByte("KMG", last(s)); i >= 0 {
		unit = 1 << (10 * (i + 1))
		digits = s[:len(s)-1]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("size %q must be a positive number of bytes, with K, M or G for more", s)
	}
	return n * unit, nil
}

func last(s string) byte {
	if s == "" {
		return 0
	}
	return s[len(s)-1]
}
