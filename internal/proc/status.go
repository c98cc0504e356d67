package proc

import (
	"bytes"
	"fmt"
	"strconv"
)

// Status is the part of /proc/PID/status that Belljar uses; see
// proc_pid_status(5). Fields that the kernel leaves out (the memory of a
// zombie or a kernel thread) are zero.
type Status struct {
	State     byte // R, S, D, T, t, Z, X
	Tgid, Pid int
	PPid      int
	TracerPid int
	NStgid    []int  // the process's number in each PID namespace, from the reader's mount inwards
	NSpid     []int  // the same of the thread
	VmHWM     uint64 // peak resident set, bytes
	VmRSS     uint64 // bytes
	Threads   int
	NoNewPriv bool
	Seccomp   int
	Umask     uint32
	UID, GID  [4]int // real, effective, saved, file system

	// Sets of signals, bit 0 for signal 1: pending for the thread and for its
	// process, blocked, ignored, caught.
	SigPnd, ShdPnd, SigBlk, SigIgn, SigCgt uint64
}

// ParseStatus parses /proc/PID/status.
func ParseStatus(text []byte) (Status, error) {
	var s Status
	for line := range bytes.Lines(text) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		if err := s.set(string(key), bytes.TrimSpace(value)); err != nil {
			return Status{}, fmt.Errorf("status: %s: %w", key, err)
		}
	}
	if s.Pid == 0 {
		return Status{}, fmt.Errorf("status: no Pid: %w", ErrFormat)
	}
	return s, nil
}

func (s *Status) set(key string, value []byte) (err error) {
	switch key {
	case "State":
		if len(value) == 0 {
			return ErrFormat
		}
		s.State = value[0]
	case "Tgid":
		s.Tgid, err = number(value)
	case "Pid":
		s.Pid, err = number(value)
	case "PPid":
		s.PPid, err = number(value)
	case "TracerPid":
		s.TracerPid, err = number(value)
	case "Threads":
		s.Threads, err = number(value)
	case "Seccomp":
		s.Seccomp, err = number(value)
	case "NoNewPrivs":
		s.NoNewPriv = string(value) == "1"
	case "NStgid":
		s.NStgid, err = numbers(value)
	case "NSpid":
		s.NSpid, err = numbers(value)
	case "VmHWM":
		s.VmHWM, err = kilobytes(value)
	case "VmRSS":
		s.VmRSS, err = kilobytes(value)
	case "Uid":
		err = four(value, &s.UID)
	case "Gid":
		err = four(value, &s.GID)
	case "SigPnd":
		s.SigPnd, err = signals(value)
	case "ShdPnd":
		s.ShdPnd, err = signals(value)
	case "SigBlk":
		s.SigBlk, err = signals(value)
	case "SigIgn":
		s.SigIgn, err = signals(value)
	case "SigCgt":
		s.SigCgt, err = signals(value)
	case "Umask":
		var m uint64
		m, err = strconv.ParseUint(string(value), 8, 32)
		s.Umask = uint32(m)
	}
	return err
}

func signals(b []byte) (uint64, error) {
	set, err := strconv.ParseUint(string(b), 16, 64)
	if err != nil {
		return 0, ErrFormat
	}
	return set, nil
}

func number(b []byte) (int, error) {
	n, err := strconv.Atoi(string(b))
	if err != nil {
		return 0, ErrFormat
	}
	return n, nil
}

func numbers(b []byte) ([]int, error) {
	var out []int
	for field := range bytes.FieldsSeq(b) {
		n, err := number(field)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

func four(b []byte, to *[4]int) error {
	ids, err := numbers(b)
	if err != nil || len(ids) != 4 {
		return ErrFormat
	}
	*to = [4]int(ids)
	return nil
}

func kilobytes(b []byte) (uint64, error) {
	digits, ok := bytes.CutSuffix(b, []byte(" kB"))
	if !ok {
		return 0, ErrFormat
	}
	n, err := strconv.ParseUint(string(digits), 10, 54)
	if err != nil {
		return 0, ErrFormat
	}
	return n << 10, nil
}
