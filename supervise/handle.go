package supervise

import (
	"syscall"

	"github.com/belljar/belljar/policy"
)

// Handle decides a trap: first by the counts, then by the user's handler where
// the policy asks for that, then by the paths.
func (e *Engine) Handle(t *Trap) Decision {
	return e.handle(t, e.onBehalf || e.reaches(t))
}

// reaches reports whether the call reaches a peer.
func (e *Engine) reaches(t *Trap) bool {
	return t.Nr >= 0 && t.Nr < len(e.calls) && e.calls[t.Nr].net != nil
}

func (e *Engine) handle(t *Trap, onBehalf bool) Decision {
	var who *actor
	if onBehalf {
		who = &actor{id: &e.identity}
	}
	d := e.decide(t, who, onBehalf)
	who.raise()
	if e.observe != nil && who.leave() {
		e.observe(t, d)
	}
	if who != nil && who.err != nil {
		if d.Opening != nil {
			d.Opening.Close()
		}
		if d.Waiting != nil {
			d.Waiting.Cancel()
		}
		return Decision{Kind: Kill, Path: d.Path, Err: who.err}
	}
	return d
}

// Decide says what becomes of a call and does nothing about it: what Handle
// would do in the tracee's place is Allow.
func (e *Engine) Decide(t *Trap) Decision {
	return e.handle(t, false)
}

func (e *Engine) decide(t *Trap, who *actor, onBehalf bool) Decision {
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
			if !who.leave() {
				return Decision{Kind: Kill}
			}
			return e.askUser(t)
		}
		if action.Kind != policy.Allow {
			return decisionOf(action, pos)
		}
	}
	if plan.net != nil {
		return plan.net(e, t, who)
	}
	if plan.path != nil && e.judges {
		return e.decidePaths(t, plan.path, who, onBehalf)
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

// decidePaths reads, resolves and decides each path of a call, and answers it.
func (e *Engine) decidePaths(t *Trap, call *pathCall, who *actor, onBehalf bool) Decision {
	req, errno := readRequest(t, call)
	if errno != 0 {
		return Decision{Kind: Fail, Errno: errno}
	}
	var objects [2]object
	defer func() {
		for i := range req.n {
			objects[i].close()
		}
	}()
	for i := range objects {
		objects[i] = failed("", 0)
	}
	th := thread{t.PID, t.TID}
	allowed := Decision{Kind: Allow}
	var uses []Use
	for i := range req.n {
		objects[i] = e.resolver.resolve(th, &req.paths[i], who)
		d := e.decidePath(th, &objects[i], &req.paths[i], who)
		uses = append(uses, d.Uses...)
		d.Uses = uses
		if d.Kind != Allow {
			return d
		}
		if i == 0 {
			allowed = d
		}
	}
	allowed.Uses = uses
	if onBehalf && call.open != notOpen {
		allowed.Kind, allowed.Opening = Open, e.opening(t, &req, &objects[0])
	}
	return allowed
}

func (e *Engine) decidePath(th thread, o *object, p *pathRequest, who *actor) Decision {
	d := e.rules.decide(o, p)
	e.used(&d, o, p)
	if d.Kind != Allow || p.want&exec == 0 || fileType(o.stat) != syscall.S_IFREG {
		return d
	}
	i := e.decideInterpreters(th, o, who)
	d.Uses = append(d.Uses, i.Uses...)
	if i.Kind != Allow {
		i.Uses = d.Uses
		return i
	}
	return d
}

// used notes the object of a decision, for those who observe.
func (e *Engine) used(d *Decision, o *object, p *pathRequest) {
	if e.observe != nil && o.path != "" {
		d.Uses = append(d.Uses, Use{Path: o.path, Access: p.want})
	}
}
