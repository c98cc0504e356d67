package landlock

import (
	"slices"
	"strconv"
	"strings"

	"github.com/belljar/belljar/policy"
)

// Domains of socket(2), the same on every architecture.
const (
	afInet  = 2
	afInet6 = 10
)

// ring is io_uring, whose requests do what many calls do.
const ring = "io_uring_enter"

// network translates the policy's rules on TCP.
func (b *builder) network() {
	sockets := b.may(ring) || b.maySocket(afInet) || b.maySocket(afInet6)
	for _, r := range []struct {
		verb  string
		right Rights
	}{{"bind", BindTCP}, {"connect", ConnectTCP}} {
		if !sockets || !b.mayAny([]string{r.verb, ring}) {
			b.handle(Net, r.right)
			continue
		}
		ports, any := b.ports(r.verb)
		if any {
			continue
		}
		b.handle(Net, r.right)
		for _, port := range ports {
			b.addPort(port, r.right&b.Handled[Net])
		}
	}
}

// ports returns the TCP ports that the network rules grant to a verb; any is
// true where they do not say, or say all.
func (b *builder) ports(verb string) (ports []uint16, any bool) {
	n := &b.policy.Network
	silent := len(n.Rules) == 0 && n.Default.Kind == policy.Unset
	if silent || b.allows(n.Default) || b.traps([]string{verb, ring}) {
		return nil, true
	}
	for _, r := range n.Rules {
		host, ok := strings.CutPrefix(r.Endpoint, "tcp:")
		if !ok || r.Verb != verb {
			continue
		}
		port, err := strconv.ParseUint(host[strings.LastIndexByte(host, ':')+1:], 10, 16)
		if err != nil { // "*", or nothing that a valid policy holds
			return nil, true
		}
		ports = append(ports, uint16(port))
	}
	return ports, false
}

func (b *builder) addPort(port uint16, right Rights) {
	if right == 0 {
		return
	}
	i := slices.IndexFunc(b.Ports, func(r PortRule) bool { return r.Port == port })
	if i < 0 {
		b.Ports = append(b.Ports, PortRule{Port: port})
		i = len(b.Ports) - 1
	}
	b.Ports[i].Access |= right
}

// scopes keeps signals and abstract sockets inside the run. A program's own
// children and process group are of its domain.
func (b *builder) scopes() {
	if !b.options.OutsideSignals {
		b.handle(Scope, Signal)
	}
	if !b.options.OutsideSockets && !b.namesAbstract() {
		b.handle(Scope, AbstractUnixSocket)
	}
}

// namesAbstract reports whether the policy's network section allows abstract
// sockets, whoever made them.
func (b *builder) namesAbstract() bool {
	n := &b.policy.Network
	return b.allows(n.Default) || slices.ContainsFunc(n.Rules, func(r policy.NetRule) bool {
		e, _ := policy.ParseEndpoint(r.Endpoint)
		return strings.HasPrefix(e.Name, "@")
	})
}
