package belljar

import (
	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/landlock"
	"github.com/belljar/belljar/policy"
)

// networkTraps says what in the policy's network section only a supervisor can
// do.
func (p *plan) networkTraps() string {
	if n := &p.policy.Network; n.Decides() {
		return n.Plan(nil).NeedsSupervisor(kernel.LandlockABI() >= landlock.PortABI)
	}
	return ""
}

// passCalls are the trapped calls that the filter lets through in some form.
func (p *plan) passCalls() map[string]policy.Cond {
	if p.engine == nil {
		return nil
	}
	return p.engine.PassCalls()
}

// networkLayer says who keeps the policy's network section.
func (p *plan) networkLayer() Layer {
	n := &p.policy.Network
	if !n.Decides() {
		return Layer{"network", LayerOff, "the policy decides no sockets apart from system calls"}
	}
	l := Layer{"network", LayerOn, ""}
	plan := n.Plan(nil)
	if p.supervisor == NoOne && plan.NeedsSupervisor(false) != "" {
		l.Why = "TCP ports by Landlock, which refuses with EACCES"
	}
	if p.root != nil && !p.opts.HostNetwork && plan.Has("connect", policy.TCP, policy.UDP) {
		l.Why = join(l.Why, "the program's network is empty: to reach TCP and UDP peers, run it in the host's (--host-network)")
	}
	return l
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
