package supervise

import (
	"encoding/binary"
	"slices"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// netCall is how a call on a socket is decided and made.
type netCall func(e *Engine, t *Trap, who *actor) Decision

// netCalls are the calls that the policy's network section may decide one by
// one. Whether a socket of some kind may exist is the filter's to decide.
var netCalls = map[string]netCall{
	"connect":  (*Engine).connect,
	"bind":     (*Engine).bind,
	"listen":   (*Engine).listen,
	"sendto":   (*Engine).sendto,
	"sendmsg":  (*Engine).sendmsg,
	"sendmmsg": (*Engine).sendmmsg,
}

// planNetwork prepares the network section's rules.
func (e *Engine) planNetwork(canon func(string) string) {
	n := &e.policy.Network
	if n.Decides() {
		e.net = n.Plan(canon)
	}
	e.sockets = n.Default.Kind == policy.Unset && len(n.Rules) == 0 && refusesSockets(&e.policy.Files)
}

// netCall returns how a call is decided, nil for one that reaches no peer.
func (e *Engine) netCall(name string) netCall {
	if e.sockets && slices.Contains(byPath, name) || e.net != nil && slices.Contains(e.net.Decided(), name) {
		return netCalls[name]
	}
	return nil
}

// PassCalls returns trapped calls that a filter may let through where a
// condition on their arguments holds.
func (e *Engine) PassCalls() map[string]policy.Cond {
	nr, ok := e.table.Number("sendto")
	if !ok {
		return nil
	}
	if p := &e.calls[nr]; p.net == nil || p.asks || len(p.counts) > 0 {
		return nil
	}
	// Without an address it sends to the peer that connect decided.
	return map[string]policy.Cond{"sendto": {Arg: 4, Op: policy.Eq, Values: []uint64{0}}}
}

// target is an address with the socket that it is for, decided.
type target struct {
	sockaddr
	socket
	pin object // of a unix socket's path
}

func (p *target) close() {
	p.socket.close()
	p.pin.close()
}

// aim decides what a call does with an address on a borrowed socket. The
// decision is Allow, or the answer to the call.
func (e *Engine) aim(t *Trap, p *target, b []byte, verb netVerb, who *actor) Decision {
	p.pin = failed("", 0)
	var errno syscall.Errno
	strange := e.strange(&p.socketType)
	if strange {
		p.sockaddr, errno = asGiven(b)
	} else {
		p.sockaddr, errno = parseSockaddr(b, p.socketType, verb)
	}
	if errno != 0 {
		return Decision{Kind: Fail, Errno: errno}
	}
	if !t.Tracee.Valid() {
		return Decision{Kind: Fail, Errno: syscall.EINTR}
	}
	if p.unspec || p.absent || strange {
		return Decision{Kind: Allow}
	}
	p.peer.Protocol = p.endpointProtocol()
	if p.path == "" {
		return e.decidePeer(t, p, verb, who)
	}
	req := pathRequest{dir: atFDCWD, path: p.path}
	if verb == verbBind {
		req.last = entry
	}
	p.pin = e.resolver.resolve(thread{t.PID, t.TID}, &req, who)
	if p.peer.Name = p.pin.path; p.pin.kind != objFile && p.pin.kind != objMissing && p.pin.errno == 0 {
		p.peer.Name = unreachable + p.pin.path
	}
	d := e.decidePeer(t, p, verb, who)
	if d.Kind == Allow && p.pin.errno != 0 {
		d.Kind, d.Errno = Fail, p.pin.errno
	}
	return d
}

// decidePeer asks the policy about a peer.
func (e *Engine) decidePeer(t *Trap, p *target, verb netVerb, who *actor) Decision {
	if e.net == nil {
		return e.refusedPath(p)
	}
	action, rule := e.net.Decide(verb.rule(), p.peer)
	if action.Kind == policy.Trap && e.user != nil {
		if !who.leave() {
			return Decision{Kind: Kill}
		}
		return e.askUser(t)
	}
	pos := e.net.Pos
	if rule != nil {
		pos = rule.Pos
	}
	d := decisionOf(action, pos)
	d.Path = p.peer.String()
	return d
}

// associate reads and decides the address of connect and bind. On Allow the
// caller closes the target.
func (e *Engine) associate(t *Trap, p *target, verb netVerb, who *actor) Decision {
	var errno syscall.Errno
	if p.socket, errno = borrow(t); errno != 0 {
		return Decision{Kind: Fail, Errno: errno}
	}
	b, errno := t.address(t.Uint64(1), t.Int(2))
	if errno != 0 {
		p.socket.close()
		return Decision{Kind: Fail, Errno: errno}
	}
	d := e.aim(t, p, b, verb, who)
	if d.Kind != Allow || who == nil {
		p.close()
	}
	return d
}

// connect is connect(2).
func (e *Engine) connect(t *Trap, who *actor) Decision {
	p := new(target)
	d := e.associate(t, p, verbConnect, who)
	if d.Kind != Allow || who == nil {
		return d
	}
	raw := p.raw
	if p.path != "" {
		raw = unixAddress(sys.PinPath(p.pin.fd))
	}
	addr := sys.MakeSockaddr(raw)
	// Datagram sockets only take note of their peer. Any other may wait: whether
	// it does is a flag that the program's threads can change meanwhile.
	block := !p.unspec && !p.peer.Datagram()
	if !block && p.domain != sys.AF_UNIX {
		defer p.close()
		if !who.lower() {
			return Decision{Kind: Kill}
		}
		return d.made(0, sys.Connect(p.socket.fd, addr))
	}
	return e.run(errand{
		do:    func(*Waiting) (uint64, syscall.Errno) { return 0, sys.Connect(p.socket.fd, addr) },
		fd:    p.socket.fd,
		block: block,
		limit: sys.SendTimeout(p.socket.fd),
		close: p.close,
	}, d)
}

// unprivileged is the first port that needs no capability, unless the
// administrator of a network says otherwise (ip_unprivileged_port_start).
const unprivileged = 1024

// bind is bind(2).
func (e *Engine) bind(t *Trap, who *actor) Decision {
	p := new(target)
	d := e.associate(t, p, verbBind, who)
	if d.Kind != Allow || who == nil {
		return d
	}
	if p.path != "" {
		return e.bindPath(t, p, d)
	}
	defer p.close()
	if !who.lower() {
		return Decision{Kind: Kill}
	}
	if e.identity.mapped && p.peer.Port > 0 && p.peer.Port < unprivileged {
		// Whoever made a user namespace has every capability in it, without
		// setting one (capabilities(7)); the program has none.
		return d.made(0, syscall.EACCES)
	}
	return d.made(0, sys.Bind(p.socket.fd, sys.MakeSockaddr(p.raw)))
}

// bindPath makes a unix socket's file in the directory that was pinned, under
// its bare name. That is also what getsockname(2) then shows.
func (e *Engine) bindPath(t *Trap, p *target, d Decision) Decision {
	errno := syscall.Errno(0)
	mask := uint32(0)
	switch {
	case p.pin.parent < 0: // "/", "." and ".." exist
		errno = syscall.EADDRINUSE
	case strings.HasSuffix(p.path, "/") && p.pin.kind == objMissing:
		errno = syscall.ENOENT
	default:
		mask, errno = e.resolver.umask(thread{t.PID, t.TID})
	}
	if errno != 0 {
		p.close()
		return d.made(0, errno)
	}
	return e.run(errand{
		do: func(*Waiting) (uint64, syscall.Errno) {
			if sharesFS.Load() {
				return 0, syscall.EPERM // the thread has no directory of its own
			}
			sys.Umask(mask)
			if errno := sys.ChangeDir(p.pin.parent); errno != 0 {
				return 0, errno
			}
			return 0, sys.Bind(p.socket.fd, sys.MakeSockaddr(unixAddress(p.pin.name)))
		},
		fd:    -1,
		close: p.close,
	}, d)
}

// listen is listen(2). A TCP socket that has no port yet gets one, on every
// address of the machine: it is decided as the bind that it is.
func (e *Engine) listen(t *Trap, who *actor) Decision {
	p := new(target)
	var errno syscall.Errno
	if p.socket, errno = borrow(t); errno != 0 {
		return Decision{Kind: Fail, Errno: errno}
	}
	p.pin = failed("", 0)
	if p.endpointProtocol() == policy.Unix {
		return e.listenUnix(t, p, who)
	}
	defer p.close()
	name, errno := sys.SocketName(p.socket.fd)
	if errno != 0 {
		return Decision{Kind: Fail, Errno: errno}
	}
	port := localPort(name)
	d := Decision{Kind: Allow} // where it has a port, bind has decided
	if port == 0 {
		d = e.aim(t, p, name, verbBind, who)
	}
	if d.Kind != Allow || who == nil {
		return d
	}
	if !who.lower() {
		return Decision{Kind: Kill}
	}
	if d = d.made(0, sys.ListenSocket(p.socket.fd, int(t.Int(1)))); d.Kind != Return || port == 0 {
		return d
	}
	if name, errno = sys.SocketName(p.socket.fd); errno != 0 || localPort(name) != port {
		// It lost its port in between and listens on another one.
		sys.Shutdown(p.socket.fd)
		return Decision{Kind: Fail, Errno: syscall.EINVAL}
	}
	return d
}

// localPort is the port in a socket's own IPv4 or IPv6 address, 0 if it has none.
func localPort(name []byte) uint16 {
	if len(name) < sockaddrIn {
		return 0
	}
	return binary.BigEndian.Uint16(name[2:])
}

// listenUnix is listen(2) on a unix socket, which must have been bound. Those
// who connect see the credentials of who listens.
func (e *Engine) listenUnix(t *Trap, p *target, who *actor) Decision {
	d := Decision{Kind: Allow, Path: policy.Unix + ":"}
	if who == nil {
		p.close()
		return d
	}
	backlog := int(t.Int(1))
	return e.run(errand{
		do:    func(*Waiting) (uint64, syscall.Errno) { return 0, sys.ListenSocket(p.socket.fd, backlog) },
		fd:    -1,
		close: p.close,
	}, d)
}
