package policy

import (
	"net/netip"
	"strconv"
	"strings"
)

// badEndpoint says what is wrong with an endpoint, or "". Endpoints are
// PROTOCOL:ADDRESS:PORT with an IP address, "*" for any address or port, or
// unix:PATH with an absolute path or "@NAME" for an abstract one. Names of
// hosts are not: a policy must mean the same whatever a name server says.
func badEndpoint(s string) string {
	protocol, rest, ok := strings.Cut(s, ":")
	if !ok {
		return "there is no protocol"
	}
	switch protocol {
	case "unix":
		if !strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "@") || len(rest) < 2 {
			return `a unix socket is an absolute path or "@" and an abstract name`
		}
		return ""
	case "tcp", "udp":
		return badHostPort(rest)
	}
	return "the protocol is tcp, udp or unix"
}

func badHostPort(s string) string {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "there is no port"
	}
	host, port := s[:i], s[i+1:]
	if n, err := strconv.ParseUint(port, 10, 16); port != "*" && (err != nil || n == 0) {
		return `the port is a number from 1 to 65535 or "*"`
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
	return ""
}
