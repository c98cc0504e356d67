package policy_test

import (
	"math/rand/v2"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// anyArgs stands for a call that no arguments make harmless.
var anyArgs [6]uint64

// doors lead out of a sandbox, around its supervisor, or to the machine's
// controls. Where arguments are given, they are what makes the call a door; the
// rest of their registers is chance.
var doors = []struct {
	why   string
	calls []string
	args  [6]uint64
}{
	{"calls made through shared memory", []string{"io_uring_setup", "io_uring_enter", "io_uring_register"}, anyArgs},
	{"files by handle instead of path", []string{"name_to_handle_at", "open_by_handle_at"}, anyArgs},
	{"mounts, new", []string{"fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "mount_setattr", "open_tree", "open_tree_attr", "statmount", "listmount"}, anyArgs},
	{"mounts, old", []string{"mount", "umount", "umount2", "pivot_root", "chroot"}, anyArgs},
	{"other processes' memory", []string{"process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease"}, anyArgs},
	{"other processes' descriptors", []string{"pidfd_getfd", "kcmp"}, anyArgs},
	{"steering other processes", []string{"ptrace"}, anyArgs},
	{"stopping the kernel in the middle of a copy", []string{"userfaultfd"}, anyArgs},
	{"programs for the kernel", []string{"bpf", "perf_event_open"}, anyArgs},
	{"keys", []string{"keyctl", "add_key", "request_key"}, anyArgs},
	{"a filter with a listener of its own", []string{"seccomp"}, [6]uint64{1, 8}}, // SECCOMP_SET_MODE_FILTER, NEW_LISTENER
	{"a filter by prctl", []string{"prctl"}, [6]uint64{22, 2}},                    // PR_SET_SECCOMP, SECCOMP_MODE_FILTER
	{"hiding from the supervisor", []string{"prctl"}, [6]uint64{4, 0}},            // PR_SET_DUMPABLE
	{"the kernel itself", []string{"kexec_load", "kexec_file_load", "reboot", "init_module", "finit_module", "delete_module"}, anyArgs},
	{"the clock", []string{"clock_settime", "clock_settime64", "settimeofday", "stime", "adjtimex", "clock_adjtime", "clock_adjtime64"}, anyArgs},
	{"the host's name", []string{"sethostname", "setdomainname"}, anyArgs},
	{"watching or deciding the accesses of others", []string{"fanotify_init", "fanotify_mark"}, anyArgs},
	{"quotas, swap, accounting, the kernel's log", []string{"quotactl", "quotactl_fd", "swapon", "swapoff", "acct", "syslog", "vhangup"}, anyArgs},
	{"hardware", []string{"iopl", "ioperm", "modify_ldt", "vm86", "vm86old"}, anyArgs},
	{"pages of other processes", []string{"move_pages", "migrate_pages"}, anyArgs},
	{"namespaces", []string{"unshare", "setns"}, anyArgs},
	{"flags in memory that no filter sees", []string{"clone3"}, anyArgs},
	{"CLONE_UNTRACED", []string{"clone"}, [6]uint64{0x00800000 | 17}},
	{"CLONE_UNTRACED, a thread", []string{"clone"}, [6]uint64{0x00800000 | 0x3d0f00}},
	{"CLONE_PARENT", []string{"clone"}, [6]uint64{0x00008000 | 17}},
	{"CLONE_PTRACE", []string{"clone"}, [6]uint64{0x00002000 | 17}},
	{"CLONE_NEWNS", []string{"clone"}, [6]uint64{0x00020000 | 17}},
	{"CLONE_NEWCGROUP", []string{"clone"}, [6]uint64{0x02000000 | 17}},
	{"CLONE_NEWUTS", []string{"clone"}, [6]uint64{0x04000000 | 17}},
	{"CLONE_NEWIPC", []string{"clone"}, [6]uint64{0x08000000 | 17}},
	{"CLONE_NEWUSER", []string{"clone"}, [6]uint64{0x10000000 | 17}},
	{"CLONE_NEWUSER, a thread", []string{"clone"}, [6]uint64{0x10000000 | 0x3d0f00}},
	{"CLONE_NEWPID", []string{"clone"}, [6]uint64{0x20000000 | 17}},
	{"CLONE_NEWNET", []string{"clone"}, [6]uint64{0x40000000 | 17}},
	{"another personality", []string{"personality"}, [6]uint64{0x0040000}}, // ADDR_NO_RANDOMIZE
	{"typing on the terminal (TIOCSTI)", []string{"ioctl"}, [6]uint64{0, 0x5412}},
	{"pasting on the console (TIOCLINUX)", []string{"ioctl"}, [6]uint64{0, 0x541c}},
	{"a line discipline, loaded on demand (TIOCSETD)", []string{"ioctl"}, [6]uint64{0, 0x5423}},
	{"signals by way of a descriptor's owner", []string{"fcntl", "fcntl64"}, [6]uint64{0, 8}}, // F_SETOWN
	{"signals to a group by way of a socket", []string{"ioctl"}, [6]uint64{0, 0x8902}},        // SIOCSPGRP
}

// TestPresetsKeepEveryDoorShut proves that no preset, on any architecture,
// allows or traps a door, whatever the halves of registers that the kernel
// ignores hold.
func TestPresetsKeepEveryDoorShut(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, preset := range policy.Presets() {
		p, _ := policy.Preset(preset)
		for _, table := range tables {
			for _, door := range doors {
				for _, name := range door.calls {
					nr, ok := table.Number(name)
					if !ok {
						continue
					}
					for range 8 {
						args := door.args
						for i := range args {
							if door.args == anyArgs {
								args[i] = r.Uint64()
							} else if table.ArgBits(name, i) == 32 {
								args[i] |= r.Uint64() << 32
							}
						}
						if got, rule := p.Decide(table, nr, args); got.Kind != policy.Kill && got.Kind != policy.Deny {
							t.Errorf("%s on %s: %s (%s %#x): %s by %+v", preset, table.GOARCH, door.why, name, args, got, rule)
							break
						}
					}
				}
			}
		}
	}
}

// TestDoorsAreCalls proves that each door's calls exist: a misspelt one would
// be shut everywhere.
func TestDoorsAreCalls(t *testing.T) {
	for _, door := range doors {
		for _, name := range door.calls {
			known := false
			for _, table := range []*syscalls.Table{syscalls.AMD64, syscalls.I386, syscalls.ARM64} {
				_, ok := table.Number(name)
				known = known || ok
			}
			if !known {
				t.Errorf("no architecture has %s", name)
			}
		}
	}
}
