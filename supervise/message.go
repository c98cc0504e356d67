package supervise

import (
	"encoding/binary"
	"syscall"
)

// What one call may send on behalf. A stream's call that has more is told that
// less was sent, as it may be by any kernel; a datagram of that size does not
// exist.
const (
	messageMax = 1 << 20
	vectorMax  = 1024     // UIO_MAXIOV
	controlMax = 16 << 10 // less than any net.core.optmem_max allows
)

// message is a private copy of what a call sends.
type message struct {
	name    []byte // the address, nil for none
	data    []byte
	control []byte
	cut     bool // the tracee has more data
}

// Layout of struct msghdr and struct iovec on 64-bit architectures.
const (
	msghdrSize  = 56
	mmsghdrSize = 64
	iovecSize   = 16
)

// readMessage copies the struct msghdr at addr and all that it refers to, as
// copy_msghdr_from_user and import_iovec of the kernel do.
func readMessage(t *Trap, addr uint64) (m message, errno syscall.Errno) {
	var header [msghdrSize]byte
	b, errno := t.bytes(addr, len(header))
	if errno != 0 {
		return m, errno
	}
	copy(header[:], b)
	word := func(at int) uint64 { return binary.NativeEndian.Uint64(header[at:]) }

	name, size := word(0), int32(binary.NativeEndian.Uint32(header[8:]))
	if size < 0 {
		return m, syscall.EINVAL
	}
	if name != 0 && size > 0 {
		if b, errno = t.address(name, min(size, sockaddrMax)); errno != 0 {
			return m, errno
		}
		m.name = append([]byte(nil), b...)
	}
	if errno = m.readVector(t, word(16), word(24)); errno != 0 {
		return m, errno
	}
	control, length := word(32), word(40)
	if control == 0 || length == 0 {
		return m, 0
	}
	if length > controlMax {
		return m, syscall.ENOBUFS
	}
	if b, errno = t.bytes(control, int(length)); errno != 0 {
		return m, errno
	}
	m.control = append([]byte(nil), b...)
	return m, 0
}

// readVector copies what n elements of a struct iovec array refer to.
func (m *message) readVector(t *Trap, addr, n uint64) syscall.Errno {
	if n > vectorMax {
		return syscall.EMSGSIZE
	}
	b, errno := t.bytes(addr, int(n)*iovecSize)
	if errno != 0 {
		return errno
	}
	vector := append([]byte(nil), b...)
	for ; len(vector) > 0; vector = vector[iovecSize:] {
		base, size := binary.NativeEndian.Uint64(vector), binary.NativeEndian.Uint64(vector[8:])
		if int64(size) < 0 {
			return syscall.EINVAL
		}
		if errno := m.readData(t, base, size); errno != 0 {
			return errno
		}
	}
	return 0
}

// readData appends what the tracee has at addr, up to what one call may send.
func (m *message) readData(t *Trap, addr, size uint64) syscall.Errno {
	if room := uint64(messageMax - len(m.data)); size > room {
		size, m.cut = room, true
	}
	b, errno := t.bytes(addr, int(size))
	if errno != 0 {
		return errno
	}
	m.data = append(m.data, b...)
	return 0
}

// Control messages, as in cmsg(3), on 64-bit architectures.
const (
	cmsgHeader     = 16
	solSocket      = 1
	scmRights      = 1
	scmCredentials = 2
	scmMaxFD       = 253 // SCM_MAX_FD
)

// detours are the control messages that send a packet by way of another host:
// IP_RETOPTS, IPV6_RTHDR and IPV6_2292RTHDR, by level and type.
var detours = map[[2]int32]bool{{0, 7}: true, {41, 57}: true, {41, 5}: true}

// lend replaces the tracee's descriptors in the control messages by borrowed
// ones, which the caller closes in any case. Credentials are refused: the
// kernel would compare them with those of Belljar's process. So are detours.
func (m *message) lend(l lender) (fds []int, errno syscall.Errno) {
	for rest := m.control; len(rest) >= cmsgHeader; {
		size := binary.NativeEndian.Uint64(rest)
		level, kind := int32(binary.NativeEndian.Uint32(rest[8:])), int32(binary.NativeEndian.Uint32(rest[12:]))
		if size < cmsgHeader || size > uint64(len(rest)) {
			return fds, syscall.EINVAL // CMSG_OK of the kernel
		}
		body := rest[cmsgHeader:size]
		switch {
		case level == solSocket && kind == scmRights:
			if len(body)/4+len(fds) > scmMaxFD {
				return fds, syscall.EINVAL
			}
			for ; len(body) >= 4; body = body[4:] {
				fd, errno := l.file(int32(binary.NativeEndian.Uint32(body)))
				if errno != 0 {
					return fds, errno
				}
				fds = append(fds, fd)
				binary.NativeEndian.PutUint32(body, uint32(fd))
			}
		case level == solSocket && kind == scmCredentials, detours[[2]int32{level, kind}]:
			return fds, syscall.EPERM
		}
		rest = rest[min((size+7)&^7, uint64(len(rest))):]
	}
	return fds, 0
}
