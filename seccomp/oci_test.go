package seccomp_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp"
	"github.com/belljar/belljar/syscalls"
)

const container = `{
	"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38,
	"archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_MIPS"]},
		{"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": null}],
	"syscalls": [
		{"names": ["read", "write", "no_such_call"], "action": "SCMP_ACT_ALLOW"},
		{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 38, "op": "SCMP_CMP_LT"}]},
		{"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 39, "op": "SCMP_CMP_EQ"}]},
		{"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
			"excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["s390"]}},
		{"names": ["clone", "mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
		{"names": ["kill"], "action": "SCMP_ACT_ALLOW", "args": [
			{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 7, "op": "SCMP_CMP_EQ"}]},
		{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
		{"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
		{"name": "reboot", "action": "SCMP_ACT_KILL_PROCESS", "comment": "never"},
		{"names": ["openat", "openat"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 1, "value": 0, "op": "SCMP_CMP_GE"}]}
	]}`

// A profile means what a container runtime takes it to mean on the same host.
func TestImportOCI(t *testing.T) {
	amd64 := seccomp.Host{Table: syscalls.AMD64}
	admin := seccomp.Host{Table: syscalls.AMD64, Caps: []string{"CAP_SYS_ADMIN"}, Kernel: [2]int{4, 7}}
	arm64 := seccomp.Host{Table: syscalls.ARM64, Kernel: [2]int{5, 0}}
	for _, test := range []struct {
		host seccomp.Host
		call string
		arg0 uint64
		want string
	}{
		{amd64, "read", 0, "allow"}, {amd64, "getpid", 0, "deny ENOSYS"}, {amd64, "reboot", 0, "kill"},
		{amd64, "socket", 37, "allow"}, {amd64, "socket", 38, "deny ENOSYS"}, {amd64, "socket", 39, "allow"},
		{amd64, "clone", 0x11, "allow"}, {amd64, "clone", 0x10000000, "deny ENOSYS"}, {amd64, "mount", 0, "deny ENOSYS"},
		{admin, "clone", 0x10000000, "allow"}, {admin, "mount", 0, "allow"},
		{amd64, "kill", 1, "allow"}, {amd64, "kill", 7, "allow"}, {amd64, "kill", 2, "deny ENOSYS"},
		{amd64, "ptrace", 0, "allow"}, {admin, "ptrace", 0, "deny ENOSYS"}, {arm64, "ptrace", 0, "allow"},
		{amd64, "arch_prctl", 0, "allow"}, {amd64, "openat", 0, "allow"},
	} {
		got, err := seccomp.ImportOCI("c.json", []byte(container), test.host)
		if err != nil {
			t.Fatal(err)
		}
		nr, _ := test.host.Table.Number(test.call)
		if action, _ := got.Policy.Decide(test.host.Table, nr, [6]uint64{test.arg0}); action.String() != test.want {
			t.Errorf("%s(%d) on %s with %v: %s, want %s", test.call, test.arg0, test.host.Table.GOARCH, test.host.Caps, action, test.want)
		}
		if diff := cmp.Diff([]string{"no_such_call"}, got.Unknown); diff != "" {
			t.Error(diff)
		}
	}
	got, _ := seccomp.ImportOCI("c.json", []byte(container), amd64)
	if len(got.Also) != 1 || got.Also[0] != syscalls.I386 {
		t.Errorf("also for %v", got.Also)
	}
}

func TestImportOCIRejects(t *testing.T) {
	for _, test := range []struct{ src, want string }{
		{"", "c.json:1:1: the profile is not complete"},
		{"{\n \"defaultAction\": 7}", "c.json:2:"},
		{"{\n\"defaultAction\": \"SCMP_ACT_ALLOW\",\n\"sycalls\": []}", `unknown field "sycalls"`},
		{"{\"defaultAction\": \"SCMP_ACT_ALLOW\",\n} ", "c.json:2:"},
		{`{"defaultAction": "SCMP_ACT_ALLOW"} x`, "c.json:1:"},
		{`{"defaultAction": "SCMP_ACT_LOG"}`, `defaultAction: "SCMP_ACT_LOG"`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "X"}]}`, `syscalls[0].action: "X"`},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["kill"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 9, "op": "SCMP_CMP_EQ"}]}]}`, "syscalls[0].args[0]: "},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["kill"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "x"}}]}`, "syscalls[0].includes.minKernel: "},
		{`{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "archMap": [{"architecture": "SCMP_ARCH_X86"}]}`, "one of them"},
		{strings.Repeat(`{"syscalls":[`, 20000), "c.json:1:"},
	} {
		_, err := seccomp.ImportOCI("c.json", []byte(test.src), seccomp.Host{Table: syscalls.AMD64})
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60s: got %v, want %q", test.src, err, test.want)
		}
	}
}

// What is exported and imported again decides every call as before.
func TestExportOCI(t *testing.T) {
	exported := 0
	for seed := range 300 {
		g := generator{Rand: rand.New(rand.NewPCG(uint64(seed), 12)), calls: someCalls}
		p := g.policy()
		if seed == 0 {
			p = policy.Strict()
		}
		if seed == 1 {
			in, err := seccomp.ImportOCI("c.json", []byte(container), seccomp.Host{Table: syscalls.AMD64})
			if err != nil {
				t.Fatal(err)
			}
			p = in.Policy
		}
		src, err := seccomp.ExportOCI(p, syscalls.AMD64)
		if err != nil {
			if seed < 2 {
				t.Errorf("%d: %v", seed, err)
			}
			continue
		}
		exported++
		q, err := seccomp.ImportOCI("again.json", src, seccomp.Host{Table: syscalls.AMD64})
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, src)
		}
		for range 300 {
			nr, args := g.nr(syscalls.AMD64), g.args(p)
			want, _ := p.Decide(syscalls.AMD64, nr, args)
			if got, _ := q.Policy.Decide(syscalls.AMD64, nr, args); got != want {
				t.Fatalf("seed %d: %s%#x: %s, want %s\n%s\n%s", seed, syscalls.AMD64.Name(nr), args, got, want, p.YAML(), src)
			}
		}
	}
	if exported < 15 {
		t.Errorf("only %d policies could be exported", exported)
	}
}

// What the format cannot say is refused, not said wrongly.
func TestExportOCIRejects(t *testing.T) {
	for _, test := range []struct{ rules, want string }{
		{"default: kill\nsyscalls: {deny: {ENOTTY: [ioctl]}, when: [{call: ioctl, args: {1: {in: [1, 2]}}, do: allow}]}", "ioctl: what its conditions leave over"},
		{"default: kill\nsyscalls: {when: [{call: kill, args: {0: {gt: 0, lt: 9}}, do: allow}]}", "kill: "},
		{"default: kill\nsyscalls: {trap: [getpid]}", "getpid: a trap"},
	} {
		p, err := policy.Parse("p.yaml", []byte("version: 1\n"+test.rules))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := seccomp.ExportOCI(p, syscalls.AMD64); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %q", err, test.want)
		}
	}
}

func FuzzImportOCI(f *testing.F) {
	f.Add([]byte(container))
	f.Fuzz(func(t *testing.T, src []byte) {
		got, err := seccomp.ImportOCI("f.json", src, seccomp.Host{Table: syscalls.AMD64})
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("not one line: %q", err)
			}
			return
		}
		if err := got.Policy.Validate(); err != nil {
			t.Error(err)
		}
	})
}
