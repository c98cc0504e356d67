package supervise

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// Sizes of addresses: what the kernel looks at, of each family.
const (
	sockaddrMax    = 128 // sizeof(struct sockaddr_storage)
	sockaddrIn     = 16
	sockaddrIn6Min = 24 // SIN6_LEN_RFC2133: without the scope
	sockaddrIn6    = 28
	sockaddrUnMax  = 110
	familySize     = 2
)

// netVerb is what a call does with an address.
type netVerb uint8

const (
	verbConnect netVerb = iota
	verbBind
	verbSend
)

// rule is the verb of the policy's rules: to send to an address is to connect
// to it for one datagram.
func (v netVerb) rule() string {
	if v == verbBind {
		return "bind"
	}
	return "connect"
}

// sockaddr is a tracee's address, understood. Only what was understood is
// given to the kernel.
type sockaddr struct {
	raw  []byte          // in the kernel's form, spelled so that it says what peer says
	peer policy.Endpoint // without its protocol
	path string          // of a unix socket with a name in the file system
	// unspec is AF_UNSPEC of connect, which ends an association.
	unspec bool
	// absent is an address that the kernel takes for none.
	absent bool
}

// socketType is what the kernel knows of a socket.
type socketType struct{ domain, typ, protocol int }

// endpointProtocol is the protocol in the policy's words, "" for what the
// policy has no word for.
func (s socketType) endpointProtocol() string {
	const (
		stream, dgram, seqpacket = 1, 2, 5
		ipprotoTCP, ipprotoUDP   = 6, 17
	)
	inet := s.domain == sys.AF_INET || s.domain == sys.AF_INET6
	switch {
	case inet && s.typ == stream && s.protocol == ipprotoTCP:
		return policy.TCP
	case inet && s.typ == dgram && s.protocol == ipprotoUDP:
		return policy.UDP
	case s.domain == sys.AF_UNIX && (s.typ == stream || s.typ == seqpacket):
		return policy.Unix
	case s.domain == sys.AF_UNIX && s.typ == dgram:
		return policy.Unixgram
	}
	return ""
}

// parseSockaddr understands an address for a socket, or says what the kernel
// answers to one that cannot be used. Where the kernel has several readings
// the result is spelled so that one is left: what it gets is what was decided.
func parseSockaddr(b []byte, s socketType, verb netVerb) (a sockaddr, errno syscall.Errno) {
	if len(b) < familySize || len(b) > sockaddrMax {
		return a, syscall.EINVAL
	}
	a.raw = bytes.Clone(b)
	family := binary.NativeEndian.Uint16(b)
	if family == sys.AF_UNSPEC {
		if family, errno = a.unspecified(s, verb); family == sys.AF_UNSPEC || errno != 0 {
			return a, errno
		}
		binary.NativeEndian.PutUint16(a.raw, family)
	}
	inet6 := s.domain == sys.AF_INET6
	switch {
	case family == sys.AF_UNIX && s.domain == sys.AF_UNIX:
		return a, a.unix(verb)
	case s.domain == sys.AF_UNIX:
		return a, syscall.EINVAL
	case family == sys.AF_INET && (s.domain == sys.AF_INET || inet6):
		return a, a.inet(verb)
	case family == sys.AF_INET6 && inet6:
		return a, a.inet6(verb)
	}
	return a, syscall.EAFNOSUPPORT
}

// unspecified is the family that the kernel takes AF_UNSPEC for: connect
// dissociates; an IPv4 socket reads it as AF_INET (inet_bind only with
// INADDR_ANY, udp_sendmsg always), and udpv6_sendmsg as no address.
func (a *sockaddr) unspecified(s socketType, verb netVerb) (uint16, syscall.Errno) {
	switch {
	case verb == verbConnect:
		a.unspec = true
		a.raw = make([]byte, sockaddrIn)
		return sys.AF_UNSPEC, 0
	case s.domain == sys.AF_INET && (verb == verbSend || len(a.raw) < sockaddrIn || isZero(a.raw[4:8])):
		return sys.AF_INET, 0
	case s.domain == sys.AF_INET6 && verb == verbSend:
		a.absent = true
		return sys.AF_UNSPEC, 0
	case s.domain == sys.AF_UNIX:
		return sys.AF_UNSPEC, syscall.EINVAL
	}
	return sys.AF_UNSPEC, syscall.EAFNOSUPPORT
}

func isZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// inet reads struct sockaddr_in.
func (a *sockaddr) inet(verb netVerb) syscall.Errno {
	if len(a.raw) < sockaddrIn {
		return syscall.EINVAL
	}
	a.raw = a.raw[:sockaddrIn]
	if verb != verbBind && isZero(a.raw[4:8]) {
		copy(a.raw[4:], loopback4)
	}
	a.peer.Port = binary.BigEndian.Uint16(a.raw[2:])
	a.peer.Addr = netip.AddrFrom4([4]byte(a.raw[4:8]))
	return 0
}

// The kernel connects INADDR_ANY and its IPv6 kin to this machine. Which
// address that is can depend on what the socket is bound to, so it is said.
var (
	loopback4 = []byte{127, 0, 0, 1}
	loopback6 = append(make([]byte, 15), 1)
	mapped    = append(make([]byte, 10), 0xff, 0xff) // ::ffff:0:0/96
)

// inet6 reads struct sockaddr_in6. An address of ::ffff:0:0/96 is an IPv4
// peer. The scope says which interface, of which rules do not speak.
func (a *sockaddr) inet6(verb netVerb) syscall.Errno {
	if len(a.raw) < sockaddrIn6Min {
		return syscall.EINVAL
	}
	a.raw = a.raw[:min(len(a.raw), sockaddrIn6)]
	addr := a.raw[8:24]
	if verb != verbBind {
		switch {
		case isZero(addr):
			copy(addr, loopback6)
		case bytes.HasPrefix(addr, mapped) && isZero(addr[12:]):
			copy(addr[12:], loopback4)
		}
	}
	a.peer.Port = binary.BigEndian.Uint16(a.raw[2:])
	a.peer.Addr = netip.AddrFrom16([16]byte(addr)).Unmap()
	return 0
}

// unix reads struct sockaddr_un: a path up to its NUL byte, or, behind a NUL
// byte, a name of that many bytes.
func (a *sockaddr) unix(verb netVerb) syscall.Errno {
	switch name := a.raw[familySize:]; {
	case len(a.raw) > sockaddrUnMax:
		return syscall.EINVAL
	case len(name) == 0 && verb == verbBind:
		// The kernel chooses an abstract name; no rule has the empty name.
		return 0
	case len(name) == 0:
		return syscall.EINVAL
	case name[0] == 0:
		a.peer.Name = "@" + string(name[1:])
	default:
		path, _, _ := bytes.Cut(name, []byte{0})
		a.path = string(path)
	}
	return 0
}

// unixAddress spells a path as an address. It fits: see its callers.
func unixAddress(path string) []byte {
	b := binary.NativeEndian.AppendUint16(nil, sys.AF_UNIX)
	return append(append(b, path...), 0)
}
