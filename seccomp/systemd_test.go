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

const analyzed = `@default
    # System calls that are always permitted
    exit
    execve
    made_up

@io
    # Some
    read
    write
@both
    @io
    @default

# Ungrouped System Calls
    bpf
`

// Sets that hold each other are read once.
func TestSystemdSetsInACircle(t *testing.T) {
	sets := seccomp.SystemdSets{"@default": {"@a", "exit", "@a"}, "@a": {"@default", "read"}}
	in, err := seccomp.ImportSystemd("x.service", []byte("SystemCallFilter=write"), sets)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(in.Policy.Rules); n != 3 {
		t.Errorf("%d calls, want exit, read and write", n)
	}
}

// Lists mean what systemd.exec(5) says.
func TestImportSystemd(t *testing.T) {
	sets, err := seccomp.ReadSystemdSets([]byte(analyzed))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		unit string
		want map[string]string
	}{
		{"SystemCallFilter=@io", map[string]string{"read": "allow", "exit": "allow", "mount": "kill"}},
		{"[Service]\nSystemCallFilter = read\nSystemCallErrorNumber=EPERM\n", map[string]string{"read": "allow", "write": "deny EPERM"}},
		{"SystemCallFilter=@both mount:EACCES\nSystemCallFilter=~write", map[string]string{
			"read": "allow", "write": "kill", "mount": "deny EACCES"}},
		{"SystemCallFilter=~@io:38 mount", map[string]string{"read": "deny ENOSYS", "mount": "kill", "getpid": "allow"}},
		{"SystemCallFilter=~@io\nSystemCallFilter=read", map[string]string{"read": "allow", "write": "kill"}},
		{"SystemCallFilter=read\nSystemCallFilter=\nSystemCallFilter=~mount", map[string]string{"read": "allow", "mount": "kill", "bpf": "allow"}},
		{"# SystemCallFilter=x\nSystemCallFilter=~read:kill\nSystemCallErrorNumber=1", map[string]string{"read": "kill", "write": "allow"}},
	} {
		in, err := seccomp.ImportSystemd("x.service", []byte(test.unit), sets)
		if err != nil {
			t.Errorf("%s: %v", test.unit, err)
			continue
		}
		got := map[string]string{}
		for call := range test.want {
			nr, _ := syscalls.AMD64.Number(call)
			action, _ := in.Policy.Decide(syscalls.AMD64, nr, [6]uint64{})
			got[call] = action.String()
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.unit, diff)
		}
	}
}

func TestImportSystemdRejects(t *testing.T) {
	sets, _ := seccomp.ReadSystemdSets([]byte(analyzed))
	for _, test := range []struct {
		unit, want string
		sets       seccomp.SystemdSets
	}{
		{"[Unit]\n\nSystemCallFilter=@nothing", "x.service:3: no set @nothing", sets},
		{"SystemCallFilter=read:EWHAT", `x.service:1: "EWHAT": neither kill nor an errno`, sets},
		{"SystemCallErrorNumber=5000", "x.service:1: ", sets},
		{"[Service]\n", "there is no SystemCallFilter=", sets},
		{"SystemCallFilter=read", "x.service:1: no set @default", nil},
	} {
		if _, err := seccomp.ImportSystemd("x.service", []byte(test.unit), test.sets); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.unit, err, test.want)
		}
	}
	if _, err := seccomp.ReadSystemdSets([]byte("hello\n")); err == nil {
		t.Error("any text is read as sets")
	}
}

func FuzzImportSystemd(f *testing.F) {
	f.Add([]byte("SystemCallFilter=~@io:38 mount\nSystemCallErrorNumber=EPERM"), []byte(analyzed))
	f.Fuzz(func(t *testing.T, src, sets []byte) {
		read, err := seccomp.ReadSystemdSets(sets)
		if err != nil {
			return
		}
		in, err := seccomp.ImportSystemd("f.service", src, read)
		if err == nil && in.Policy.Validate() != nil {
			t.Error("an invalid policy")
		}
	})
}

// Random lists, exported and imported again, decide every call as before.
func TestSystemdRoundTrip(t *testing.T) {
	sets, err := seccomp.ReadSystemdSets([]byte(analyzed))
	if err != nil {
		t.Fatal(err)
	}
	names := syscalls.Names()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 11))
		allow, deny := policy.Action{Kind: policy.Allow}, policy.Action{Kind: policy.Deny, Errno: uint16(1 + r.IntN(40))}
		p := &policy.Policy{Default: policy.Action{Kind: policy.Kill}, Rules: []policy.Rule{{Call: "execve", Do: allow}}}
		usual := []policy.Action{allow}
		if r.IntN(2) == 0 {
			p.Default = deny
		}
		if r.IntN(2) == 0 {
			p, usual = &policy.Policy{Default: allow}, []policy.Action{deny, {Kind: policy.Kill}, {Kind: policy.Deny, Errno: 4000}}
		}
		for range 1 + r.IntN(50) {
			p.Rules = append(p.Rules, policy.Rule{Call: names[r.IntN(len(names))], Do: usual[r.IntN(len(usual))]})
		}
		unit, err := seccomp.ExportSystemd(p, sets, syscalls.AMD64, syscalls.I386)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		again, err := seccomp.ImportSystemd("x.service", unit, sets)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, unit)
		}
		for nr, name := range syscalls.AMD64.Calls() {
			want, _ := p.Decide(syscalls.AMD64, nr, [6]uint64{})
			if got, _ := again.Policy.Decide(syscalls.AMD64, nr, [6]uint64{}); got != want {
				t.Fatalf("seed %d: %s: %s, was %s\n%s", seed, name, got, want, unit)
			}
		}
	}
}

// What systemd's lists cannot say is an error that names the call.
func TestExportSystemdRejects(t *testing.T) {
	sets, _ := seccomp.ReadSystemdSets([]byte(analyzed))
	for _, test := range []struct{ source, want string }{
		{"default: kill\nsyscalls: {allow: [execve], when: [{call: ioctl, args: {1: {eq: 1}}, do: allow}]}", "ioctl: it depends on arguments"},
		{"default: kill\nsyscalls: {allow: [execve], deny: {ENOSYS: [clone3]}}", "clone3: deny ENOSYS, but"},
		{"default: kill\nsyscalls: {allow: [read]}", "execve: "},
		{"default: allow\nsyscalls: {trap: [read]}", "read: a trap"},
		{"default: trap", "default: a trap"},
		{"default: allow", "every call is allowed"},
	} {
		p, err := policy.Parse("x.yaml", []byte("version: 1\n"+test.source))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := seccomp.ExportSystemd(p, sets, syscalls.AMD64); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", test.source, err, test.want)
		}
	}
}
