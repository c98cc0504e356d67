package landlock

import (
	"testing"

	"golang.org/x/sys/unix"
)

// TestFeatures compares the table with the kernel's header.
func TestFeatures(t *testing.T) {
	header := map[Kind]map[string]uint64{
		FS: {
			"EXECUTE": unix.LANDLOCK_ACCESS_FS_EXECUTE, "WRITE_FILE": unix.LANDLOCK_ACCESS_FS_WRITE_FILE,
			"READ_FILE": unix.LANDLOCK_ACCESS_FS_READ_FILE, "READ_DIR": unix.LANDLOCK_ACCESS_FS_READ_DIR,
			"REMOVE_DIR": unix.LANDLOCK_ACCESS_FS_REMOVE_DIR, "REMOVE_FILE": unix.LANDLOCK_ACCESS_FS_REMOVE_FILE,
			"MAKE_CHAR": unix.LANDLOCK_ACCESS_FS_MAKE_CHAR, "MAKE_DIR": unix.LANDLOCK_ACCESS_FS_MAKE_DIR,
			"MAKE_REG": unix.LANDLOCK_ACCESS_FS_MAKE_REG, "MAKE_SOCK": unix.LANDLOCK_ACCESS_FS_MAKE_SOCK,
			"MAKE_FIFO": unix.LANDLOCK_ACCESS_FS_MAKE_FIFO, "MAKE_BLOCK": unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK,
			"MAKE_SYM": unix.LANDLOCK_ACCESS_FS_MAKE_SYM, "REFER": unix.LANDLOCK_ACCESS_FS_REFER,
			"TRUNCATE": unix.LANDLOCK_ACCESS_FS_TRUNCATE, "IOCTL_DEV": unix.LANDLOCK_ACCESS_FS_IOCTL_DEV,
		},
		Net:   {"BIND_TCP": unix.LANDLOCK_ACCESS_NET_BIND_TCP, "CONNECT_TCP": unix.LANDLOCK_ACCESS_NET_CONNECT_TCP},
		Scope: {"ABSTRACT_UNIX_SOCKET": unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, "SIGNAL": unix.LANDLOCK_SCOPE_SIGNAL},
		Flag: {
			"LOG_SAME_EXEC_OFF":  unix.LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF,
			"LOG_NEW_EXEC_ON":    unix.LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON,
			"LOG_SUBDOMAINS_OFF": unix.LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF,
		},
	}
	count := 0
	for _, names := range header {
		count += len(names)
	}
	if count != len(Features) {
		t.Errorf("%d features, the header has %d", len(Features), count)
	}
	for _, f := range Features {
		if want := header[f.Kind][f.Name]; uint64(f.Bit) != want {
			t.Errorf("%s is %#x, want %#x", f.Name, f.Bit, want)
		}
	}
}

// TestKnown states what each ABI brought, as landlock(7) does.
func TestKnown(t *testing.T) {
	tests := []struct{ fs, net, scope, flag Rights }{
		0: {},
		1: {fs: 1<<13 - 1},
		2: {fs: 1<<14 - 1},
		3: {fs: 1<<15 - 1},
		4: {fs: 1<<15 - 1, net: 3},
		5: {fs: 1<<16 - 1, net: 3},
		6: {fs: 1<<16 - 1, net: 3, scope: 3},
		7: {fs: 1<<16 - 1, net: 3, scope: 3, flag: 7},
	}
	for abi, want := range tests {
		got := [...]Rights{Known(FS, abi), Known(Net, abi), Known(Scope, abi), Known(Flag, abi)}
		if got != [...]Rights{want.fs, want.net, want.scope, want.flag} {
			t.Errorf("ABI %d: %#x, want %#x", abi, got, want)
		}
	}
}
