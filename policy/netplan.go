package policy

import "slices"

// Decides reports whether the network section decides anything. A default of
// allow leaves sockets to the rules on system calls.
func (n *Network) Decides() bool {
	return n.Default.Kind != Allow && (len(n.Rules) > 0 || n.Default.Kind != Unset)
}

// NetPlan is the network section, prepared for decisions.
type NetPlan struct {
	// Refusal is what becomes of a socket or a peer that no rule allows.
	Refusal Action
	Pos     Pos // of the refusal
	rules   []netRule
}

type netRule struct {
	Endpoint
	rule *NetRule
}

// Plan prepares the section, whose rules must be valid. canon maps the path of
// a unix socket to the one that the kernel would reach; nil leaves it as it is.
func (n *Network) Plan(canon func(string) string) *NetPlan {
	p := &NetPlan{Refusal: n.Default.OrKill(), Pos: n.Pos}
	for i := range n.Rules {
		e, problem := ParseEndpoint(n.Rules[i].Endpoint)
		if problem != "" {
			continue // what is no endpoint allows nothing
		}
		if canon != nil && len(e.Name) > 0 && e.Name[0] == '/' {
			e.Name = canon(e.Name)
		}
		p.rules = append(p.rules, netRule{e, &n.Rules[i]})
	}
	return p
}

// Decide says what becomes of a connect or bind to a peer, and which rule
// allows it. To send to an address is to connect to it.
func (p *NetPlan) Decide(verb string, peer Endpoint) (Action, *NetRule) {
	for i := range p.rules {
		if r := &p.rules[i]; r.rule.Verb == verb && r.Matches(peer) {
			return Action{Kind: Allow}, r.rule
		}
	}
	return p.Refusal, nil
}

// Exists reports whether sockets of a protocol may exist: a rule speaks of it.
func (p *NetPlan) Exists(protocol string) bool {
	return slices.ContainsFunc(p.rules, func(r netRule) bool { return r.Protocol == protocol })
}

// Has reports whether any rule has the verb, for some protocol of a list or,
// without one, at all.
func (p *NetPlan) Has(verb string, protocols ...string) bool {
	return slices.ContainsFunc(p.rules, func(r netRule) bool {
		return r.rule.Verb == verb && (len(protocols) == 0 || slices.Contains(protocols, r.Protocol))
	})
}

// open reports whether a rule allows the verb for all of a protocol, or there
// are no sockets of it.
func (p *NetPlan) open(verb, protocol string) bool {
	return !p.Exists(protocol) || slices.ContainsFunc(p.rules, func(r netRule) bool {
		return r.rule.Verb == verb && r.Protocol == protocol && r.Any()
	})
}

func (p *NetPlan) allOpen(verb string, protocols ...string) bool {
	return !slices.ContainsFunc(protocols, func(protocol string) bool { return !p.open(verb, protocol) })
}

// Sends are the calls that can name a peer for one datagram. In sendto the
// address is argument 4, so that a filter sees whether there is one.
var Sends = []string{"sendto", "sendmsg", "sendmmsg"}

// Decided returns the calls that a supervisor must decide one by one: what
// they reach is in memory, or is a matter of the socket.
func (p *NetPlan) Decided() []string {
	all := []string{TCP, UDP, Unix, Unixgram}
	var calls []string
	if p.Has("connect") && !p.allOpen("connect", all...) {
		calls = append(calls, "connect")
	}
	if p.Has("bind") && !p.allOpen("bind", all...) {
		calls = append(calls, "bind")
	}
	// A TCP socket that was never bound listens on a port of the kernel's choice.
	if p.listens() && !p.open("bind", TCP) {
		calls = append(calls, "listen")
	}
	if p.datagrams() && !p.allOpen("connect", UDP, Unixgram) {
		calls = append(calls, Sends...)
	}
	return calls
}

func (p *NetPlan) listens() bool { return p.Has("bind", TCP, Unix) }

func (p *NetPlan) datagrams() bool {
	return p.Exists(UDP) || p.Exists(Unixgram) || p.Refusal.Kind == Trap
}

// NeedsSupervisor returns what only a supervisor can decide, "" if a filter is
// enough; with ports, Landlock decides TCP ports beside it.
func (p *NetPlan) NeedsSupervisor(ports bool) string {
	for _, call := range p.Decided() {
		if call == "connect" && ports && p.allOpen("connect", UDP, Unix, Unixgram) && !p.namesAddress("connect") {
			continue
		}
		return "the policy has network rules on what " + call + " reaches"
	}
	return ""
}

// namesAddress reports whether a TCP rule says more than a port.
func (p *NetPlan) namesAddress(verb string) bool {
	return slices.ContainsFunc(p.rules, func(r netRule) bool {
		return r.rule.Verb == verb && r.Protocol == TCP && r.Addr.IsValid()
	})
}
