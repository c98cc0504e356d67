package belljar

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
	"github.com/belljar/belljar/unshare"
)

// TestDoors proves which forms of calls a policy lets through and a run does
// not, and what a policy must say to open a door.
func TestDoors(t *testing.T) {
	allow := func(call string, when ...policy.Cond) policy.Rule {
		return policy.Rule{Call: call, When: when, Do: policy.Action{Kind: policy.Allow}}
	}
	const (
		thread = syscall.CLONE_VM | syscall.CLONE_THREAD
		chld   = uint64(syscall.SIGCHLD)
	)
	mask := func(m, v uint64) policy.Cond { return policy.Cond{Op: policy.Mask, Mask: m, Values: []uint64{v}} }
	in := func(v ...uint64) policy.Cond { return policy.Cond{Op: policy.In, Values: v} }
	open := &unshare.Root{}
	tests := []struct {
		rule policy.Rule
		who  Supervisor
		root *unshare.Root
		call string
		args [6]uint64
		want syscall.Errno // 0: allowed
	}{
		{allow("clone"), Ptrace, nil, "clone", [6]uint64{chld}, 0},
		{allow("clone"), Ptrace, nil, "clone", [6]uint64{thread}, 0},
		{allow("clone"), Ptrace, nil, "clone", [6]uint64{chld | syscall.CLONE_UNTRACED}, syscall.EPERM},
		{allow("clone"), NoOne, open, "clone", [6]uint64{chld | syscall.CLONE_UNTRACED}, syscall.EPERM},
		{allow("clone"), Notify, nil, "clone", [6]uint64{chld | syscall.CLONE_PARENT}, syscall.EPERM},
		{allow("@process"), Ptrace, nil, "clone", [6]uint64{chld | syscall.CLONE_NEWPID}, syscall.EPERM},
		{allow("@process"), Ptrace, nil, "clone3", [6]uint64{}, syscall.ENOSYS},
		{allow("clone3"), Ptrace, nil, "clone3", [6]uint64{}, syscall.ENOSYS},
		// A rule that asks for one flag opens the door for that alone.
		{allow("clone", mask(syscall.CLONE_NEWUSER, syscall.CLONE_NEWUSER)), Ptrace, nil, "clone", [6]uint64{chld | syscall.CLONE_NEWUSER}, 0},
		{allow("clone", mask(syscall.CLONE_NEWUSER, syscall.CLONE_NEWUSER)), Ptrace, nil, "clone",
			[6]uint64{chld | syscall.CLONE_NEWUSER | syscall.CLONE_UNTRACED}, syscall.EPERM},
		{allow("clone", in(chld, chld|syscall.CLONE_NEWNS)), Ptrace, nil, "clone", [6]uint64{chld | syscall.CLONE_NEWNS}, 0},
		// Conditions that exclude a door are left as they are, or no filter would be made.
		{allow("clone", mask(thread|syscall.CLONE_UNTRACED, thread)), Ptrace, nil, "clone", [6]uint64{thread}, 0},
		{allow("clone", policy.Cond{Op: policy.Eq, Values: []uint64{chld}}), Ptrace, nil, "clone", [6]uint64{chld}, 0},
		{allow("seccomp", policy.Cond{Arg: 1, Op: policy.Eq, Values: []uint64{0}}), Ptrace, nil, "seccomp", [6]uint64{1, 0, 8}, 0},
		{allow("seccomp", policy.Cond{Arg: 1, Op: policy.In, Values: []uint64{0, 8}}), Ptrace, nil, "seccomp", [6]uint64{1, 8, 8}, syscall.EBUSY},
		{allow("fcntl"), Ptrace, nil, "fcntl", [6]uint64{1, setLease}, syscall.EACCES},
		{allow("fcntl"), NoOne, open, "fcntl", [6]uint64{1, setLease}, 0},
		// What would last is for runs with a namespace for it, and for who names it.
		{allow("@ipc"), Ptrace, nil, "shmget", [6]uint64{0, 1, 0}, syscall.ENOSYS},
		{allow("@ipc"), Ptrace, nil, "shmget", [6]uint64{7, 1, ipcCreate}, syscall.ENOSYS},
		{allow("@ipc"), Ptrace, nil, "shmget", [6]uint64{7, 1, 0}, 0},
		{allow("@ipc"), Ptrace, open, "shmget", [6]uint64{7, 1, ipcCreate}, 0},
		{allow("shmget"), Ptrace, nil, "shmget", [6]uint64{7, 1, ipcCreate}, 0},
		{allow("@ipc"), Notify, nil, "semget", [6]uint64{7, 1, ipcCreate}, syscall.ENOSYS},
		{allow("@ipc"), Notify, nil, "msgget", [6]uint64{7, ipcCreate}, syscall.ENOSYS},
		{allow("@ipc"), Notify, nil, "mq_open", [6]uint64{7, openNew}, syscall.ENOSYS},
	}
	for _, tt := range tests {
		for _, own := range []policy.Policy{
			{Default: policy.Action{Kind: policy.Kill}, Rules: []policy.Rule{tt.rule}},
			{Default: policy.Action{Kind: policy.Allow}, Rules: []policy.Rule{tt.rule}},
		} {
			p := plan{policy: &own, supervisor: tt.who, root: tt.root}
			shut := p.withoutDoors()
			if err := shut.Validate(); err != nil {
				t.Errorf("%+v: %v", tt.rule, err)
			}
			nr, _ := syscalls.AMD64.Number(tt.call)
			got, _ := shut.Decide(syscalls.AMD64, nr, tt.args)
			want := policy.Action{Kind: policy.Allow}
			if tt.want != 0 {
				want = policy.Action{Kind: policy.Deny, Errno: uint16(tt.want)}
			}
			if got != want {
				t.Errorf("%+v: %s %x: %v, want %v", tt.rule, tt.call, tt.args, got, want)
			}
		}
	}
}

// TestPresetsMeanNoDoor proves that presets keep the doors shut themselves, apart
// from those that depend on the run.
func TestPresetsMeanNoDoor(t *testing.T) {
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		for _, d := range tracedDoors {
			if p.Lets(d.call, d.when...) {
				t.Errorf("%s lets %s through", name, fmt.Sprint(d.call, d.when))
			}
		}
	}
}
