package trace

import (
	"net/netip"
)

// addressText shows a struct sockaddr.
func (v *view) addressText(b []byte) {
	if len(b) < 2 {
		v.out = appendHex(v.out, b, false)
		return
	}
	family := uint64(ne.Uint16(b))
	v.add("{sa_family=")
	v.out = familySet.appendOne(v.out, family)
	switch {
	case family == 1:
		v.unixAddress(b[2:])
	case family == 2 && len(b) >= 8:
		ip := netip.AddrFrom4([4]byte(b[4:8]))
		v.printf(`, sin_port=htons(%d), sin_addr=inet_addr("%s")`, port(b), ip)
	case family == 10 && len(b) >= 28:
		ip := netip.AddrFrom16([16]byte(b[8:24]))
		v.printf(`, sin6_port=htons(%d), sin6_flowinfo=htonl(%d), inet_pton(AF_INET6, "%s", &sin6_addr), sin6_scope_id=%d`, port(b),
			uint32(b[4])<<24|uint32(b[5])<<16|uint32(b[6])<<8|uint32(b[7]), ip, ne.Uint32(b[24:]))
	case family == 16 && len(b) >= 12:
		v.printf(", nl_pid=%d, nl_groups=%08x", ne.Uint32(b[4:]), ne.Uint32(b[8:]))
	default:
		v.add(", sa_data=")
		v.out = appendQuoted(v.out, b[2:], false)
	}
	v.add("}")
}

func port(b []byte) uint16 { return uint16(b[2])<<8 | uint16(b[3]) }

func (v *view) unixAddress(name []byte) {
	if len(name) == 0 {
		return
	}
	v.add(", sun_path=")
	if name[0] == 0 {
		v.add("@")
		name = name[1:]
	} else {
		name = untilZero(name)
	}
	v.out = appendQuoted(v.out, name, false)
}

// maxAddress is the size of struct sockaddr_storage.
const maxAddress = 128

func (v *view) address(addr uint64, n int) {
	v.at(addr, min(n, maxAddress), func(v *view, b []byte) { v.addressText(b) })
}

var (
	// peer is an address whose length is the next argument.
	peer = in(func(v *view, i int) { v.address(v.arg(i), int(v.trap.Int(i+1))) })
	// peerOut is one that the kernel fills in, and its length.
	peerOut = out(func(v *view, i int) {
		v.filled(i, func() {
			n := v.read(v.arg(i+1), 4)
			if n == nil {
				v.pointer(v.arg(i))
				return
			}
			v.address(v.arg(i), int(ne.Uint32(n)))
		})
	})
	socketType = in(func(v *view, i int) {
		t := uint64(v.trap.Flags(i))
		v.out = sockTypes.appendOne(v.out, t&0xf)
		if rest := t &^ 0xf; rest != 0 {
			v.add("|")
			v.out = sockFlags.appendFlags(v.out, rest)
		}
	})
	protocol = in(func(v *view, i int) {
		switch p := uint64(v.trap.Flags(i)); v.trap.Int(0) {
		case 2, 10:
			v.out = protocolSet.appendOne(v.out, p)
		case 16:
			v.out = netlinkSet.appendOne(v.out, p)
		default:
			v.uint(p)
		}
	})
	option = in(func(v *view, i int) {
		sets := map[int32]*set{0: ipSet, 1: soSet, 6: tcpSet, 41: ipv6Set}
		if s := sets[v.trap.Int(i-1)]; s != nil {
			v.out = s.appendOne(v.out, uint64(v.trap.Flags(i)))
			return
		}
		v.int(int64(v.trap.Int(i)))
	})
	// optionValue is of any type; four bytes are mostly a number.
	optionValue = in(func(v *view, i int) { v.option(v.arg(i), int(v.trap.Int(i+1))) })
	optionOut   = out(func(v *view, i int) {
		v.filled(i, func() {
			if n := v.read(v.arg(i+1), 4); n != nil {
				v.option(v.arg(i), int(ne.Uint32(n)))
			}
		})
	})
	lengthOut = out(func(v *view, i int) {
		v.filled(i, func() { v.at(v.arg(i), 4, func(v *view, b []byte) { v.printf("[%d]", int32(ne.Uint32(b))) }) })
	})
	message    = in(func(v *view, i int) { v.message(v.arg(i), ^uint64(0)) })
	messageOut = out(func(v *view, i int) { v.filled(i, func() { v.message(v.arg(i), v.result) }) })
)

func (v *view) option(addr uint64, n int) {
	if n == 4 {
		v.at(addr, 4, func(v *view, b []byte) { v.printf("[%d]", int32(ne.Uint32(b))) })
		return
	}
	v.at(addr, min(n, v.text), func(v *view, b []byte) { v.out = appendQuoted(v.out, b, n > len(b)) })
}

// message is struct msghdr.
func (v *view) message(addr, moved uint64) {
	w := v.words(addr, 7)
	if w == nil {
		v.pointer(addr)
		return
	}
	v.add("{msg_name=")
	if w[0] == 0 {
		v.add("NULL")
	} else {
		v.address(w[0], int(uint32(w[1])))
	}
	v.printf(", msg_namelen=%d, msg_iov=", uint32(w[1]))
	v.vectors(w[2], w[3], moved)
	v.printf(", msg_iovlen=%d", w[3])
	if w[4] != 0 {
		v.printf(", msg_control=%#x", w[4])
	}
	v.printf(", msg_controllen=%d, msg_flags=", w[5])
	v.out = msgSet.appendFlags(v.out, w[6]&0xffffffff)
	v.add("}")
}
