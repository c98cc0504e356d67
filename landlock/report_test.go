package landlock

import (
	"fmt"
	"strings"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// TestReport proves that what is not enforced is said, and why.
func TestReport(t *testing.T) {
	const rules = "files:\n  read: [\"/usr/**\"]\n  default: {deny: EACCES}\n"
	tests := []struct {
		name, policy string
		abi          int
		options      Options
		state, why   string
	}{
		{"all", rules, MaxABI, Options{}, On, ""},
		{"a newer kernel", rules, MaxABI + 5, Options{}, On, ""},
		{"no Landlock", rules, 0, Options{}, Off, "5.13"},
		{"old", rules, 2, Options{}, Partial, "ABI 3 (Linux 6.2) is needed for TRUNCATE"},
		{"no TCP", rules + "network:\n  default: kill", 3, Options{}, Partial, "ABI 4 (Linux 6.7) is needed for BIND_TCP and CONNECT_TCP"},
		{"moves", "files:\n  write: [\"./**\"]\n  default: kill", 1, Options{Dir: "/w"}, Off, "ABI 2 (Linux 5.19)"},
		{"no file rules", "", MaxABI, Options{}, On, "no file rules"},
		{"nothing to do", "", 3, Options{OutsideSignals: true, OutsideSockets: true}, Off, "nothing to forbid"},
		{"all paths allowed", "files:\n  kill: [\"/etc/shadow\"]\n  default: allow", MaxABI, Options{}, On, "allows files that no rule names"},
		{"wildcard in front", "files:\n  read: [\"/**/secret\"]\n  default: kill", MaxABI, Options{}, Partial, `read of any path, since "/**/secret" begins with a wildcard`},
		{"everything on purpose", "files:\n  read: [\"/**\"]\n  default: kill", MaxABI, Options{}, On, ""},
		{"mounts", "syscalls:\n  allow: [mount]\n" + rules, MaxABI, Options{}, Partial, "the policy allows mounts"},
	}
	for _, tt := range tests {
		state, why := For(parse(t, tt.policy), tt.abi, tt.options).Report()
		if state != tt.state || !strings.Contains(why, tt.why) || tt.why == "" && why != "" {
			t.Errorf("%s: %s %q, want %s %q", tt.name, state, why, tt.state, tt.why)
		}
	}
}

// TestManyPlaces proves that a policy with more places than a launch can add says
// that Landlock does not keep them, and that one with as many as it can has all.
func TestManyPlaces(t *testing.T) {
	for _, n := range []int{maxPlaces, maxPlaces + 1} {
		p := &policy.Policy{Files: policy.Files{Default: policy.Action{Kind: policy.Kill}}}
		for i := range n {
			p.Files.Rules = append(p.Files.Rules, policy.FileRule{Pattern: fmt.Sprintf("/data/%d", i), Grant: policy.Read})
		}
		r := For(p, MaxABI, Options{})
		state, why := r.Report()
		if n <= maxPlaces && (state != On || len(r.Paths) != n) || n > maxPlaces && (state != Partial || r.Handled[FS] != 0) {
			t.Errorf("%d places: %s %q, %d rules", n, state, why, len(r.Paths))
		}
	}
}

// TestHandler proves that what a handler may allow is not forbidden beneath it.
func TestHandler(t *testing.T) {
	p := parse(t, "files:\n  default: kill\nnetwork:\n  default: kill\n")
	p.Rules = append(p.Rules, policy.Rule{Call: "openat", Do: policy.Action{Kind: policy.Trap}}, policy.Rule{Call: "connect", Do: policy.Action{Kind: policy.Trap}})
	for handler, want := range map[bool]struct{ fs, net Rights }{
		false: {Known(FS, MaxABI), BindTCP | ConnectTCP},
		true:  {0, BindTCP},
	} {
		r := For(p, MaxABI, Options{Handler: handler})
		if r.Handled[FS] != want.fs || r.Handled[Net] != want.net {
			t.Errorf("handler %v: files %s, TCP %s", handler, names(FS, r.Handled[FS]), names(Net, r.Handled[Net]))
		}
	}
}

// TestNames proves that the calls this package asks about exist.
func TestNames(t *testing.T) {
	for _, list := range [][]string{fileCalls, moveCalls, linkCalls, mountCalls, {ring, "socket", "bind", "connect"}} {
		for _, call := range list {
			_, here := syscalls.AMD64.Number(call)
			_, there := syscalls.I386.Number(call)
			if !here && !there {
				t.Errorf("no call is named %q", call)
			}
		}
	}
}
