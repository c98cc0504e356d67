package learn

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/trace"
)

// Endpoints are read from the words in which events show addresses.
var (
	socketName = expression(`<(socket:\[\d+\])`)
	inet       = expression(`sin6?_port=htons\((\d+)\).*(?:inet_addr\(|AF_INET6, )"([0-9a-fA-F.:]+)"`)
	unixPath   = expression(`sun_path=(@?)("(?:[^"\\]|\\.)*")`)
)

// expression compiles when it is asked for the first time: every start of the command
// would wait for it otherwise.
func expression(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// network takes note of sockets and of the peers that they reach.
func (o *Observations) network(e *trace.Event) {
	switch e.Syscall {
	case "socket":
		m := socketName().FindStringSubmatch(e.Result)
		if m == nil || len(e.Args) < 2 {
			return
		}
		protocol := protocols[e.Args[0]+" "+strings.TrimSuffix(firstFlag(e.Args[1]), " ")]
		o.other = o.other || protocol == ""
		o.sockets[m[1]] = protocol
	case "connect", "bind", "sendto":
		if len(e.Args) < 2 || e.Decision == "deny" {
			return
		}
		address, verb := e.Args[1], e.Syscall
		if e.Syscall == "sendto" {
			address, verb = e.Args[min(4, len(e.Args)-1)], "connect"
		}
		m := socketName().FindStringSubmatch(e.Args[0])
		if m == nil {
			return
		}
		if endpoint := endpointOf(o.sockets[m[1]], address); endpoint != "" {
			o.peers[policy.NetRule{Verb: verb, Endpoint: endpoint}]++
		}
	}
}

// protocols are those of endpoints, by family and type of a socket.
var protocols = map[string]string{
	"AF_INET SOCK_STREAM": policy.TCP, "AF_INET6 SOCK_STREAM": policy.TCP, "AF_INET SOCK_DGRAM": policy.UDP, "AF_INET6 SOCK_DGRAM": policy.UDP,
	"AF_UNIX SOCK_STREAM": policy.Unix, "AF_UNIX SOCK_SEQPACKET": policy.Unix, "AF_UNIX SOCK_DGRAM": policy.Unixgram,
}

func firstFlag(s string) string {
	first, _, _ := strings.Cut(s, "|")
	return first
}

func endpointOf(protocol, address string) string {
	switch protocol {
	case policy.TCP, policy.UDP:
		m := inet().FindStringSubmatch(address)
		if m == nil {
			return ""
		}
		host, port := m[2], m[1]
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		if port == "0" {
			port = "*"
		}
		return fmt.Sprintf("%s:%s:%s", protocol, host, port)
	case policy.Unix, policy.Unixgram:
		if m := unixPath().FindStringSubmatch(address); m != nil && len(m[2]) > 2 {
			return protocol + ":" + m[1] + trace.Unquote(m[2])
		}
	}
	return ""
}
