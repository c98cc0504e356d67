package belljar

import (
	"errors"
	"strings"
	"testing"

	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/landlock"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/unshare"
)

// TestNetworkLayer proves who is said to keep network rules, which supervisor
// they take, and that an empty network is pointed out.
func TestNetworkLayer(t *testing.T) {
	if _, err := unshare.Available(); err != nil {
		t.Skip("without namespaces no program has a network of its own")
	}
	ports := kernel.LandlockABI() >= landlock.PortABI
	const empty, byLandlock = "--host-network", "Landlock"
	for _, c := range []struct {
		rule       string
		supervisor Supervisor
		host       bool
		skip       bool
		want       Supervisor // "" is an error
		why        []string
	}{
		{rule: "tcp:*:80", want: NoOne, why: []string{empty, byLandlock}, skip: !ports},
		{rule: "tcp:*:80", host: true, want: NoOne, why: []string{byLandlock}, skip: !ports},
		{rule: "tcp:*:*", host: true, want: NoOne},
		{rule: "tcp:192.0.2.1:80", want: Ptrace, why: []string{empty}},
		{rule: "tcp:192.0.2.1:80", supervisor: NoOne},
		{rule: "udp:*:53", host: true, want: Ptrace},
		{rule: "unix:@x", want: Ptrace},
		{rule: "unix:@x", supervisor: NoOne},
	} {
		if c.skip {
			continue
		}
		p := &policy.Policy{Default: policy.Action{Kind: policy.Allow}, Network: policy.Network{Rules: []policy.NetRule{{Verb: "connect", Endpoint: c.rule}}}}
		plan, err := NewRunner(Options{Policy: p, Supervisor: c.supervisor, Unshare: On, HostNetwork: c.host}).plan(Command{Args: []string{"/bin/true"}}, unshare.Available)
		if c.want == "" {
			if !errors.Is(err, ErrNotSupported) {
				t.Errorf("%s without a supervisor: %v", c.rule, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.rule, err)
			continue
		}
		l := plan.networkLayer()
		for _, word := range []string{empty, byLandlock} {
			wanted := false
			for _, w := range c.why {
				wanted = wanted || w == word
			}
			if strings.Contains(l.Why, word) != wanted {
				t.Errorf("%s, host's network %v: %q", c.rule, c.host, l.Why)
			}
		}
		if plan.supervisor != c.want || l.State != LayerOn {
			t.Errorf("%s: supervisor %s, want %s; %+v", c.rule, plan.supervisor, c.want, l)
		}
	}
}
