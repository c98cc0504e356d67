package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

func ExampleParse() {
	_, err := policy.Parse("mine.yaml", []byte(`version: 1
extends: [judge]
syscalls:
  allow: [opennat]
`))
	fmt.Println(err)
	// Output: mine.yaml:4:11: unknown system call "opennat" (did you mean "openat"?)
}

func ExamplePolicy_Decide() {
	p := policy.Judge()
	table := syscalls.AMD64
	socket, _ := table.Number("socket")
	action, rule := p.Decide(table, socket, [6]uint64{})
	fmt.Println(action, rule.Call)
	// Output: kill @network
}

// Each mistake is reported with its place and, where there is one, with what
// was meant.
func TestParseErrors(t *testing.T) {
	const head = "version: 1\n"
	tests := []struct{ name, src, want string }{
		{"empty", "", "f:1:1: there is no version"},
		{"no version", "default: kill\n", "f:1:1: there is no version"},
		{"version", "version: 2\n", "f:1:10: this version of Belljar reads policies of version 1"},
		{"key", head + "sycsalls: {}\n", `f:2:1: unknown key "sycsalls" (did you mean "syscalls"?)`},
		{"inner key", head + "files:\n  raed: []\n", `f:3:3: unknown key "raed" (did you mean "read"?)`},
		{"call", head + "syscalls: {allow: [reed]}\n", `f:2:20: unknown system call "reed" (did you mean "read"?)`},
		{"call's case", head + "syscalls: {allow: [OPENAT]}\n", `did you mean "openat"?`},
		{"far call", head + "syscalls: {allow: [frobnicate]}\n", `f:2:20: unknown system call "frobnicate"`},
		{"group", head + `syscalls: {kill: ["@mounts"]}`, `f:2:19: unknown group "@mounts" (did you mean "@mount"?)`},
		{"forgotten at", head + `syscalls: {kill: [keyring]}`, `did you mean "@keyring"?`},
		{"preset", head + "extends: [juge]\n", `f:2:11: unknown preset "juge" (did you mean "judge"?)`},
		{"preset twice", head + "extends: [judge, judge]\n", `f:2:18: preset "judge" is extended twice`},
		{"action", head + "default: kil\n", `f:2:10: unknown action "kil" (did you mean "kill"?)`},
		{"action's kind", head + "default: [kill]\n", "f:2:10: default is an action, not a list (write allow"},
		{"errno", head + "default: {deny: ENOSYZ}\n", `f:2:17: unknown errno "ENOSYZ" (did you mean "ENOSYS"?)`},
		{"errno 0", head + "default: {deny: 0}\n", "f:2:17: deny needs an errno from 1 to 4095, not 0"},
		{"deny's list", head + "syscalls: {deny: [read]}\n", "deny is a map, not a list (write the errno first"},
		{"scalar map", head + "syscalls: read\n", "f:2:11: syscalls is a map, not a single value"},
		{"name twice", head + "syscalls:\n  allow: [read]\n  kill: [read]\n", "f:4:10: read is there twice, the other is at f:3"},
		{"group twice", head + "syscalls: {allow: [\"@time\", \"@time\"]}\n", "@time is there twice"},
		{"key twice", head + "default: kill\ndefault: allow\n", "f:3:1: "},
		{"groups differ", head + "syscalls:\n  allow: [\"@signal\"]\n  kill: [\"@event\"]\n",
			"f:4:10: signalfd is in @signal (allow) and in @event (kill) (name signalfd itself to settle it)"},
		{"argument", head + "syscalls: {when: [{call: read, args: {6: {eq: 1}}, do: kill}]}\n", `f:2:39: argument "6": a call has arguments 0 to 5`},
		{"too few arguments", head + "syscalls: {when: [{call: read, args: {3: {eq: 1}}, do: kill}]}\n", "read takes 3 arguments"},
		{"pointer", head + "syscalls: {when: [{call: read, args: {1: {eq: 1}}, do: kill}]}\n", "it is an address (ptr)"},
		{"constant", head + "syscalls: {when: [{call: socket, args: {0: {eq: AF_UNIXX}}, do: kill}]}\n", `f:2:49: unknown constant "AF_UNIXX" (did you mean "AF_UNIX"?)`},
		{"varying constant", head + "syscalls: {when: [{call: openat, args: {2: {eq: O_DIRECTORY}}, do: kill}]}\n", "different value on each architecture"},
		{"number", head + "syscalls: {when: [{call: read, args: {0: {eq: 12x}}, do: kill}]}\n", `"12x" is not a number of 64 bits`},
		{"mask alone", head + "syscalls: {when: [{call: read, args: {0: {mask: 1}}, do: kill}]}\n", "mask and is belong together"},
		{"mask never", head + "syscalls: {when: [{call: read, args: {2: {mask: 1, is: 2}}, do: kill}]}\n", "never true"},
		{"lt 0", head + "syscalls: {when: [{call: read, args: {0: {lt: 0}}, do: kill}]}\n", "never true of an unsigned"},
		{"ge 0", head + "syscalls: {when: [{call: read, args: {0: {ge: 0}}, do: kill}]}\n", "always true of an unsigned"},
		{"too wide", head + "syscalls: {when: [{call: read, args: {0: {eq: 0x100000000}}, do: kill}]}\n", "does not fit, the kernel looks at 32 bits"},
		{"contradiction", head + "syscalls: {when: [{call: read, args: {0: {gt: 5, lt: 6}}, do: kill}]}\n", "exclude each other"},
		{"mask contradiction", head + "syscalls: {when: [{call: read, args: {2: {mask: 3, is: 1, eq: 2}}, do: kill}]}\n", "exclude each other"},
		{"no comparison", head + "syscalls: {when: [{call: read, args: {0: {}}, do: kill}]}\n", "compared with nothing"},
		{"plain value", head + "syscalls: {when: [{call: read, args: {0: 1}, do: kill}]}\n", "compared by a map, not a single value (write {eq"},
		{"no do", head + "syscalls: {when: [{call: read, args: {0: {eq: 1}}}]}\n", "has no do"},
		{"no args", head + "syscalls: {when: [{call: read, do: kill}]}\n", "has no args"},
		{"conditions on a group", head + "syscalls: {when: [{call: \"@time\", args: {0: {eq: 1}}, do: kill}]}\n", "conditions need one call"},
		{"condition twice", head + "syscalls:\n  when:\n    - {call: read, args: {0: {eq: 1}}, do: kill}\n    - {call: read, args: {0: {eq: 1}}, do: allow}\n", "f:5:7: read: the same conditions are there twice, the other is at f:4"},
		{"count of a group", head + "syscalls: {count: {\"@time\": 1}}\n", "a count is of one call"},
		{"count of nothing", head + "syscalls: {count: {read: many}}\n", "how many calls is a number"},
		{"file twice", head + "files: {read: [/a, /a]}\n", `"/a" is there twice`},
		{"file spelled twice", head + "files: {read: [a, ./a/]}\n", `"./a/" is there twice`},
		{"file contradicts", head + "files:\n  write: [/a]\n  deny: {EACCES: [/a]}\n", `f:4:19: files: "/a" is both granted and refused, the other is at f:3`},
		{"pattern", head + "files: {read: [/a**]}\n", `f:2:16: files: pattern "/a**": "**" must be a whole component`},
		{"dot dot", head + "files: {read: [../a]}\n", `".." is not resolved`},
		{"files trap", head + "files: {default: trap}\n", "not trapped"},
		{"endpoint", head + "network: {connect: [\"tcp:localhost:80\"]}\n", `f:2:21: connect "tcp:localhost:80": the address is an IPv4`},
		{"alias", head + "files: {read: &x [/a], write: *x}\n", "policies have no use for YAML's Anchor"},
		{"two documents", head + "---\nversion: 1\n", "one document"},
		{"not YAML", head + "a: [\n", "not YAML"},
		{"group without quotes", head + "syscalls: {allow: [@basic-io]}\n", "needs quotes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := policy.Parse("f", []byte(test.src))
			var pe *policy.Error
			if !errors.As(err, &pe) {
				t.Fatalf("got %v, want a *policy.Error", err)
			}
			if !strings.Contains(pe.Error(), test.want) {
				t.Errorf("got  %s\nwant %s", pe, test.want)
			}
			if pe.Pos.Line == 0 || pe.Pos.Col == 0 {
				t.Errorf("no position in %+v", pe)
			}
		})
	}
}

// What the design's example says, as data.
func TestParseExample(t *testing.T) {
	p, err := policy.Parse("f", []byte(`version: 1
default: {deny: ENOSYS}
syscalls:
  allow: ["@reboot", read]
  deny: {EPERM: [write]}
  when:
    - {call: socket, args: {0: {in: [AF_UNIX, 0x10]}}, do: allow}
    - {call: mprotect, args: {2: {mask: PROT_EXEC|PROT_WRITE, is: 0}}, do: deny}
    - {call: openat, args: {0: {eq: -100}, 2: [{ne: 1}, {ne: 2}]}, do: trap}
  count: {socket: 5, read: {max: 7, do: {deny: EAGAIN}}}
files:
  read: ["/a"]
  exec: "/b"
  deny: {EACCES: ["/c"]}
  default: kill
network:
  connect: ["tcp:127.0.0.1:5432", "unix:/run/db.sock", "udp:[::1]:53"]
`))
	if err != nil {
		t.Fatal(err)
	}
	at := func(line, col int) policy.Pos { return policy.Pos{File: "f", Line: line, Col: col} }
	allow, kill := policy.Action{Kind: policy.Allow}, policy.Action{Kind: policy.Kill}
	want := &policy.Policy{
		Name:    "f",
		Default: policy.Action{Kind: policy.Deny, Errno: 38},
		Rules: []policy.Rule{
			{Call: "socket", Do: allow, Pos: at(7, 7), When: []policy.Cond{{Op: policy.In, Values: []uint64{1, 16}}}},
			{Call: "mprotect", Do: policy.Action{Kind: policy.Deny, Errno: 1}, Pos: at(8, 7),
				When: []policy.Cond{{Arg: 2, Op: policy.Mask, Mask: 6, Values: []uint64{0}}}},
			{Call: "openat", Do: policy.Action{Kind: policy.Trap}, Pos: at(9, 7), When: []policy.Cond{
				{Op: policy.Eq, Values: []uint64{1<<64 - 100}},
				{Arg: 2, Op: policy.Ne, Values: []uint64{1}}, {Arg: 2, Op: policy.Ne, Values: []uint64{2}}}},
			{Call: "read", Do: allow, Pos: at(4, 22)},
			{Call: "write", Do: policy.Action{Kind: policy.Deny, Errno: 1}, Pos: at(5, 18)},
			{Call: "@reboot", Do: allow, Pos: at(4, 11)},
		},
		Counts: []policy.Count{
			{Call: "socket", Max: 5, Pos: at(10, 11)},
			{Call: "read", Max: 7, Do: policy.Action{Kind: policy.Deny, Errno: 11}, Pos: at(10, 22)},
		},
		Files: policy.Files{
			Rules: []policy.FileRule{
				{Pattern: "/a", Grant: policy.Read, Pos: at(12, 10)},
				{Pattern: "/b", Grant: policy.Exec, Pos: at(13, 9)},
				{Pattern: "/c", Do: policy.Action{Kind: policy.Deny, Errno: 13}, Pos: at(14, 19)},
			},
			Default: kill, Pos: at(15, 12),
		},
		Network: policy.Network{Rules: []policy.NetRule{
			{Verb: "connect", Endpoint: "tcp:127.0.0.1:5432", Pos: at(17, 13)},
			{Verb: "connect", Endpoint: "unix:/run/db.sock", Pos: at(17, 35)},
			{Verb: "connect", Endpoint: "udp:[::1]:53", Pos: at(17, 56)},
		}},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
}

func call(t *testing.T, name string) int {
	t.Helper()
	nr, ok := syscalls.AMD64.Number(name)
	if !ok {
		t.Fatalf("no call %s", name)
	}
	return nr
}

// Own conditions come before own names, before own groups, before the same of
// what is extended, the last of them first.
func TestExtend(t *testing.T) {
	p, err := policy.Parse("f", []byte(`version: 1
extends: [observe, judge]
syscalls:
  allow: ["@keyring"]
  kill: [keyctl]
  when:
    - {call: keyctl, args: {0: {eq: 1}}, do: {deny: EPERM}}
files:
  kill: ["/proc/cpuinfo"]
`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		call string
		arg0 uint64
		want string
	}{
		{"keyctl", 1, "deny EPERM"},             // own condition
		{"keyctl", 2, "kill"},                   // own name
		{"add_key", 0, "allow"},                 // own group
		{"socket", 0, "kill"},                   // judge
		{"reboot", 0, "kill"},                   // both
		{"landlock_add_rule", 0, "deny ENOSYS"}, // judge's default, the last one's
	}
	for _, test := range tests {
		if got, _ := p.Decide(syscalls.AMD64, call(t, test.call), [6]uint64{test.arg0}); got.String() != test.want {
			t.Errorf("%s(%d): got %s, want %s", test.call, test.arg0, got, test.want)
		}
	}
	set, err := p.Files.Compile("/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, rule := set.Decide("/proc/cpuinfo", policy.Read); got.Kind != policy.Kill || rule.Pos.String() != "f:9" {
		t.Errorf("an own rule does not replace the inherited one of the same pattern: %s, %+v", got, rule)
	}
}

// An int argument is compared as the kernel sees it, however its register is
// filled above; a long one in full.
func TestDecideWidth(t *testing.T) {
	p, err := policy.Parse("f", []byte(`version: 1
default: kill
syscalls:
  when:
    - {call: openat, args: {0: {eq: AT_FDCWD}}, do: allow}
    - {call: ioctl, args: {1: {eq: TIOCSTI}}, do: {deny: EPERM}}
    - {call: chmod, args: {1: {mask: 0xfe00, is: 0}}, do: allow}
    - {call: lseek, args: {1: {lt: 10}}, do: allow}
  allow: [ioctl]
`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		call string
		args [6]uint64
		want string
	}{
		{"sign-extended", "openat", [6]uint64{1<<64 - 100}, "allow"},
		{"zero-extended", "openat", [6]uint64{1<<32 - 100}, "allow"},
		{"another", "openat", [6]uint64{1<<32 - 101}, "kill"},
		{"plain", "ioctl", [6]uint64{0, 0x5412}, "deny EPERM"},
		{"a high half evades nothing", "ioctl", [6]uint64{0, 0xdead00005412}, "deny EPERM"},
		{"16 bits", "chmod", [6]uint64{0, 0xf00001a4}, "allow"},
		{"set-user-id", "chmod", [6]uint64{0, 0x100_0000_0800}, "kill"},
		{"64 bits count", "lseek", [6]uint64{0, 1<<32 + 1}, "kill"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got, _ := p.Decide(syscalls.AMD64, call(t, test.call), test.args); got.String() != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestValidateRejectsGoPolicies(t *testing.T) {
	allow := policy.Action{Kind: policy.Allow}
	tests := map[string]policy.Policy{
		"unknown call":     {Rules: []policy.Rule{{Call: "opne", Do: allow}}},
		"unknown op":       {Rules: []policy.Rule{{Call: "read", Do: allow, When: []policy.Cond{{Op: 99, Values: []uint64{1}}}}}},
		"argument 6":       {Rules: []policy.Rule{{Call: "read", Do: allow, When: []policy.Cond{{Arg: 6, Values: []uint64{1}}}}}},
		"argument -1":      {Rules: []policy.Rule{{Call: "read", Do: allow, When: []policy.Cond{{Arg: -1, Values: []uint64{1}}}}}},
		"no value":         {Rules: []policy.Rule{{Call: "read", Do: allow, When: []policy.Cond{{}}}}},
		"errno of allow":   {Default: policy.Action{Kind: policy.Allow, Errno: 1}},
		"errno too high":   {Default: policy.Action{Kind: policy.Deny, Errno: 4096}},
		"unknown kind":     {Default: policy.Action{Kind: 77}},
		"count of nothing": {Counts: []policy.Count{{Call: "nothing"}}},
		"network verb":     {Network: policy.Network{Rules: []policy.NetRule{{Verb: "listen", Endpoint: "tcp:*:*"}}}},
	}
	for name, p := range tests {
		t.Run(name, func(t *testing.T) {
			var pe *policy.Error
			if err := p.Validate(); !errors.As(err, &pe) {
				t.Errorf("got %v, want a *policy.Error", err)
			}
		})
	}
	if err := (&policy.Policy{}).Validate(); err != nil {
		t.Errorf("the zero policy, which kills everything, is not valid: %v", err)
	}
}
