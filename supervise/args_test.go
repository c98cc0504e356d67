package supervise

import (
	"strings"
	"syscall"
	"testing"
)

func TestPath(t *testing.T) {
	long := strings.Repeat("x", pathMax-1)
	for _, c := range []struct {
		what, mem string
		at        int // offset of the pointer
		want      string
		err       error
	}{
		{what: "short", mem: "/a\x00rest", want: "/a"},
		{what: "empty", mem: "\x00", want: ""},
		{what: "any bytes", mem: "\xff\n\x01\x00", want: "\xff\n\x01"},
		{what: "ends with the page", mem: strings.Repeat("p", pageSize-3) + "ab\x00", at: pageSize - 3, want: "ab"},
		{what: "goes on behind the page", mem: strings.Repeat("p", pageSize-1) + "ab\x00", at: pageSize - 1, want: "ab"},
		{what: "runs into an unmapped page", mem: strings.Repeat("p", pageSize), at: pageSize - 3, err: syscall.EFAULT},
		{what: "longest", mem: long + "\x00", want: long},
		{what: "too long", mem: long + "x\x00", err: syscall.ENAMETOOLONG},
		{what: "too long, from the middle of a page", mem: "123" + long + "x\x00", at: 3, err: syscall.ENAMETOOLONG},
	} {
		trap := &Trap{Tracee: &fakeTracee{fakeBase, []byte(c.mem)}, Args: [6]uint64{fakeBase + uint64(c.at)}}
		got, err := trap.Path(0)
		if got != c.want || err != c.err {
			t.Errorf("%s: %q, %v, want %q, %v", c.what, got, err, c.want, c.err)
		}
	}
	if _, err := trapOf("open", 0).Path(0); err != syscall.EFAULT {
		t.Errorf("NULL: %v", err)
	}
}

func TestArguments(t *testing.T) {
	trap := trapOf("openat", uint64(0xffffff9c), "x", uint64(0xdead_0000_0241))
	if trap.Name() != "openat" || trap.Int(0) != atFDCWD || trap.Flags(2) != 0x241 || trap.Uint64(2) != 0xdead_0000_0241 {
		t.Errorf("%s(%d, %#x, %#x)", trap.Name(), trap.Int(0), trap.Flags(2), trap.Uint64(2))
	}
	if b, err := trap.Bytes(1, 2); err != nil || string(b) != "x\x00" {
		t.Errorf("Bytes = %q, %v", b, err)
	}
	if _, err := trap.Bytes(1, 3); err != syscall.EFAULT {
		t.Errorf("Bytes behind the end: %v", err)
	}
}

func TestBufferIsReused(t *testing.T) {
	trap := trapOf("open", "/usr/lib/x")
	trap.buffer(1)
	if n := testing.AllocsPerRun(100, func() { trap.path(0) }); n > 1 {
		t.Errorf("reading a path allocates %v times, want only the string", n)
	}
}
