package trace

import "strings"

// What calls that wait for descriptors are shown with.

var (
	pollfds = in(func(v *view, i int) { v.pollfds(v.arg(i), v.trap.Flags(i+1), false) })
	// polled is what poll returns beside its number.
	epollEvent = in(structure(epollEventSize, epollText))
	epollOut   = out(func(v *view, i int) {
		v.filled(i, func() {
			v.add("[")
			for n := range min(v.result, 16) {
				if n > 0 {
					v.add(", ")
				}
				v.at(v.arg(i)+epollEventSize*n, epollEventSize, epollText)
			}
			v.add("]")
		})
	})
	fdSetIn  = in(func(v *view, i int) { v.fdSet(v.arg(i), int(v.trap.Int(0))) })
	affinity = out(func(v *view, i int) {
		v.filled(i, func() {
			b := v.read(v.arg(i), int(min(v.result, 128)))
			if b == nil {
				v.pointer(v.arg(i))
				return
			}
			v.bitNumbers(b)
		})
	})
	affinityIn = in(func(v *view, i int) {
		b := v.read(v.arg(i), int(min(v.arg(i-1), 128)))
		if b == nil {
			v.pointer(v.arg(i))
			return
		}
		v.bitNumbers(b)
	})
)

func (v *view) bitNumbers(b []byte) {
	var names []string
	for n := range 8 * len(b) {
		if b[n/8]>>(n%8)&1 == 1 {
			names = append(names, itoa(n))
		}
	}
	v.add("[" + strings.Join(names, " ") + "]")
}

func epollText(v *view, b []byte) {
	events, data := ne.Uint32(b), b[epollEventSize-8:]
	v.add("{events=")
	v.out = epollSet.appendFlags(v.out, uint64(events))
	v.printf(", data={u32=%d, u64=%d}}", ne.Uint32(data), ne.Uint64(data))
}

// pollfds is an array of struct pollfd; ready shows only those with events.
func (v *view) pollfds(addr uint64, n uint32, ready bool) {
	b := v.read(addr, 8*int(min(n, 16)))
	if b == nil {
		v.pointer(addr)
		return
	}
	b = append([]byte(nil), b...)
	v.add("[")
	first := true
	for ; len(b) >= 8; b = b[8:] {
		events, revents := ne.Uint16(b[4:]), ne.Uint16(b[6:])
		if ready && revents == 0 {
			continue
		}
		if !first {
			v.add(", ")
		}
		first = false
		v.add("{fd=")
		v.file(int32(ne.Uint32(b)))
		if ready {
			v.add(", revents=")
			v.out = pollSet.appendFlags(v.out, uint64(revents))
		} else {
			v.add(", events=")
			v.out = pollSet.appendFlags(v.out, uint64(events))
		}
		v.add("}")
	}
	if n > 16 {
		v.add(", ...")
	}
	v.add("]")
}

func (v *view) fdSet(addr uint64, n int) {
	if n < 0 || n > 1024 {
		n = 1024
	}
	b := v.read(addr, (n+63)/64*8)
	if b == nil {
		v.pointer(addr)
		return
	}
	v.bitNumbers(b)
}

// polled is the result of poll.
func polled(v *view) {
	decimal(v)
	if v.result == 0 {
		v.add(" (Timeout)")
		return
	}
	v.add(" (")
	v.pollfds(v.arg(0), v.trap.Flags(1), true)
	v.add(")")
}
