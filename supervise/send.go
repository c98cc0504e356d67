package supervise

import (
	"encoding/binary"
	"slices"
	"syscall"
	"time"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// Where a policy lets datagram sockets exist, each send may name another peer,
// in memory. Such a call is made on behalf, also on a stream socket: what kind
// of socket a descriptor is can change between two looks at it.

// delivery is one message on its way.
type delivery struct {
	target
	message
	addr  *sys.Sockaddr
	fds   []int // lent for its control messages
	sent  int   // bytes
	flags int
	wait  bool          // the tracee would wait for room
	limit time.Duration // and no longer than that, if it is not 0
	th    thread
	quiet bool // no SIGPIPE
}

func (m *delivery) close() {
	m.target.close()
	for _, fd := range m.fds {
		sys.CloseFile(fd)
	}
}

// sendto is sendto(2).
func (e *Engine) sendto(t *Trap, who *actor) Decision {
	addr, size := t.Uint64(4), t.Int(5)
	if addr == 0 {
		return Decision{Kind: Allow} // nothing in memory says where to
	}
	return e.deliver(t, t.Flags(3), who, func(m *message) syscall.Errno {
		b, errno := t.address(addr, size)
		if errno != 0 {
			return errno
		}
		if m.name = slices.Clone(b); size == 0 {
			m.name = nil
		}
		return m.readData(t, t.Uint64(1), min(t.Uint64(2), messageMax+1))
	})
}

// sendmsg is sendmsg(2).
func (e *Engine) sendmsg(t *Trap, who *actor) Decision {
	return e.deliver(t, t.Flags(2), who, func(m *message) (errno syscall.Errno) {
		*m, errno = readMessage(t, t.Uint64(1))
		return errno
	})
}

// sendmmsg is sendmmsg(2), of one message: the kernel, too, may send fewer
// than it was asked to, and every caller goes on with the rest.
func (e *Engine) sendmmsg(t *Trap, who *actor) Decision {
	if t.Flags(2) == 0 {
		return Decision{Kind: Return}
	}
	length := 0
	d := e.deliver(t, t.Flags(3), who, func(m *message) (errno syscall.Errno) {
		*m, errno = readMessage(t, t.Uint64(1))
		if length = len(m.data); errno != 0 || who == nil {
			return errno
		}
		// A datagram is sent whole or not at all; a stream's count is corrected
		// below where it turns out lower at once.
		return writeWord(t, t.Uint64(1)+msghdrSize, uint32(length))
	})
	if d.Kind == Return {
		who.raise() // to write to the tracee's memory
		if errno := writeWord(t, t.Uint64(1)+msghdrSize, uint32(d.Value)); errno != 0 {
			return Decision{Kind: Fail, Errno: errno}
		}
		d.Value = 1
	}
	if d.Kind == Wait {
		d.Waiting.count = true
	}
	return d
}

func writeWord(t *Trap, addr uint64, v uint32) syscall.Errno {
	b := binary.NativeEndian.AppendUint32(nil, v)
	if n, _ := t.Tracee.WriteMemory(addr, b); n != len(b) {
		return syscall.EFAULT
	}
	return 0
}

// deliver copies a message, decides its address and sends it.
func (e *Engine) deliver(t *Trap, flags uint32, who *actor, read func(*message) syscall.Errno) Decision {
	m := &delivery{th: thread{t.PID, t.TID}}
	m.pin = failed("", 0)
	d := e.prepare(t, m, flags, who, read)
	if d.Kind != Allow || who == nil {
		m.close()
		return d
	}
	if m.domain == sys.AF_UNIX {
		// The receiver may be told who sends: the thread's real IDs.
		return e.run(errand{do: m.deliver, fd: -1, real: true, block: m.wait, limit: m.limit, close: m.close}, d)
	}
	if !who.lower() {
		m.close()
		return Decision{Kind: Kill}
	}
	n, errno := m.try()
	if errno == syscall.EPIPE {
		who.raise() // to signal
		m.broken()
	}
	if errno != syscall.EAGAIN && n == len(m.data) || !m.wait || errno != 0 && errno != syscall.EAGAIN {
		m.close()
		return d.made(uint64(n), errno)
	}
	if m.data, m.sent = m.data[n:], n; n > 0 {
		m.control = nil
	}
	return e.run(errand{do: m.deliver, fd: -1, block: true, limit: m.limit, close: m.close}, d)
}

// prepare is all of deliver up to the sending.
func (e *Engine) prepare(t *Trap, m *delivery, flags uint32, who *actor, read func(*message) syscall.Errno) Decision {
	fail := func(errno syscall.Errno) Decision { return Decision{Kind: Fail, Errno: errno} }
	l, errno := lenderOf(m.th)
	m.socket.fd = -1
	if errno != 0 {
		return fail(gone(errno))
	}
	defer l.close()
	if m.socket, errno = l.socket(t.Int(0)); errno != 0 {
		m.socket.fd = -1
		return fail(errno)
	}
	if flags&(sys.MSG_FASTOPEN|sys.MSG_ZEROCOPY) != 0 {
		return fail(syscall.EOPNOTSUPP)
	}
	if errno := read(&m.message); errno != 0 {
		return fail(errno)
	}
	if m.fds, errno = m.lend(l); errno != 0 {
		return fail(errno)
	}
	if m.cut && m.typ != sockStream {
		return fail(syscall.EMSGSIZE)
	}
	m.flags = int(flags) | sys.MSG_DONTWAIT | sys.MSG_NOSIGNAL
	m.wait = flags&sys.MSG_DONTWAIT == 0 && sys.Blocking(m.socket.fd)
	m.limit = sys.SendTimeout(m.socket.fd)
	m.quiet = flags&sys.MSG_NOSIGNAL != 0
	if m.name == nil {
		return Decision{Kind: Allow}
	}
	return e.address(t, m, who)
}

// sockStream is SOCK_STREAM.
const sockStream = 1

// address decides the message's address and spells it for the kernel. A
// connected socket that can have one peer only looks at no address, or refuses
// any (Linux 6.18: tcp_sendmsg, unix_seqpacket_sendmsg, unix_stream_sendmsg).
func (e *Engine) address(t *Trap, m *delivery, who *actor) Decision {
	switch m.endpointProtocol() {
	case policy.Unix:
		if m.typ == sockStream {
			m.addr = sys.MakeSockaddr(unixAddress(""))
		}
		return Decision{Kind: Allow}
	case policy.TCP:
		return Decision{Kind: Allow}
	}
	d := e.aim(t, &m.target, m.name, verbSend, who)
	switch {
	case d.Kind != Allow || m.absent:
	case m.target.path != "":
		m.addr = sys.MakeSockaddr(unixAddress(sys.PinPath(m.pin.fd)))
	default:
		m.addr = sys.MakeSockaddr(m.raw)
	}
	return d
}

// try sends what there is room for.
func (m *delivery) try() (int, syscall.Errno) {
	return sys.SendMessage(m.socket.fd, m.addr, m.data, m.control, m.flags)
}

// broken sends the signal that a stream's sender gets for EPIPE.
func (m *delivery) broken() {
	if m.typ == sockStream && !m.quiet {
		sys.Signal(m.th.pid, m.th.tid, syscall.SIGPIPE)
	}
}

// poll is the longest time between two looks at whether a waiting call was
// given up, or at a receiver's queue, of which no descriptor tells.
const poll = 10 * time.Millisecond

// deliver sends the whole message, as a blocking call does. It runs as an
// errand.
func (m *delivery) deliver(w *Waiting) (uint64, syscall.Errno) {
	var deadline time.Time
	if m.limit > 0 {
		deadline = time.Now().Add(m.limit)
	}
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, poll) {
		n, errno := m.try()
		if errno == 0 {
			m.sent += n
			m.data, m.control = m.data[n:], nil
			if len(m.data) == 0 || !m.wait {
				return uint64(m.sent), 0
			}
			continue
		}
		late := !deadline.IsZero() && time.Now().After(deadline)
		if errno != syscall.EAGAIN || !m.wait || late || w.cancelled.Load() {
			if m.sent > 0 {
				return uint64(m.sent), 0
			}
			if errno == syscall.EPIPE {
				m.broken()
			}
			return 0, errno
		}
		sys.WaitWritable(m.socket.fd, poll)
		time.Sleep(pause)
	}
}
