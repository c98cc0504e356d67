package main

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/belljar/belljar/cgroup"
)

// parseDuration reads a Go duration, or plain seconds. Zero would read as "no
// limit" further down, which nobody who writes 0 means.
func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		d, err = time.ParseDuration(s + "s")
	}
	if err != nil {
		return 0, errors.New("not a duration; write 2s, 500ms, 1m30s or plain seconds")
	}
	if d <= 0 {
		return 0, errors.New("must be more than zero; leave the flag out for no limit")
	}
	return d, nil
}

// sizeUnits are powers of 1024. "KB" is not among them: some mean 1000 by it.
var sizeUnits = map[string]uint{"": 0, "B": 0,
	"K": 10, "KIB": 10, "M": 20, "MIB": 20, "G": 30, "GIB": 30, "T": 40, "TIB": 40}

// parseSize reads a number of bytes.
func parseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "BKMGTIbkmgti")
	shift, ok := sizeUnits[strings.ToUpper(s[len(digits):])]
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || !ok:
		return 0, errors.New("not a size; write bytes, or a number with K, M, G or KiB, MiB, GiB (powers of 1024)")
	case n <= 0:
		return 0, errors.New("must be more than zero; leave the flag out for no limit")
	case n > math.MaxInt64>>shift:
		return 0, errors.New("too large")
	}
	return n << shift, nil
}

// parseCount reads a number of things of which there must be at least one.
func parseCount(s string) (int, error) {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		return 0, errors.New("not a number from 1 up")
	}
	return int(n), nil
}

// parseID reads a user or group id. The all-ones id means "leave it" to the
// kernel, so it is none.
func parseID(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == math.MaxUint32 {
		return 0, errors.New("not a numeric id; look it up with id -u NAME or id -g NAME")
	}
	return int(n), nil
}

// parseCPUs reads how many CPUs' time may be used, or which part of one's.
func parseCPUs(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 0.01 && n <= 1<<16) { // not a number is neither
		return 0, errors.New("not a number from 0.01 up")
	}
	return n, nil
}

// parseCPUSet reads a list of CPUs.
func parseCPUSet(s string) (string, error) {
	if _, err := cgroup.ParseCPUs(s); err != nil {
		return "", errors.New("not a list of CPUs; write 0-1,3 for the first, second and fourth")
	}
	return s, nil
}
