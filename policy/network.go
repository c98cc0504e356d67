package policy

import (
	"net/netip"
	"strconv"
	"strings"
)

// Protocols of endpoints, named as package net of Go names networks. A unix
// stream or sequenced-packet socket has one peer, which connect settles; a
// unixgram or udp socket can send to another one with every call.
const (
	TCP      = "tcp"
	UDP      = "udp"
	Unix     = "unix"
	Unixgram = "unixgram"
)

// Endpoint is what a network rule or a socket's address speaks of.
type Endpoint struct {
	Protocol string
	Addr     netip.Addr // of tcp and udp; the zero Addr is any
	Port     uint16     // of tcp and udp; 0 is any
	Name     string     // of unix and unixgram: an absolute path, or "@" and an abstract name
}

// ParseEndpoint reads PROTOCOL:ADDRESS:PORT with an IP address, "*" for any
// address or port, or unix:PATH with an absolute path or "@NAME" for an
// abstract one. Names of hosts are not endpoints: a policy must mean the same
// whatever a name server says. An IPv6 address that only wraps an IPv4 one is
// that one. problem says what is wrong with s, "" if nothing is.
func ParseEndpoint(s string) (e Endpoint, problem string) {
	protocol, rest, ok := strings.Cut(s, ":")
	if !ok {
		return e, "there is no protocol"
	}
	e.Protocol = protocol
	switch protocol {
	case Unix, Unixgram:
		if !strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "@") || len(rest) < 2 {
			return e, `a unix socket is an absolute path or "@" and an abstract name`
		}
		if strings.HasPrefix(rest, "/") && strings.ContainsRune(rest, 0) {
			return e, "a path holds no NUL byte"
		}
		e.Name = rest
		return e, ""
	case TCP, UDP:
		return e, e.parseHostPort(rest)
	}
	return e, "the protocol is tcp, udp, unix or unixgram"
}

func (e *Endpoint) parseHostPort(s string) (problem string) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "there is no port"
	}
	host, port := s[:i], s[i+1:]
	if port != "*" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return `the port is a number from 1 to 65535 or "*"`
		}
		e.Port = uint16(n)
	}
	if host == "*" {
		return ""
	}
	bracketed := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	if bracketed {
		host = host[1 : len(host)-1]
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Is6() != bracketed {
		return `the address is an IPv4 address, an IPv6 address in brackets, or "*"`
	}
	if ip.Zone() != "" {
		return "write the address without its zone: a rule holds for every interface"
	}
	e.Addr = ip.Unmap()
	return ""
}

// Any reports whether the endpoint stands for all of its protocol.
func (e Endpoint) Any() bool { return e.Name == "" && !e.Addr.IsValid() && e.Port == 0 }

// Datagram reports whether each call on the protocol's sockets may name a peer.
func (e Endpoint) Datagram() bool { return e.Protocol == UDP || e.Protocol == Unixgram }

// Matches reports whether a rule's endpoint covers a peer's. The peer's
// address is complete; port 0 there asks the kernel to choose one, so only a
// rule for any port covers it.
func (e Endpoint) Matches(peer Endpoint) bool {
	return e.Protocol == peer.Protocol && e.Name == peer.Name &&
		(!e.Addr.IsValid() || e.Addr == peer.Addr) && (e.Port == 0 || e.Port == peer.Port)
}

// String returns the spelling that ParseEndpoint reads.
func (e Endpoint) String() string {
	if e.Protocol == Unix || e.Protocol == Unixgram {
		return e.Protocol + ":" + e.Name
	}
	host, port := "*", "*"
	switch {
	case e.Addr.Is4():
		host = e.Addr.String()
	case e.Addr.IsValid():
		host = "[" + e.Addr.String() + "]"
	}
	if e.Port != 0 {
		port = strconv.Itoa(int(e.Port))
	}
	return e.Protocol + ":" + host + ":" + port
}

// badEndpoint says what is wrong with a rule's endpoint, or "".
func (r *NetRule) badEndpoint() string {
	e, problem := ParseEndpoint(r.Endpoint)
	if problem == "" && r.Verb == "connect" && e.Addr.IsValid() && e.Addr.IsUnspecified() {
		return "connecting there means this machine: write 127.0.0.1 or [::1]"
	}
	return problem
}
