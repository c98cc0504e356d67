package supervise

import (
	"syscall"

	"github.com/belljar/belljar/policy"
)

// Handle decides a trap: first by the counts, then by the user's handler where
// the policy asks for that, then by the paths. A call on a path that is allowed
// it makes itself, or answers with an Opening; the supervisor's thread has called
// Begin.
func (e *Engine) Handle(t *Trap) Decision {
	return e.handle(t, true)
}

func (e *Engine) handle(t *Trap, onBehalf bool) Decision {
	t.Alone = t.Alone && e.alone()
	var who *actor
	if onBehalf {
		t.actor = actor{id: &e.identity}
		who = &t.actor
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
	e.join(plan, t)
	if !t.Again {
		if d, over := plan.count(); over {
			return d
		}
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
		if !inPlace {
			who = nil
		}
		return plan.net(e, t, who)
	}
	if plan.path != nil && e.judges {
		return e.decidePaths(t, plan.path, who, onBehalf)
	}
	return Decision{Kind: Allow}
}

// inPlace is switched off by a test that shows what becomes of calls on sockets
// that are decided and then let go on.
var inPlace = true

// count takes note of a call. Of several counts that it exceeds, the first
// decides.
func (p *callPlan) count() (d Decision, over bool) {
	for _, c := range p.counts {
		if c.made.Add(1) > c.rule.Max && !over {
			d, over = decisionOf(c.rule.Do, c.rule.Pos), true
			d.Count = true
		}
	}
	return d, over
}

func (e *Engine) askUser(t *Trap) Decision {
	e.userTurn.Lock()
	defer e.userTurn.Unlock()
	e.common.Store(true) // whatever it lets the program open
	return e.user.Handle(t)
}

// decidePaths reads, resolves and decides each path of a call. It makes the
// call itself if it is allowed, unless the kernel is to make it.
func (e *Engine) decidePaths(t *Trap, call *pathCall, who *actor, onBehalf bool) Decision {
	var req *request
	if onBehalf && e.resolver.fixed {
		if r, errno := readRequest(t, call); errno == 0 {
			if d, ok := e.recall(t, call, &r, who); ok {
				return d
			}
			copied := r // what escapes is not what recall looked at, so that recall allocates nothing
			req = &copied
		}
	}
	return e.lookUp(t, call, req, who, onBehalf)
}

// lookUp resolves and decides each path of a call.
func (e *Engine) lookUp(t *Trap, call *pathCall, req *request, who *actor, onBehalf bool) Decision {
	m := making{engine: e, trap: t, who: who, th: thread{t.PID, t.TID}}
	defer m.close()
	d, decided := e.decideRequest(&m, call, req, onBehalf)
	if call.open != notOpen && d.Kind == Allow {
		e.opens(&m.objects[0], m.request.paths[0].want)
	}
	if onBehalf && e.remember(&m, d) && t.Alone && d.Kind == Allow && call.own() {
		return d
	}
	if onBehalf && !decided && looksWithin(t, call, &m.request) {
		e.rememberWithin(&m)
		return d
	}
	switch {
	case decided || !onBehalf || m.request.n == 0 || call.continues:
		// A call without a path to judge is one on registers alone.
		return d
	case call.moves && !e.mayMove(&m):
		return Decision{Kind: Deny, Errno: syscall.EXDEV, Path: m.objects[0].path}
	case call.open != notOpen:
		if who.raise(); !t.Tracee.Valid() {
			return Decision{Kind: Fail, Errno: syscall.ESRCH, Path: d.Path}
		}
		d.Kind, d.Opening = Open, e.opening(&m)
		return d
	case call.by.make == nil:
		// No program of this machine has the call.
		return Decision{Kind: Kill, Path: d.Path}
	}
	return m.act(&call.by, d)
}

// decideRequest decides a call's paths; decided says that there is nothing more
// to do about it. copied is what the call asks for, if that was read already.
func (e *Engine) decideRequest(m *making, call *pathCall, copied *request, onBehalf bool) (d Decision, decided bool) {
	if onBehalf {
		if errno := call.by.begin(m.trap); errno != 0 {
			return Decision{Kind: Fail, Errno: errno}, true
		}
	}
	if onBehalf && call.by.read != nil {
		if errno := call.by.read(m); errno != 0 {
			return Decision{Kind: Fail, Errno: errno}, true
		}
		if m.done {
			return Decision{Kind: Return}, true
		}
	}
	if copied != nil {
		m.request = *copied
	} else if req, errno := readRequest(m.trap, call); errno == 0 {
		m.request = req
	} else {
		return Decision{Kind: Fail, Errno: errno}, true
	}
	req := &m.request
	for i := range m.objects {
		m.objects[i] = failed("", 0)
	}
	allowed := Decision{Kind: Allow}
	var uses []Use
	for i := range req.n {
		m.objects[i] = e.resolver.resolve(m.th, &req.paths[i], m.who)
		d := e.decidePath(m.th, &m.objects[i], &req.paths[i], m.who)
		uses = append(uses, d.Uses...)
		d.Uses = uses
		if d.Kind != Allow {
			return d, true
		}
		if i == 0 {
			allowed = d
		}
	}
	allowed.Uses = uses
	if req.late != 0 {
		return Decision{Kind: Fail, Errno: req.late, Uses: uses}, true
	}
	return allowed, false
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

// used notes the object of a decision, for those who observe and those who
// explain why a run ended.
func (e *Engine) used(d *Decision, o *object, p *pathRequest) {
	if (e.resolver.names || d.Kind == Kill) && o.path != "" {
		d.Uses = append(d.Uses, Use{Path: o.path, Access: p.want})
	}
}
