package supervise

import (
	"syscall"

	"github.com/belljar/belljar/policy"
)

// Handle decides a trap: first by the counts, then by the user's handler where
// the policy asks for that, then by the paths.
func (e *Engine) Handle(t *Trap) Decision {
	d := e.decide(t)
	if e.observe != nil {
		e.observe(t, d)
	}
	return d
}

func (e *Engine) decide(t *Trap) Decision {
	// A call of another ABI was never planned for, nor a number without a name.
	if t.Arch != e.table || t.Nr < 0 || t.Nr >= len(e.calls) {
		return Decision{Kind: Kill}
	}
	plan := &e.calls[t.Nr]
	if d, over := plan.count(); over {
		return d
	}
	if plan.asks || plan.path == nil && len(plan.counts) == 0 {
		action, rule := e.policy.Decide(t.Arch, t.Nr, t.Args)
		var pos policy.Pos
		if rule != nil {
			pos = rule.Pos
		}
		if action.Kind == policy.Trap && e.user != nil {
			return e.askUser(t)
		}
		if action.Kind != policy.Allow {
			return decisionOf(action, pos)
		}
	}
	if plan.path != nil && e.judges {
		return e.decidePaths(t, plan.path)
	}
	return Decision{Kind: Allow}
}

// count takes note of a call. Of several counts that it exceeds, the first
// decides.
func (p *callPlan) count() (d Decision, over bool) {
	for _, c := range p.counts {
		if c.made.Add(1) > c.rule.Max && !over {
			d, over = decisionOf(c.rule.Do, c.rule.Pos), true
		}
	}
	return d, over
}

func (e *Engine) askUser(t *Trap) Decision {
	e.userTurn.Lock()
	defer e.userTurn.Unlock()
	return e.user.Handle(t)
}

// decidePaths reads, resolves and decides each path of a call.
func (e *Engine) decidePaths(t *Trap, call *pathCall) Decision {
	req, errno := readRequest(t, call)
	if errno != 0 {
		return Decision{Kind: Fail, Errno: errno}
	}
	th := thread{t.PID, t.TID}
	allowed := Decision{Kind: Allow}
	for i := range req.n {
		d := e.decidePath(th, &req.paths[i])
		if d.Kind != Allow {
			return d
		}
		if i == 0 {
			allowed = d
		}
	}
	return allowed
}

func (e *Engine) decidePath(th thread, p *pathRequest) Decision {
	o := e.resolver.resolve(th, p)
	defer o.close()
	d := e.rules.decide(&o, p)
	if d.Kind != Allow || p.want&exec == 0 || fileType(o.stat) != syscall.S_IFREG {
		return d
	}
	if i := e.decideInterpreters(th, &o); i.Kind != Allow {
		return i
	}
	return d
}
