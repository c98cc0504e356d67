package proc

import (
	"bytes"
	"fmt"
	"strconv"
)

// Stat is the part of /proc/PID/stat that Belljar uses; see proc_pid_stat(5).
type Stat struct {
	Pid     int
	Comm    string // as the process set it: any bytes, also ")" and newlines
	State   byte
	PPid    int
	Utime   uint64 // clock ticks, of all threads
	Stime   uint64
	Threads int
	Start   uint64 // clock ticks after boot
}

// Positions of fields after the command's name, which is field 2.
const (
	statState   = 0
	statPPid    = 1
	statUtime   = 11
	statStime   = 12
	statThreads = 17
	statStart   = 19
)

// ParseStat parses /proc/PID/stat. The name may hold anything, so the last
// parenthesis ends it.
func ParseStat(text []byte) (Stat, error) {
	bad := func() (Stat, error) { return Stat{}, fmt.Errorf("stat: %w", ErrFormat) }
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 1 || end < open {
		return bad()
	}
	fields := bytes.Fields(text[end+1:])
	pid, err := number(bytes.TrimSpace(text[:open]))
	if err != nil || len(fields) <= statStart {
		return bad()
	}
	s := Stat{Pid: pid, Comm: string(text[open+1 : end]), State: fields[statState][0]}
	for _, f := range []struct {
		at int
		to *uint64
	}{{statUtime, &s.Utime}, {statStime, &s.Stime}, {statStart, &s.Start}} {
		if *f.to, err = strconv.ParseUint(string(fields[f.at]), 10, 64); err != nil {
			return bad()
		}
	}
	var errs [2]error
	s.PPid, errs[0] = number(fields[statPPid])
	s.Threads, errs[1] = number(fields[statThreads])
	if errs != [2]error{} {
		return bad()
	}
	return s, nil
}

// Statm is the start of /proc/PID/statm, in pages.
type Statm struct{ Size, Resident, Shared uint64 }

// ParseStatm parses /proc/PID/statm.
func ParseStatm(text []byte) (Statm, error) {
	var s Statm
	fields := bytes.Fields(text)
	if len(fields) < 3 {
		return Statm{}, fmt.Errorf("statm: %w", ErrFormat)
	}
	for i, to := range []*uint64{&s.Size, &s.Resident, &s.Shared} {
		n, err := strconv.ParseUint(string(fields[i]), 10, 64)
		if err != nil {
			return Statm{}, fmt.Errorf("statm: %w", ErrFormat)
		}
		*to = n
	}
	return s, nil
}
