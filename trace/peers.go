package trace

import (
	"net/netip"
	"strings"
)

// maxPeers bounds how many sockets the recorder knows the addresses of. What is
// beyond it is shown without.
const maxPeers = 4096

// peers are the addresses of sockets, by what /proc calls the sockets.
type peers map[string]string

// learn takes note of what a call that has succeeded did to a socket.
func (p peers) learn(v *view, call string) {
	if v.plain || v.failed && errnoOf(v.result) != einprogress {
		return
	}
	fd, addr, length := v.trap.Int(0), v.arg(1), int(v.trap.Int(2))
	var arrow string
	switch call {
	case "connect":
		arrow = "->"
	case "bind":
	case "accept", "accept4":
		fd, arrow = int32(v.result), "<-"
		if addr == 0 {
			return
		}
		n := v.read(v.arg(2), 4)
		if n == nil {
			return
		}
		length = int(ne.Uint32(n))
	default:
		return
	}
	name := v.names.name(v.trap, fd, false)
	if _, known := p[name]; !strings.HasPrefix(name, "socket:") || !known && len(p) >= maxPeers {
		return
	}
	if b := v.read(addr, min(length, maxAddress)); b != nil {
		p[name] = arrow + endpoint(b)
	}
}

const einprogress = 115

// endpoint is an address in short.
func endpoint(b []byte) string {
	if len(b) < 2 {
		return ""
	}
	switch family := ne.Uint16(b); {
	case family == 1 && len(b) > 2:
		name := b[2:]
		if name[0] != 0 {
			name = untilZero(name)
		}
		return string(appendEscaped(nil, name, "\"\\<>"))
	case family == 2 && len(b) >= 8:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port(b)).String()
	case family == 10 && len(b) >= 24:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), port(b)).String()
	default:
		return familySet.name(uint64(family))
	}
}
