package seccomp_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/syscalls"
)

func ExampleCompile() {
	p, err := policy.Parse("tiny.yaml", []byte(`
version: 1
default: kill
syscalls:
  allow: [write, exit_group]
  deny: {EPERM: [openat]}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	filter, err := seccomp.Compile(p, seccomp.Options{Table: syscalls.AMD64})
	if err != nil {
		fmt.Println(err)
		return
	}
	openat, _ := syscalls.AMD64.Number("openat")
	answer, steps, _ := filter.Run(bpf.Data{Nr: int32(openat), Arch: syscalls.AMD64.Audit})
	fmt.Println(bpf.AnswerString(answer), "in", steps, "steps")
	// Output: errno 1 in 6 steps
}

// Every preset compiles to a filter that the kernel would take, for every
// architecture, and to a small part of what it would take: an instruction for each range of
// numbers and each test of an argument.
func TestPresetsCompile(t *testing.T) {
	for _, name := range policy.Presets() {
		for _, table := range tables {
			p, _ := policy.Preset(name)
			prog, err := seccomp.Compile(p, seccomp.Options{Table: table})
			if err != nil {
				t.Errorf("%s on %s: %v", name, table.GOARCH, err)
			}
			if len(prog) > 300 {
				t.Errorf("%s on %s: %d instructions", name, table.GOARCH, len(prog))
			}
			t.Logf("%s on %s: %d instructions", name, table.GOARCH, len(prog))
		}
	}
}

func run(t *testing.T, p *policy.Policy, o seccomp.Options, d bpf.Data) string {
	t.Helper()
	prog, err := seccomp.Compile(p, o)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := prog.Run(d)
	if err != nil {
		t.Fatal(err)
	}
	return bpf.AnswerString(got)
}

// A policy that allows everything still kills what is not of its architecture.
func TestForeignCallsAreKilled(t *testing.T) {
	allow := &policy.Policy{Default: policy.Action{Kind: policy.Allow}}
	tests := []struct {
		name  string
		table *syscalls.Table
		arch  uint32
		nr    int32
		want  string
	}{
		{"native", syscalls.AMD64, syscalls.AMD64.Audit, 0, "allow"},
		{"i386 by int 0x80", syscalls.AMD64, syscalls.I386.Audit, 0, "kill-process"},
		{"x32", syscalls.AMD64, syscalls.AMD64.Audit, 0x40000000, "kill-process"},
		{"last x32", syscalls.AMD64, syscalls.AMD64.Audit, 0x7fffffff, "kill-process"},
		{"negative", syscalls.AMD64, syscalls.AMD64.Audit, -2, "kill-process"},
		{"skipped by a tracer", syscalls.AMD64, syscalls.AMD64.Audit, -1, "allow"},
		{"arm on arm64", syscalls.ARM64, 0x40000028, 0, "kill-process"},
		{"arm64", syscalls.ARM64, syscalls.ARM64.Audit, 0x40000000, "allow"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := run(t, allow, seccomp.Options{Table: test.table}, bpf.Data{Nr: test.nr, Arch: test.arch})
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Whichever of number and architecture a filter looks at first, no number of
// another architecture passes, not even one that is allowed at home.
func TestForeignNumbersAreKilled(t *testing.T) {
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		prog, err := seccomp.Compile(p, seccomp.Options{Table: syscalls.AMD64})
		if err != nil {
			t.Fatal(err)
		}
		for nr := range int32(1000) {
			for _, arch := range []uint32{0, syscalls.I386.Audit, syscalls.ARM64.Audit} {
				if got, _, err := prog.Run(bpf.Data{Nr: nr, Arch: arch}); err != nil || got != bpf.KillProcess {
					t.Fatalf("%s: %d of architecture %#x: %s, %v", name, nr, arch, bpf.AnswerString(got), err)
				}
			}
		}
	}
}

// A call that its number kills is killed before the architecture is looked at.
func TestKilledByNumber(t *testing.T) {
	p, _ := policy.Preset("strict")
	prog, err := seccomp.Compile(p, seccomp.Options{Table: syscalls.AMD64})
	if err != nil {
		t.Fatal(err)
	}
	for nr := range syscalls.AMD64.Calls() {
		answer, path, err := prog.Path(bpf.Data{Nr: int32(nr), Arch: syscalls.AMD64.Audit})
		if err != nil {
			t.Fatal(err)
		}
		looks := slices.ContainsFunc(path, func(at int) bool {
			return prog[at] == bpf.Instruction{Op: bpf.LD | bpf.W | bpf.ABS, K: bpf.OffArch}
		})
		if looks != (answer == bpf.Allow) {
			t.Errorf("%d: %s, looks at the architecture: %t", nr, bpf.AnswerString(answer), looks)
		}
	}
}

// The launch's execve passes once its three pointers are right, and only then.
func TestExecToken(t *testing.T) {
	token := [3]uint64{0x7f0012345678, 0x7f0012345700, 0xc000010000}
	kill := &policy.Policy{}
	nr, _ := syscalls.AMD64.Number("execve")
	for i := range 4 {
		args := [6]uint64{token[0], token[1], token[2]}
		want := "allow"
		if i < 3 {
			args[i] ^= 1 << (20 * i) // in the low half, the low half and the high half
			want = "kill-process"
		}
		got := run(t, kill, seccomp.Options{Table: syscalls.AMD64, Exec: &token, Trap: map[string]bool{"execve": true}},
			bpf.Data{Nr: int32(nr), Arch: syscalls.AMD64.Audit, Args: args})
		if got != want {
			t.Errorf("%#x: got %s, want %s", args, got, want)
		}
	}
}

// A call of the launch passes with its secret in the argument that it does not
// have, and only then; other calls never do, and the filter knows without a
// look at arguments which calls are always allowed.
func TestLaunchPass(t *testing.T) {
	const pass = 0x1234567_89abcdef
	p := &policy.Policy{Rules: []policy.Rule{{Call: "umask", Do: policy.Action{Kind: policy.Allow}}, {Call: "openat", Do: policy.Action{Kind: policy.Allow}}}}
	o := seccomp.Options{Table: syscalls.AMD64, Trap: map[string]bool{"openat": true, "execve": true},
		Launch: map[string]bool{"setresuid": true, "umask": true, "openat": true, "execve": true}, LaunchPass: pass}
	for _, tt := range []struct {
		call  string
		sixth uint64
		want  string
	}{
		{"setresuid", pass, "allow"},
		{"setresuid", pass ^ 1, "kill-process"},
		{"setresuid", pass ^ 1<<63, "kill-process"},
		{"setresuid", 0, "kill-process"},
		{"execve", pass, "allow"},
		{"execve", 0, "kill-process"},
		{"openat", pass, "allow"},
		{"openat", 0, "trace"},
		{"umask", 0, "allow"},
		{"mount", pass, "kill-process"},
	} {
		nr, _ := syscalls.AMD64.Number(tt.call)
		got := run(t, p, o, bpf.Data{Nr: int32(nr), Arch: syscalls.AMD64.Audit, Args: [6]uint64{5: tt.sixth}})
		if got != tt.want {
			t.Errorf("%s with %#x: got %s, want %s", tt.call, tt.sixth, got, tt.want)
		}
	}
}

// Only an allowed call becomes a trap: what the policy refuses costs no stop.
func TestTrap(t *testing.T) {
	p := &policy.Policy{Rules: []policy.Rule{
		{Call: "openat", Do: policy.Action{Kind: policy.Allow}},
		{Call: "unlinkat", Do: policy.Action{Kind: policy.Deny, Errno: 1}},
		{Call: "getpid", Do: policy.Action{Kind: policy.Trap}},
	}}
	o := seccomp.Options{Table: syscalls.ARM64, TrapAction: bpf.UserNotif,
		Trap: map[string]bool{"openat": true, "unlinkat": true, "mkdirat": true}}
	for call, want := range map[string]string{
		"openat": "user-notif", "unlinkat": "errno 1", "mkdirat": "kill-process", "getpid": "user-notif",
	} {
		nr, _ := syscalls.ARM64.Number(call)
		if got := run(t, p, o, bpf.Data{Nr: int32(nr), Arch: syscalls.ARM64.Audit}); got != want {
			t.Errorf("%s: got %s, want %s", call, got, want)
		}
	}
}

// Beside another supervisor a tracer gets the calls that are its own, under the
// policy's conditions and its own, and the launch's execve.
func TestTrace(t *testing.T) {
	const oPath = 0o10000000
	path := func(arg int) []policy.Cond {
		return []policy.Cond{{Arg: arg, Op: policy.Mask, Mask: oPath, Values: []uint64{oPath}}}
	}
	allow := policy.Action{Kind: policy.Allow}
	p := &policy.Policy{Rules: []policy.Rule{
		{Call: "openat", Do: allow, When: []policy.Cond{{Arg: 0, Op: policy.Eq, Values: []uint64{7}}}},
		{Call: "openat", Do: policy.Action{Kind: policy.Deny, Errno: 1}, When: []policy.Cond{{Arg: 0, Op: policy.Eq, Values: []uint64{8}}}},
		{Call: "openat", Do: allow},
		{Call: "openat2", Do: allow},
		{Call: "statx", Do: allow},
		{Call: "getpid", Do: allow},
	}}
	token := [3]uint64{1, 2, 3}
	o := seccomp.Options{Table: syscalls.AMD64, TrapAction: bpf.UserNotif, Exec: &token, ExecAction: bpf.Trace,
		Trap:  map[string]bool{"openat": true, "openat2": true, "statx": true},
		Trace: map[string][]policy.Cond{"openat": path(2), "openat2": nil, "getpid": nil, "unlink": nil}}
	for _, tt := range []struct {
		call string
		args [6]uint64
		want string
	}{
		{"openat", [6]uint64{7, 0, 0}, "user-notif"},
		{"openat", [6]uint64{7, 0, oPath | 1}, "trace"},
		{"openat", [6]uint64{8, 0, oPath}, "errno 1"},
		{"openat", [6]uint64{9, 0, 0}, "user-notif"},
		{"openat", [6]uint64{9, 0, oPath}, "trace"},
		{"openat", [6]uint64{9, 0, oPath << 32}, "user-notif"},
		{"openat2", [6]uint64{}, "trace"},
		{"statx", [6]uint64{}, "user-notif"},
		{"getpid", [6]uint64{}, "allow"},
		{"unlink", [6]uint64{}, "kill-process"},
		{"execve", [6]uint64{1, 2, 3}, "trace"},
		{"execve", [6]uint64{1, 2, 4}, "kill-process"},
	} {
		nr, _ := syscalls.AMD64.Number(tt.call)
		got := run(t, p, o, bpf.Data{Nr: int32(nr), Arch: syscalls.AMD64.Audit, Args: tt.args})
		if got != tt.want {
			t.Errorf("%s%v: %s, want %s", tt.call, tt.args, got, tt.want)
		}
	}
}

func TestCompileFails(t *testing.T) {
	if _, err := seccomp.Compile(&policy.Policy{}, seccomp.Options{}); err == nil {
		t.Error("no table, no error")
	}
	bad := &policy.Policy{Rules: []policy.Rule{{Call: "oepn"}}}
	var pe *policy.Error
	if _, err := seccomp.Compile(bad, seccomp.Options{Table: syscalls.AMD64}); !errors.As(err, &pe) {
		t.Errorf("an invalid policy gives %v", err)
	}
	long := &policy.Policy{}
	for i := range 2000 {
		long.Rules = append(long.Rules, policy.Rule{Call: "ioctl", Do: policy.Action{Kind: policy.Allow},
			When: []policy.Cond{{Arg: 1, Op: policy.Eq, Values: []uint64{uint64(i)}}, {Arg: 2, Op: policy.Eq, Values: []uint64{1 << 40}}}})
	}
	if _, err := seccomp.Compile(long, seccomp.Options{Table: syscalls.AMD64}); err == nil || !strings.Contains(err.Error(), "4096") {
		t.Errorf("a filter that is too long gives %v", err)
	}
}

// A call that a supervisor decides passes where its condition holds, whatever
// half of the register says so.
func TestPass(t *testing.T) {
	p := &policy.Policy{Rules: []policy.Rule{
		{Call: "sendto", When: []policy.Cond{{Arg: 3, Op: policy.Mask, Mask: 0x20000000, Values: []uint64{0x20000000}}}, Do: policy.Action{Kind: policy.Deny, Errno: 95}},
		{Call: "sendto", Do: policy.Action{Kind: policy.Allow}},
	}}
	o := seccomp.Options{Table: syscalls.AMD64, Trap: map[string]bool{"sendto": true},
		Pass: map[string]policy.Cond{"sendto": {Arg: 4, Op: policy.Eq, Values: []uint64{0}}}}
	nr, _ := syscalls.AMD64.Number("sendto")
	for _, c := range []struct {
		flags, addr uint64
		want        string
	}{{0, 0, "allow"}, {0, 1, "trace"}, {0, 1 << 32, "trace"}, {0x20000000, 0, "errno 95"}, {0x20000000, 1, "errno 95"}} {
		if got := run(t, p, o, bpf.Data{Nr: int32(nr), Arch: syscalls.AMD64.Audit, Args: [6]uint64{3: c.flags, 4: c.addr}}); got != c.want {
			t.Errorf("sendto with flags %#x to %#x: %s, want %s", c.flags, c.addr, got, c.want)
		}
	}
}
