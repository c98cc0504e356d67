package supervise

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// in4, in6 and un spell addresses as C programs do.
func in4(addr string, port uint16) string {
	b := binary.NativeEndian.AppendUint16(nil, sys.AF_INET)
	b = binary.BigEndian.AppendUint16(b, port)
	ip := netip.MustParseAddr(addr).As4()
	return string(b) + string(ip[:]) + strings.Repeat("\x00", 8)
}

func in6(addr string, port uint16, scope uint32) string {
	b := binary.NativeEndian.AppendUint16(nil, sys.AF_INET6)
	b = binary.BigEndian.AppendUint16(b, port)
	b = append(b, 0, 0, 0, 0)
	ip := netip.MustParseAddr(addr).As16()
	b = append(b, ip[:]...)
	return string(binary.NativeEndian.AppendUint32(b, scope))
}

func un(path string) string {
	return string(binary.NativeEndian.AppendUint16(nil, sys.AF_UNIX)) + path
}

func unspecific(address string) string { return "\x00\x00" + address[2:] }

var (
	tcp4   = socketType{sys.AF_INET, 1, 6}
	tcp6   = socketType{sys.AF_INET6, 1, 6}
	udp4   = socketType{sys.AF_INET, 2, 17}
	udp6   = socketType{sys.AF_INET6, 2, 17}
	unix1  = socketType{sys.AF_UNIX, 1, 0}
	unix2  = socketType{sys.AF_UNIX, 2, 0}
	netlnk = socketType{16, 3, 0}
)

func TestParseSockaddr(t *testing.T) {
	long := strings.Repeat("x", 108)
	for _, c := range []struct {
		what  string
		addr  string
		s     socketType
		verb  netVerb
		peer  string // "" where there is none
		path  string
		errno syscall.Errno
	}{
		{what: "IPv4", addr: in4("192.0.2.1", 80), s: tcp4, peer: "tcp:192.0.2.1:80"},
		{what: "IPv4, longer", addr: in4("192.0.2.1", 80) + "junk", s: udp4, peer: "udp:192.0.2.1:80"},
		{what: "IPv4, short", addr: in4("192.0.2.1", 80)[:15], s: tcp4, errno: syscall.EINVAL},
		{what: "IPv4 on an IPv6 socket", addr: in4("192.0.2.1", 80), s: udp6, peer: "udp:192.0.2.1:80"},
		{what: "IPv6 on an IPv4 socket", addr: in6("::1", 80, 0), s: tcp4, errno: syscall.EAFNOSUPPORT},
		{what: "IPv6", addr: in6("2001:db8::1", 443, 0), s: tcp6, peer: "tcp:[2001:db8::1]:443"},
		{what: "IPv6 without a scope", addr: in6("2001:db8::1", 443, 0)[:24], s: tcp6, peer: "tcp:[2001:db8::1]:443"},
		{what: "IPv6, short", addr: in6("2001:db8::1", 443, 0)[:23], s: tcp6, errno: syscall.EINVAL},
		{what: "IPv6 with a scope", addr: in6("fe80::1", 443, 3), s: tcp6, peer: "tcp:[fe80::1]:443"},
		{what: "wrapped IPv4", addr: in6("::ffff:192.0.2.1", 80, 7), s: tcp6, peer: "tcp:192.0.2.1:80"},
		{what: "connect to any", addr: in4("0.0.0.0", 80), s: tcp4, peer: "tcp:127.0.0.1:80"},
		{what: "send to any", addr: in4("0.0.0.0", 80), s: udp4, verb: verbSend, peer: "udp:127.0.0.1:80"},
		{what: "connect to any, IPv6", addr: in6("::", 80, 0), s: tcp6, peer: "tcp:[::1]:80"},
		{what: "connect to any, wrapped", addr: in6("::ffff:0.0.0.0", 80, 0), s: tcp6, peer: "tcp:127.0.0.1:80"},
		{what: "bind to any", addr: in4("0.0.0.0", 0), s: tcp4, verb: verbBind, peer: "tcp:0.0.0.0:*"},
		{what: "bind to any, IPv6", addr: in6("::", 80, 0), s: tcp6, verb: verbBind, peer: "tcp:[::]:80"},
		{what: "disconnect", addr: unspecific(in4("192.0.2.1", 80)), s: tcp4},
		{what: "disconnect, short", addr: "\x00\x00", s: unix2},
		{what: "bind without a family", addr: unspecific(in4("0.0.0.0", 80)), s: tcp4, verb: verbBind, peer: "tcp:0.0.0.0:80"},
		{what: "bind without a family to an address", addr: unspecific(in4("127.0.0.1", 80)), s: tcp4, verb: verbBind, errno: syscall.EAFNOSUPPORT},
		{what: "send without a family", addr: unspecific(in4("192.0.2.1", 80)), s: udp4, verb: verbSend, peer: "udp:192.0.2.1:80"},
		{what: "send without a family, IPv6", addr: unspecific(in6("2001:db8::1", 80, 0)), s: udp6, verb: verbSend},
		{what: "path", addr: un("/run/a\x00junk"), s: unix1, path: "/run/a"},
		{what: "path without a NUL", addr: un(long), s: unix1, path: long},
		{what: "path too long", addr: un(long + "x"), s: unix1, errno: syscall.EINVAL},
		{what: "abstract", addr: un("\x00a\x00b"), s: unix1, peer: "unix:@a\x00b"},
		{what: "abstract, empty", addr: un("\x00"), s: unix2, peer: "unixgram:@"},
		{what: "connect to no name", addr: un(""), s: unix1, errno: syscall.EINVAL},
		{what: "bind to no name", addr: un(""), s: unix1, verb: verbBind, peer: "unix:"},
		{what: "IPv4 on a unix socket", addr: in4("192.0.2.1", 80), s: unix1, errno: syscall.EINVAL},
		{what: "unix on an IPv4 socket", addr: un("/run/a"), s: tcp4, errno: syscall.EAFNOSUPPORT},
		{what: "netlink", addr: "\x10\x00" + strings.Repeat("\x00", 10), s: netlnk, errno: syscall.EAFNOSUPPORT},
		{what: "nothing", addr: "", s: tcp4, errno: syscall.EINVAL},
		{what: "one byte", addr: "\x02", s: tcp4, errno: syscall.EINVAL},
		{what: "too much", addr: in4("192.0.2.1", 80) + strings.Repeat("\x00", 113), s: tcp4, errno: syscall.EINVAL},
	} {
		a, errno := parseSockaddr([]byte(c.addr), c.s, c.verb)
		if errno != c.errno {
			t.Errorf("%s: %v, want %v", c.what, errno, c.errno)
			continue
		}
		a.peer.Protocol = c.s.endpointProtocol()
		peer := a.peer.String()
		if errno != 0 || a.unspec || a.absent || a.path != "" {
			peer = ""
		}
		if peer != c.peer || a.path != c.path {
			t.Errorf("%s: peer %q, path %q, want %q, %q", c.what, peer, a.path, c.peer, c.path)
		}
	}
}

// kernelPeer is where the kernel would send what a UDP socket sends after
// connect to raw, which itself sends nothing.
func kernelPeer(domain int, raw []byte) (peer policy.Endpoint, errno syscall.Errno) {
	fd, err := syscall.Socket(domain, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return peer, err.(syscall.Errno)
	}
	defer syscall.Close(fd)
	if errno := sys.Connect(fd, sys.MakeSockaddr(raw)); errno != 0 {
		return peer, errno
	}
	sa, err := syscall.Getpeername(fd)
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return policy.Endpoint{Protocol: policy.UDP, Addr: netip.AddrFrom4(sa.Addr), Port: uint16(sa.Port)}, 0
	case *syscall.SockaddrInet6:
		return policy.Endpoint{Protocol: policy.UDP, Addr: netip.AddrFrom16(sa.Addr).Unmap(), Port: uint16(sa.Port)}, 0
	}
	return peer, err.(syscall.Errno)
}

// FuzzSockaddr compares what an address is taken for with what the kernel does:
// the tracee's bytes and those that it is given instead must lead to the peer
// that was decided. The decision may refuse more than the kernel.
func FuzzSockaddr(f *testing.F) {
	for _, s := range []string{in4("127.0.0.1", 9), in4("0.0.0.0", 9), in4("127.0.0.1", 9)[:15], in6("::1", 9, 0), in6("::1", 9, 1)[:24], in6("::", 9, 0),
		in6("::ffff:127.0.0.1", 9, 5), in6("::ffff:0.0.0.0", 9, 0), in6("fe80::1", 9, 1), in6("::127.0.0.1", 9, 0), unspecific(in4("127.0.0.1", 9)), un("x"), "\x00", in4("127.0.0.1", 0)} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, six bool) {
		s := udp4
		if six {
			s = udp6
		}
		a, errno := parseSockaddr(raw, s, verbConnect)
		if errno != 0 || a.unspec || len(raw) > sockaddrMax {
			return
		}
		a.peer.Protocol = policy.UDP
		native, nativeErrno := kernelPeer(s.domain, raw)
		given, givenErrno := kernelPeer(s.domain, a.raw)
		if nativeErrno != givenErrno || native != given {
			t.Errorf("% x: the kernel goes to %v (%v), with what it is given to %v (%v)", raw, native, nativeErrno, given, givenErrno)
		}
		if givenErrno == 0 && given != a.peer {
			t.Errorf("% x: decided %v, the kernel goes to %v", raw, a.peer, given)
		}
	})
}

func TestEndpointProtocol(t *testing.T) {
	for s, want := range map[socketType]string{tcp4: "tcp", tcp6: "tcp", udp4: "udp", udp6: "udp", unix1: "unix", {sys.AF_UNIX, 5, 0}: "unix", unix2: "unixgram",
		netlnk: "", {sys.AF_INET, 1, 262}: "", {sys.AF_INET, 1, 132}: "", {sys.AF_INET, 2, 1}: "", {sys.AF_INET, 3, 6}: "", {sys.AF_INET, 2, 136}: ""} {
		if got := s.endpointProtocol(); got != want {
			t.Errorf("%s is %q, want %q", fmt.Sprint(s), got, want)
		}
	}
}
