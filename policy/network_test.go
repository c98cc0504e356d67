package policy_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

func ExampleNetPlan_Decide() {
	n := policy.Network{Rules: []policy.NetRule{{Verb: "connect", Endpoint: "tcp:*:443"}, {Verb: "connect", Endpoint: "unix:/run/db.sock"}}}
	plan := n.Plan(nil)
	for _, peer := range []string{"tcp:192.0.2.1:443", "tcp:192.0.2.1:80", "udp:192.0.2.1:443", "unix:/run/db.sock"} {
		e, _ := policy.ParseEndpoint(peer)
		action, _ := plan.Decide("connect", e)
		fmt.Println(peer, action)
	}
	// Output:
	// tcp:192.0.2.1:443 allow
	// tcp:192.0.2.1:80 kill
	// udp:192.0.2.1:443 kill
	// unix:/run/db.sock allow
}

func TestParseEndpoint(t *testing.T) {
	for _, s := range []string{"tcp:127.0.0.1:5432", "udp:[::1]:53", "tcp:*:80", "udp:*:*", "tcp:[2001:db8::1]:*", "unix:/run/db.sock", "unix:@name", "unixgram:/dev/log", "unix:/with:colon"} {
		e, problem := policy.ParseEndpoint(s)
		if problem != "" || e.String() != s {
			t.Errorf("%s is read as %s, %q", s, e, problem)
		}
	}
	if e, problem := policy.ParseEndpoint("tcp:[::ffff:192.0.2.7]:80"); problem != "" || e.Addr != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("a wrapped IPv4 address is %v, %q", e, problem)
	}
	for _, s := range []string{"", "tcp", "tcp:", "tcp:80", "tcp:localhost:80", "tcp:127.0.0.1", "tcp:127.0.0.1:0", "tcp:127.0.0.1:65536", "tcp:::1:80",
		"tcp:[127.0.0.1]:80", "tcp:[fe80::1%eth0]:80", "unix:", "unix:relative", "unix:/", "unix:@", "sctp:*:80", "unix:/a\x00b"} {
		if e, problem := policy.ParseEndpoint(s); problem == "" {
			t.Errorf("%q is read as %+v", s, e)
		}
	}
}

func FuzzParseEndpoint(f *testing.F) {
	for _, s := range []string{"tcp:127.0.0.1:5432", "udp:[::1]:53", "unix:@x", "tcp:*:*", "unixgram:/dev/log"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, problem := policy.ParseEndpoint(s)
		if problem != "" {
			return
		}
		again, problem := policy.ParseEndpoint(e.String())
		if problem != "" || again != e {
			t.Errorf("%q is %+v, which is spelled %q and read as %+v, %q", s, e, e, again, problem)
		}
	})
}

var (
	testHosts     = []string{"*", "127.0.0.1", "192.0.2.1", "[::1]", "[2001:db8::1]", "[::ffff:192.0.2.1]"}
	testPorts     = []string{"*", "1", "80", "65535"}
	testNames     = []string{"/run/a", "/run/a/b", "@a", "@a\x00"}
	testProtocols = []string{"tcp", "udp", "unix", "unixgram"}
)

func randomEndpoint(rng *rand.Rand, wild bool) string {
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	protocol := pick(testProtocols)
	if strings.HasPrefix(protocol, "unix") {
		return protocol + ":" + pick(testNames)
	}
	if wild {
		return protocol + ":" + pick(testHosts) + ":" + pick(testPorts)
	}
	return protocol + ":" + pick(testHosts[1:]) + ":" + pick(testPorts[1:])
}

// covers is the oracle: it compares texts and net.IP, where Matches compares
// numbers and netip.Addr.
func covers(rule, peer string) bool {
	rp, rrest, _ := strings.Cut(rule, ":")
	pp, prest, _ := strings.Cut(peer, ":")
	if rp != pp {
		return false
	}
	if strings.HasPrefix(rp, "unix") {
		return rrest == prest
	}
	split := func(s string) (net.IP, string) {
		i := strings.LastIndex(s, ":")
		return net.ParseIP(strings.Trim(s[:i], "[]")), s[i+1:]
	}
	rip, rport := split(rrest)
	pip, pport := split(prest)
	return (strings.HasPrefix(rrest, "*:") || rip.Equal(pip)) && (rport == "*" || rport == pport)
}

func randomNetwork(rng *rand.Rand) policy.Network {
	n := policy.Network{}
	if rng.IntN(3) > 0 {
		n.Default = policy.Action{Kind: policy.Deny, Errno: 13}
	}
	for range rng.IntN(4) {
		n.Rules = append(n.Rules, policy.NetRule{Verb: []string{"connect", "bind"}[rng.IntN(2)], Endpoint: randomEndpoint(rng, true)})
	}
	return n
}

func TestNetworkDecide(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	allowed := 0
	for range 20000 {
		n := randomNetwork(rng)
		verb, peer := []string{"connect", "bind"}[rng.IntN(2)], randomEndpoint(rng, false)
		e, problem := policy.ParseEndpoint(peer)
		if problem != "" {
			t.Fatal(problem)
		}
		want := slices.ContainsFunc(n.Rules, func(r policy.NetRule) bool { return r.Verb == verb && covers(r.Endpoint, peer) })
		action, rule := n.Plan(nil).Decide(verb, e)
		if got := action.Kind == policy.Allow; got != want || got != (rule != nil) {
			t.Fatalf("%+v: %s %s: %v by %v, want %v", n, verb, peer, action, rule, want)
		}
		if want {
			allowed++
		}
	}
	if allowed < 100 {
		t.Errorf("only %d peers were allowed", allowed)
	}
}

// existing is the oracle of which sockets there are, apart from flags.
func existing(n *policy.Network, family, typ, protocol uint64) bool {
	protocols := map[string]string{"2 1 0": "tcp", "2 1 6": "tcp", "10 1 0": "tcp", "10 1 6": "tcp",
		"2 2 0": "udp", "2 2 17": "udp", "10 2 0": "udp", "10 2 17": "udp",
		"1 1 0": "unix", "1 1 1": "unix", "1 5 0": "unix", "1 5 1": "unix", "1 2 0": "unixgram", "1 2 1": "unixgram"}
	p, ok := protocols[fmt.Sprint(family, typ, protocol)]
	return ok && slices.ContainsFunc(n.Rules, func(r policy.NetRule) bool { return strings.HasPrefix(r.Endpoint, p+":") })
}

// TestEffective proves that a call must pass both the rules on system calls
// and the network section, and that this section's rules allow what they need
// where nothing else names the call.
func TestEffective(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	table := syscalls.AMD64
	number, _ := table.Number("socket")
	named := [][]policy.Rule{nil, {{Call: "socket", Do: policy.Action{Kind: policy.Allow}}}, {{Call: "socket", Do: policy.Action{Kind: policy.Deny, Errno: 1}}},
		{{Call: "socket", When: []policy.Cond{{Arg: 0, Values: []uint64{2}}}, Do: policy.Action{Kind: policy.Deny, Errno: 2}}}}
	seen := map[policy.Action]int{}
	judge := policy.Judge()
	for i := range 20000 {
		n := randomNetwork(rng)
		explicit := named[rng.IntN(len(named))]
		p := &policy.Policy{Name: "p", Default: judge.Default, Rules: slices.Concat(explicit, judge.Rules), Network: n}
		family, typ, protocol := []uint64{1, 2, 10, 16, 17}[rng.IntN(5)], []uint64{1, 2, 3, 5}[rng.IntN(4)], []uint64{0, 1, 6, 17, 132, 262}[rng.IntN(6)]
		flags := []uint64{0, 0o4000, 0o2000000, 0o2004000}[rng.IntN(4)]
		args := [6]uint64{family | rng.Uint64()<<32, typ | flags, protocol}

		var want policy.Action
		action, rule := p.Decide(table, number, args)
		switch {
		case n.Decides() && !existing(&n, family, typ, protocol):
			want = n.Default.OrKill()
		case rule != nil && rule.Call == "socket" || !n.Decides():
			want = action
		case len(n.Rules) > 0:
			want = policy.Action{Kind: policy.Allow}
		default:
			want = action
		}
		eff := p.Effective()
		if i%200 == 0 {
			if err := eff.Validate(); err != nil {
				t.Fatalf("%+v: %v", n, err)
			}
		}
		if got, _ := eff.Decide(table, number, args); got != want {
			t.Fatalf("%+v with %+v: socket(%d, %#o, %d): %v, want %v", n, explicit, family, args[1], protocol, got, want)
		}
		seen[want]++
	}
	if len(seen) < 5 {
		t.Errorf("too few kinds of answers: %v", seen)
	}
}

func network(def policy.Action, rules ...string) *policy.Network {
	n := &policy.Network{Default: def}
	for _, r := range rules {
		verb, endpoint, _ := strings.Cut(r, " ")
		n.Rules = append(n.Rules, policy.NetRule{Verb: verb, Endpoint: endpoint})
	}
	return n
}

func TestNetPlanDecided(t *testing.T) {
	sends := []string{"sendto", "sendmsg", "sendmmsg"}
	for _, c := range []struct {
		rules []string
		want  []string
		alone bool // no supervisor is needed where Landlock knows ports
	}{
		{rules: nil, alone: true},
		{rules: []string{"connect tcp:*:*"}, alone: true},
		{rules: []string{"connect tcp:*:80"}, want: []string{"connect"}, alone: true},
		{rules: []string{"connect tcp:*:80", "connect tcp:192.0.2.1:81"}, want: []string{"connect"}},
		{rules: []string{"connect tcp:*:80", "connect udp:*:*"}, want: []string{"connect"}, alone: true},
		{rules: []string{"connect tcp:*:80", "connect unix:@a"}, want: []string{"connect"}},
		{rules: []string{"connect udp:*:*"}, alone: true},
		{rules: []string{"connect udp:*:53"}, want: append([]string{"connect"}, sends...)},
		{rules: []string{"connect unix:/a"}, want: []string{"connect"}},
		{rules: []string{"connect unixgram:/a"}, want: append([]string{"connect"}, sends...)},
		{rules: []string{"bind tcp:*:*"}, alone: true},
		{rules: []string{"bind tcp:*:80"}, want: []string{"bind", "listen"}},
		{rules: []string{"bind unix:/a"}, want: []string{"bind"}},
		{rules: []string{"bind udp:*:*"}, want: sends},
		{rules: []string{"bind tcp:*:*", "connect udp:*:*"}, want: []string{"connect", "bind"}},
	} {
		plan := network(policy.Action{}, c.rules...).Plan(nil)
		if diff := cmp.Diff(c.want, plan.Decided()); diff != "" {
			t.Errorf("%v: %s", c.rules, diff)
		}
		if why := plan.NeedsSupervisor(true); (why == "") != c.alone {
			t.Errorf("%v: NeedsSupervisor = %q", c.rules, why)
		}
		if why := plan.NeedsSupervisor(false); (why == "") != (c.want == nil) {
			t.Errorf("%v: NeedsSupervisor without Landlock = %q", c.rules, why)
		}
	}
}
