package policy

import "slices"

// Numbers of socket(2), the same on every architecture of Belljar's.
const (
	afUnix  = 1
	afInet  = 2
	afInet6 = 10

	sockStream    = 1
	sockDgram     = 2
	sockSeqpacket = 5

	sockNonblock = 0o4000
	sockCloexec  = 0o2000000

	msgFastopen = 0x20000000

	eopnotsupp = 95

	ipprotoIP   = 0
	ipprotoIPv6 = 41

	ipOptions          = 4
	ipv62292Rthdr      = 5
	ipv62292Pktoptions = 6
	ipv6Rthdr          = 57
)

// socketKind is one form of socket(2) that a protocol's sockets are made with.
type socketKind struct {
	protocol    string
	family, typ uint64
	number      uint64 // of the protocol, which 0 stands for as well
}

// socketKinds has neither SCTP nor MPTCP nor raw sockets: what is no row does
// not exist under a network section. SOCK_RAW of AF_UNIX is SOCK_DGRAM in
// disguise. An IPv6 socket also reaches IPv4 addresses.
var socketKinds = []socketKind{
	{TCP, afInet, sockStream, 6},
	{TCP, afInet6, sockStream, 6},
	{UDP, afInet, sockDgram, 17},
	{UDP, afInet6, sockDgram, 17},
	{Unix, afUnix, sockStream, 1},
	{Unix, afUnix, sockSeqpacket, 1},
	{Unixgram, afUnix, sockDgram, 1},
}

// usesOfSockets are the calls that a program with any socket makes.
var usesOfSockets = []string{"socket", "getsockname", "getpeername", "getsockopt", "setsockopt", "shutdown",
	"sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg"}

// Effective returns the policy with its network section spelled out as rules
// on system calls, as far as numbers in registers go; NetPlan decides the rest.
// Rules that name a call itself hold as before, and the section on top of
// them. Where the section has rules, the calls that these need are allowed
// whatever groups and the default say of them: who lists an endpoint means
// that it can be reached.
func (p *Policy) Effective() *Policy {
	n := &p.Network
	if !n.Decides() {
		return p
	}
	q := *p
	plan := n.Plan(nil)
	q.Rules = slices.Concat(plan.refusals(), p.granted(plan), p.Rules)
	return &q
}

// granted returns, for each call that the rules need, the rules of p that name
// it, and then that it is allowed.
func (p *Policy) granted(plan *NetPlan) []Rule {
	if len(plan.rules) == 0 {
		return nil
	}
	calls := slices.Clone(usesOfSockets)
	if plan.Has("connect") {
		calls = append(calls, "connect")
	}
	if plan.Has("bind") {
		calls = append(calls, "bind")
	}
	if plan.listens() {
		calls = append(calls, "listen", "accept", "accept4")
	}
	var rules []Rule
	for _, call := range calls {
		for _, r := range p.Rules {
			if r.Call == call {
				rules = append(rules, r)
			}
		}
		rules = append(rules, Rule{Call: call, Do: Action{Kind: Allow}, Pos: plan.rules[0].rule.Pos})
	}
	return rules
}

// refusals are the rules that keep sockets and calls from existing.
func (p *NetPlan) refusals() []Rule {
	refuse := func(call string, when ...Cond) Rule {
		return Rule{Call: call, When: when, Do: p.Refusal, Pos: p.Pos}
	}
	var families []uint64
	kinds := map[uint64][]socketKind{}
	for _, k := range socketKinds {
		if p.Exists(k.protocol) {
			if kinds[k.family] == nil {
				families = append(families, k.family)
			}
			kinds[k.family] = append(kinds[k.family], k)
		}
	}
	rules := []Rule{refuse("socket", noneOf(0, families...)...)}
	for _, f := range families {
		family := Cond{Arg: 0, Op: Eq, Values: []uint64{f}}
		var types []uint64
		for _, k := range kinds[f] {
			all := withFlags(k.typ)
			types = append(types, all...)
			rules = append(rules, refuse("socket", append([]Cond{family, {Arg: 1, Op: In, Values: all}}, noneOf(2, 0, k.number)...)...))
		}
		rules = append(rules, refuse("socket", append([]Cond{family}, noneOf(1, types...)...)...))
	}
	// A pair leads nowhere else, unless each call can name another peer.
	pairs := []uint64{sockStream, sockSeqpacket}
	if p.datagrams() {
		pairs = append(pairs, sockDgram)
	}
	rules = append(rules, refuse("socketpair", noneOf(0, afUnix)...), refuse("socketpair", noneOf(1, withFlags(pairs...)...)...))
	if !p.Has("connect") {
		rules = append(rules, refuse("connect"))
	}
	if !p.Has("bind") {
		rules = append(rules, refuse("bind"))
	}
	if !p.listens() {
		rules = append(rules, refuse("listen"))
	}
	if p.Exists(TCP) {
		rules = append(rules, fastopen("sendto", 3), fastopen("sendmsg", 2), fastopen("sendmmsg", 3))
	}
	if p.Exists(TCP) || p.Exists(UDP) {
		rules = append(rules, detour(ipprotoIP, ipOptions), detour(ipprotoIPv6, ipv6Rthdr, ipv62292Rthdr, ipv62292Pktoptions))
	}
	return rules
}

// detour refuses options that send a packet by way of another host than its
// peer. Linux 6.18 lets anybody set a segment routing header.
func detour(level uint64, options ...uint64) Rule {
	return Rule{Call: "setsockopt", When: []Cond{{Arg: 1, Op: Eq, Values: []uint64{level}}, {Arg: 2, Op: In, Values: options}},
		Do: Action{Kind: Deny, Errno: eperm}}
}

// fastopen refuses to connect by sending, as a kernel without TCP Fast Open does.
func fastopen(call string, flags int) Rule {
	return Rule{Call: call, When: []Cond{{Arg: flags, Op: Mask, Mask: msgFastopen, Values: []uint64{msgFastopen}}},
		Do: Action{Kind: Deny, Errno: eopnotsupp}}
}

// withFlags returns each type as socket(2) takes it, with and without flags.
func withFlags(types ...uint64) []uint64 {
	var all []uint64
	for _, t := range types {
		all = append(all, t, t|sockNonblock, t|sockCloexec, t|sockNonblock|sockCloexec)
	}
	return all
}

// noneOf holds for an argument that is none of the values.
func noneOf(arg int, values ...uint64) []Cond {
	var all []Cond
	for _, v := range values {
		all = append(all, Cond{Arg: arg, Op: Ne, Values: []uint64{v}})
	}
	return all
}
