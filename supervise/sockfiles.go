package supervise

import (
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
)

// Where the policy leaves sockets alone, but rules refuse files by name, those
// hold for the sockets among them, too: to connect or send to one is to write
// it, as it is for the kernel, and to bind one is to make it. Which socket a call
// is about can change until it is made, so all calls that name a peer are made in
// the program's place; nothing but the path of a unix socket is decided.

// byPath are these calls.
var byPath = append([]string{"connect", "bind"}, policy.Sends...)

// refusesSockets reports whether some rule refuses by name what may be a socket.
// There is none in procfs.
func refusesSockets(f *policy.Files) bool {
	for i := range f.Rules {
		if r := &f.Rules[i]; r.Grant == 0 && !strings.HasPrefix(r.Pattern, "/proc/") {
			return true
		}
	}
	return false
}

// refusedPath is the decision of the file rules on a socket's path.
func (e *Engine) refusedPath(p *target) Decision {
	if p.path == "" {
		return Decision{Kind: Allow}
	}
	action, rule := e.rules.set.Decide(p.pin.path, write)
	if rule == nil || rule.Grant != 0 {
		return Decision{Kind: Allow}
	}
	d := decisionOf(action, rule.Pos)
	d.Path = p.pin.path
	return d
}

// strange reports whether the policy has no word for the socket's addresses,
// and nothing to decide about them.
func (e *Engine) strange(s *socketType) bool {
	return e.net == nil && s.domain != sys.AF_UNIX && s.domain != sys.AF_INET && s.domain != sys.AF_INET6
}

// asGiven is an address of a strange socket, for the kernel to understand.
func asGiven(b []byte) (a sockaddr, errno syscall.Errno) {
	if len(b) > sockaddrMax {
		return a, syscall.EINVAL
	}
	a.raw = append([]byte(nil), b...)
	return a, 0
}
