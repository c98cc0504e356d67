package supervise

import (
	"bytes"
	"syscall"
)

const (
	pathMax  = 4096 // PATH_MAX, with the NUL byte
	nameMax  = 255  // NAME_MAX
	pageSize = 4096 // the smallest of any architecture: no read spans more

	firstRead = 256  // most strings are shorter, and what is read is copied
	maxTexts  = 4096 // strings of that size that a Trap keeps
)

// Name returns the call's name, or "" for a number that Arch's table lacks.
func (t *Trap) Name() string { return t.Arch.Name(t.Nr) }

// Int returns argument i as the kernel sees an argument of type int: the upper
// half of the register does not count.
func (t *Trap) Int(i int) int32 { return int32(t.Args[i]) }

// Flags returns argument i as the kernel sees an argument of type unsigned int.
func (t *Trap) Flags(i int) uint32 { return uint32(t.Args[i]) }

// Uint64 returns argument i as the kernel sees an argument as wide as a
// register of the tracee.
func (t *Trap) Uint64(i int) uint64 {
	if t.narrow() {
		return t.Args[i] & 0xffffffff
	}
	return t.Args[i]
}

func (t *Trap) narrow() bool { return t.Arch != nil && t.Arch.GOARCH == "386" }

// Path returns the NUL-terminated string that argument i points to: bytes of
// any kind, as the tracee wrote them. The error is EFAULT where the string
// cannot be read up to its end, and ENAMETOOLONG where it has no end within
// PATH_MAX. Two calls read twice, and the tracee's other threads may write in
// between.
func (t *Trap) Path(i int) (string, error) {
	path, errno := t.path(i)
	if errno != 0 {
		return "", errno
	}
	return path, nil
}

func (t *Trap) path(i int) (string, syscall.Errno) { return t.text(i, pathMax) }

// text is the string that argument i points to, of fewer bytes than limit.
func (t *Trap) text(i, limit int) (string, syscall.Errno) {
	buf := t.buffer(pathMax)
	addr := t.Uint64(i)
	for have := 0; have < limit; {
		at := addr + uint64(have)
		// Up to the end of a page: what lies behind it may be unmapped, and
		// most strings end before.
		n := min(pageSize-int(at%pageSize), limit-have)
		if have == 0 {
			n = min(n, firstRead)
		}
		got, _ := t.Tracee.ReadMemory(at, buf[have:have+n])
		if end := bytes.IndexByte(buf[have:have+got], 0); end >= 0 {
			return t.known(buf[:have+end]), 0
		}
		if got < n {
			return "", syscall.EFAULT
		}
		have += got
	}
	return "", syscall.ENAMETOOLONG
}

// known returns a string that was read before where it can, so that a call which
// a program makes over and over allocates nothing.
func (t *Trap) known(b []byte) string {
	if s, ok := t.texts[string(b)]; ok {
		return s
	}
	if len(b) > firstRead {
		return string(b)
	}
	if t.texts == nil || len(t.texts) >= maxTexts {
		t.texts = make(map[string]string)
	}
	s := string(b)
	t.texts[s] = s
	return s
}

// Bytes returns n bytes that argument i points to, or EFAULT. They are
// overwritten by the next call of a method of t.
func (t *Trap) Bytes(i, n int) ([]byte, error) {
	b, errno := t.bytes(t.Uint64(i), n)
	if errno != 0 {
		return nil, errno
	}
	return b, nil
}

func (t *Trap) bytes(addr uint64, n int) ([]byte, syscall.Errno) {
	buf := t.buffer(n)[:n]
	if n == 0 {
		return buf, 0
	}
	if got, _ := t.Tracee.ReadMemory(addr, buf); got != n {
		return nil, syscall.EFAULT
	}
	return buf, 0
}

// extensible reads a struct that may grow, as copy_struct_from_user of the
// kernel does: first is the size of its oldest version, which is all that is
// known here, and last the largest that is looked at. A longer one is fine where the rest is zero.
func (t *Trap) extensible(addr, size uint64, first, last int) ([]byte, syscall.Errno) {
	switch {
	case size < uint64(first):
		return nil, syscall.EINVAL
	case size > uint64(last):
		return nil, syscall.E2BIG
	}
	b, errno := t.bytes(addr, int(size))
	if errno != 0 {
		return nil, errno
	}
	for _, c := range b[first:] {
		if c != 0 {
			return nil, syscall.E2BIG
		}
	}
	return b[:first], 0
}

// buffer returns the trap's scratch memory, which a supervisor that reuses its
// Trap allocates once.
func (t *Trap) buffer(n int) []byte {
	if len(t.scratch) < n {
		t.scratch = make([]byte, max(n, pathMax))
	}
	return t.scratch
}
