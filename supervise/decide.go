package supervise

import (
	"path"
	"syscall"

	"github.com/belljar/belljar/policy"
)

// rules is what a policy says about files, for one run.
type rules struct {
	set     *policy.FileSet
	pos     policy.Pos // of the default
	dir     string     // of the command, for a relative program
	program string     // canonical path of the program's own file, or ""
}

// decide says what becomes of a call that does p to the object o.
func (r *rules) decide(o *object, p *pathRequest) Decision {
	if o.errno != 0 {
		return r.decideFailed(o, p)
	}
	if o.own && p.want&^o.held == 0 && !p.unnamed {
		return Decision{Kind: Allow, Path: o.path}
	}
	asked := o.path
	if p.unnamed {
		// The new file has no name yet, but it is one in this directory.
		asked = join(asked, "#")
	}
	d := r.access(asked, p.want)
	d.Path = o.path
	return d
}

// decideMapped decides a file that is mapped beside a program, such as its
// loader. Whoever may read a file can map it and jump there, so Read is as good
// as Exec; p says which it was.
func (r *rules) decideMapped(o *object, p *pathRequest) Decision {
	p.want = read
	if d := r.decide(o, p); d.Kind == Allow {
		return d
	}
	p.want = exec
	return r.decide(o, p)
}

// decideFailed answers where the kernel would fail before it reaches an
// object. Its errno tells whether names exist, so it is given only where the
// policy lets the program ask; elsewhere the answer is the same as for an
// object that exists.
func (r *rules) decideFailed(o *object, p *pathRequest) Decision {
	if o.path != "" {
		if d := r.access(o.path, p.want); d.Kind != Allow {
			d.Path = o.path
			return d
		}
	}
	return Decision{Kind: Fail, Errno: o.errno, Path: o.path}
}

// access decides by a canonical path.
func (r *rules) access(p string, want policy.Access) Decision {
	action, rule := r.set.Decide(p, want)
	if action.Kind != policy.Allow && want&^r.programGrant(p) == 0 && (rule == nil || rule.Pattern != p) {
		return Decision{Kind: Allow}
	}
	pos := r.pos
	if rule != nil {
		pos = rule.Pos
	}
	return decisionOf(action, pos)
}

// programGrant is what the program may do to its own file and the directory
// that it is in, as if rules named exactly these: only a rule that does so
// itself says otherwise.
func (r *rules) programGrant(p string) policy.Access {
	switch {
	case r.program == "":
		return 0
	case p == r.program:
		return stat | read | exec
	case p == path.Dir(r.program):
		return stat
	}
	return 0
}

// decisionOf turns a policy's action, which a rule at pos takes, into a
// decision. What is no action of its own kills.
func decisionOf(a policy.Action, pos policy.Pos) Decision {
	d := Decision{Kind: Kill, Rule: pos.String()}
	switch a.Kind {
	case policy.Allow:
		d.Kind = Allow
	case policy.Deny:
		d.Kind, d.Errno = Deny, syscall.Errno(a.Errno)
	}
	return d
}
