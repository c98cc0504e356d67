package policy

import "strings"

// Implied returns the access together with what it brings along: Write and
// Exec imply Read, and each implies Stat.
func (a Access) Implied() Access {
	if a&(Write|Exec) != 0 {
		a |= Read
	}
	if a != 0 {
		a |= Stat
	}
	return a
}

// accessNames are the lists of a policy's files section, by rising right.
var accessNames = []struct {
	name   string
	access Access
}{{"stat", Stat}, {"read", Read}, {"write", Write}, {"exec", Exec}}

// String returns names such as "stat+read".
func (a Access) String() string {
	var names []string
	for _, n := range accessNames {
		if a&n.access != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, "+")
}

// Decides reports whether the section says anything about paths. Where it
// does not, no path is decided and a supervisor need not look at any.
func (f *Files) Decides() bool { return len(f.Rules) > 0 || f.Default.Kind != Unset }

func (f *Files) validate() *Error {
	if err := f.Default.validate(f.Pos); err != nil {
		return err
	}
	if f.Default.Kind == Trap {
		return errorAt(f.Pos, "files: default: paths are allowed, denied or killed, not trapped")
	}
	seen := map[string]*FileRule{}
	looks := map[string]*FileRule{} // what grants Stat and no more
	var bad *Error
	for i := range f.Rules {
		r := &f.Rules[i]
		bad = bad.and(r.validate())
		name, among := canonical(r.Pattern), seen
		if r.Grant == Stat {
			among = looks // which may stand beside anything
		}
		before := among[name]
		switch {
		case before == nil:
			among[name] = r
		case (before.Grant == 0) != (r.Grant == 0):
			err := errorAt(r.Pos, "files: %q is both granted and refused%s", r.Pattern, alsoAt(before.Pos))
			err.Hint = "only stat can be granted on what is refused otherwise"
			bad = bad.and(err)
		case r.Grant == 0 || before.Grant == r.Grant:
			bad = bad.and(errorAt(r.Pos, "files: %q is there twice%s", r.Pattern, alsoAt(before.Pos)))
		}
	}
	return bad
}

// looked says of each rule whether it is a refusal beside a grant of Stat on the
// same pattern: it refuses what is more than that.
func looked(rules []FileRule) []bool {
	all := make([]bool, len(rules))
	granted := make(map[string]bool)
	for i := range rules {
		if rules[i].Grant == Stat {
			granted[canonical(rules[i].Pattern)] = true
		}
	}
	if len(granted) == 0 {
		return all
	}
	for i := range rules {
		all[i] = rules[i].Grant == 0 && granted[canonical(rules[i].Pattern)]
	}
	return all
}

func alsoAt(p Pos) string {
	if p == (Pos{}) {
		return ""
	}
	return ", the other is at " + p.String()
}

func (r *FileRule) validate() *Error {
	if msg := badPattern(r.Pattern); msg != "" {
		return errorAt(r.Pos, "files: pattern %q: %s", r.Pattern, msg)
	}
	if r.Grant > Stat|Read|Write|Exec {
		return errorAt(r.Pos, "files: %q: unknown access %#x", r.Pattern, uint8(r.Grant))
	}
	if err := r.Do.validate(r.Pos); err != nil {
		return err
	}
	refusal := r.Do.Kind == Deny || r.Do.Kind == Kill
	switch {
	case r.Grant != 0 && r.Do != (Action{}):
		return errorAt(r.Pos, "files: %q: a rule that grants access has no action", r.Pattern)
	case r.Grant == 0 && !refusal:
		return errorAt(r.Pos, "files: %q: a rule grants access, denies or kills", r.Pattern)
	}
	return nil
}
