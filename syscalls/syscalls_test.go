package syscalls_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/belljar/belljar/syscalls"
)

var tables = []*syscalls.Table{syscalls.AMD64, syscalls.I386, syscalls.ARM64}

func ExampleTable_Number() {
	for _, t := range []*syscalls.Table{syscalls.AMD64, syscalls.I386, syscalls.ARM64} {
		nr, ok := t.Number("open")
		fmt.Println(t.GOARCH, nr, ok)
	}
	// Output:
	// amd64 2 true
	// 386 5 true
	// arm64 0 false
}

func ExampleArgs() {
	args := syscalls.Args("openat")
	fmt.Println(args[:args.Count()])
	// Output: [dirfd path flags mode]
}

// Names and numbers of a table are each other's inverse, and no name is there twice.
func TestTablesAreBijections(t *testing.T) {
	for _, table := range syscalls.Tables() {
		seen := map[string]int{}
		for nr, name := range table.Calls() {
			if other, ok := seen[name]; ok {
				t.Errorf("%s: %s is %d and %d", table.GOARCH, name, other, nr)
			}
			seen[name] = nr
			if got, ok := table.Number(name); !ok || got != nr {
				t.Errorf("%s: Number(%s) = %d, %v, want %d", table.GOARCH, name, got, ok, nr)
			}
			if got := table.Name(nr); got != name {
				t.Errorf("%s: Name(%d) = %q, want %q", table.GOARCH, nr, got, name)
			}
		}
		if len(seen) < 300 {
			t.Errorf("%s has only %d calls", table.GOARCH, len(seen))
		}
		for _, nr := range []int{-1, 100000, 1 << 40} {
			if name := table.Name(nr); name != "" {
				t.Errorf("%s: Name(%d) = %q", table.GOARCH, nr, name)
			}
		}
	}
}

// A few numbers from the man pages and headers, so that a generator gone
// wrong in the same way for all cannot hide.
func TestKnownNumbers(t *testing.T) {
	for call, want := range map[string][3]int{
		"read": {0, 3, 63}, "execve": {59, 11, 221}, "openat2": {437, 437, 437}, "clone3": {435, 435, 435},
		"newfstatat": {262, -1, 79}, "fstatat64": {-1, 300, -1}, "umount2": {166, 52, 39}, "fork": {57, 2, -1},
	} {
		for i, table := range tables {
			nr, ok := table.Number(call)
			if ok != (want[i] >= 0) || ok && nr != want[i] {
				t.Errorf("%s: %s is %d, %v, want %d", table.GOARCH, call, nr, ok, want[i])
			}
		}
	}
	for i, want := range []uint32{0xc000003e, 0x40000003, 0xc00000b7} {
		if tables[i].Audit != want {
			t.Errorf("%s: audit %#x, want %#x", tables[i].GOARCH, tables[i].Audit, want)
		}
		if syscalls.ForGOARCH(tables[i].GOARCH) != tables[i] {
			t.Errorf("ForGOARCH(%s) is another table", tables[i].GOARCH)
		}
	}
	if syscalls.ForGOARCH("s390x") != nil {
		t.Error("there is a table for s390x")
	}
}

// x32 has amd64's calls under numbers of its own.
func TestX32(t *testing.T) {
	for call, want := range map[string]int{"read": 0x40000000, "execve": 0x40000000 + 520, "openat2": 0x40000000 + 437,
		"mseal": 0x40000000 + 462, "rt_sigaction": 0x40000000 + 512} {
		if nr, ok := syscalls.X32.Number(call); !ok || nr != want || syscalls.X32.Name(want) != call {
			t.Errorf("%s is %#x, %v, want %#x", call, nr, ok, want)
		}
	}
	if name := syscalls.X32.Name(0); name != "" || syscalls.X32.First() != 0x40000000 {
		t.Errorf("x32 begins at %#x, and 0 is %q", syscalls.X32.First(), name)
	}
}

// Each call of a group exists on some architecture and is in it once.
func TestGroups(t *testing.T) {
	for _, name := range syscalls.Groups() {
		calls, ok := syscalls.Group(name)
		if !ok || len(calls) == 0 || !strings.HasPrefix(name, "@") || syscalls.Purpose(name) == "" {
			t.Errorf("%s: empty, unnamed or without a purpose", name)
		}
		for i, call := range calls {
			if !syscalls.Known(call) {
				t.Errorf("%s: no call %s", name, call)
			}
			if slices.Contains(calls[:i], call) {
				t.Errorf("%s: %s is there twice", name, call)
			}
		}
	}
	if _, ok := syscalls.Group("@nothing"); ok {
		t.Error("there is a group @nothing")
	}
}

// Nothing that a preset allows as a group opens a dangerous door.
func TestDangerousIsApart(t *testing.T) {
	for _, name := range []string{"@basic-io", "@memory", "@signal", "@time", "@process", "@thread", "@info",
		"@file-read", "@file-write", "@file-stat", "@event", "@network", "@ipc", "@schedule", "@credentials"} {
		calls, _ := syscalls.Group(name)
		for _, call := range calls {
			if syscalls.InGroup("@dangerous", call) {
				t.Errorf("%s holds %s", name, call)
			}
		}
	}
}

// Every call that is not obsolete has its arguments' kinds, and a path that
// counts from a descriptor follows it.
func TestSignatures(t *testing.T) {
	for _, call := range syscalls.Names() {
		s := syscalls.Args(call)
		for i, k := range s {
			if k == syscalls.DirFD && (i == 5 || s[i+1] != syscalls.Path) {
				t.Errorf("%s: argument %d is a directory without a path", call, i)
			}
			if i > 0 && k != syscalls.None && s[i-1] == syscalls.None {
				t.Errorf("%s: argument %d follows none", call, i)
			}
		}
		noArguments := strings.HasPrefix(call, "get") || slices.Contains([]string{"fork", "vfork", "pause", "sync",
			"setsid", "munlockall", "sched_yield", "rt_sigreturn", "sigreturn", "restart_syscall", "vhangup", "sgetmask",
			"inotify_init", "uprobe", "uretprobe", "rseq_slice_yield", "create_module", "query_module"}, call)
		if s.Count() == 0 && !noArguments && !syscalls.InGroup("@obsolete", call) {
			t.Errorf("%s: no signature", call)
		}
	}
}

// How much of a register counts.
func TestArgBits(t *testing.T) {
	tests := []struct {
		table *syscalls.Table
		call  string
		arg   int
		want  int
	}{
		{syscalls.AMD64, "ioctl", 1, 32}, {syscalls.AMD64, "ioctl", 2, 64}, {syscalls.I386, "ioctl", 2, 32},
		{syscalls.AMD64, "chmod", 1, 16}, {syscalls.AMD64, "setuid", 0, 32}, {syscalls.I386, "setuid", 0, 16},
		{syscalls.I386, "setuid32", 0, 32}, {syscalls.ARM64, "clone", 0, 32}, {syscalls.AMD64, "no_such_call", 0, 64},
		{syscalls.ARM, "setuid", 0, 16}, {syscalls.ARM, "mmap2", 1, 32}, {syscalls.RISCV64, "ioctl", 2, 64},
		{syscalls.X32, "ioctl", 2, 32}, {syscalls.X32, "mmap", 1, 64},
		{syscalls.AMD64, "ptrace", 0, 64}, {syscalls.AMD64, "read", 6, 64}, {syscalls.AMD64, "read", -1, 64},
	}
	for _, test := range tests {
		if got := test.table.ArgBits(test.call, test.arg); got != test.want {
			t.Errorf("%s: %s, argument %d: %d bits, want %d", test.table.GOARCH, test.call, test.arg, got, test.want)
		}
	}
}

func TestNames(t *testing.T) {
	if n, ok := syscalls.Errno("EPERM"); n != 1 || !ok {
		t.Errorf("EPERM is %d, %v", n, ok)
	}
	if n, ok := syscalls.Errno("EWOULDBLOCK"); n != 11 || !ok || syscalls.ErrnoName(11) != "EAGAIN" {
		t.Errorf("EWOULDBLOCK is %d, %v, and 11 is %s", n, ok, syscalls.ErrnoName(11))
	}
	if syscalls.SignalName(11) != "SIGSEGV" || syscalls.SignalName(6) != "SIGABRT" || syscalls.SignalName(-1) != "" {
		t.Errorf("11 is %s, 6 is %s", syscalls.SignalName(11), syscalls.SignalName(6))
	}
	for name, want := range map[string]uint64{
		"PR_SET_NAME": 15, "AF_UNIX": 1, "PROT_EXEC": 4, "AT_FDCWD": 1<<64 - 100, "CLONE_NEWUSER": 0x10000000,
		"O_CREAT": 0x40, "F_DUPFD_CLOEXEC": 1030, "TIOCSTI": 0x5412, "SOCK_STREAM": 1, "MAP_FIXED": 16, "FIONREAD": 0x541b,
	} {
		if got, ok := syscalls.Constant(name); !ok || got != want {
			t.Errorf("%s is %#x, %v, want %#x", name, got, ok, want)
		}
	}
	if _, ok := syscalls.Constant("O_DIRECTORY"); ok || !syscalls.Varies("O_DIRECTORY") {
		t.Error("O_DIRECTORY should depend on the architecture")
	}
}
