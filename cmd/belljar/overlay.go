package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// overlay holds the rules that flags add on top of a policy. Position N in
// "file" --read stands for the Nth --read.
type overlay struct {
	files  []policy.FileRule
	rules  []policy.Rule
	counts []policy.Count
	given  map[string]int // how often each flag was given
}

func (o *overlay) pos(flag string) policy.Pos {
	if o.given == nil {
		o.given = map[string]int{}
	}
	o.given[flag]++
	return policy.Pos{File: "--" + flag, Line: o.given[flag], Col: 1}
}

// grants are the flags that allow something; --deny is the one that refuses.
var grants = map[string]policy.Access{
	"read":  policy.Read,
	"write": policy.Write,
	"stat":  policy.Stat,
	"exec":  policy.Exec,
}

func (o *overlay) addFile(flag, glob string) error {
	if glob == "" {
		return errors.New("must not be empty")
	}
	rule := policy.FileRule{Pattern: glob, Grant: grants[flag], Pos: o.pos(flag)}
	if rule.Grant == 0 {
		eacces, _ := syscalls.Errno("EACCES")
		rule.Do = policy.Action{Kind: policy.Deny, Errno: eacces}
	}
	for i, other := range o.files {
		if other.Pattern != glob {
			continue
		}
		if other.Grant == 0 || rule.Grant == 0 {
			return fmt.Errorf("%s already speaks of it", other.Pos.File)
		}
		o.files[i].Grant |= rule.Grant
		return nil
	}
	o.files = append(o.files, rule)
	return nil
}

func (o *overlay) addCall(flag, call string) error {
	do := policy.Action{Kind: policy.Allow}
	if flag == "kill" {
		do.Kind = policy.Kill
	}
	for _, r := range o.rules {
		if r.Call == call && r.Do != do {
			return fmt.Errorf("%s says otherwise", r.Pos.File)
		}
	}
	o.rules = append(o.rules, policy.Rule{Call: call, Do: do, Pos: o.pos(flag)})
	return nil
}

func (o *overlay) addCount(spec string) error {
	call, max, ok := strings.Cut(spec, "=")
	n, err := strconv.ParseUint(max, 10, 32)
	if !ok || err != nil {
		return errors.New("write CALL=N, such as socket=5")
	}
	o.counts = append(o.counts, policy.Count{Call: call, Max: n, Pos: o.pos("count")})
	return nil
}

// apply returns the policy with the overlay's rules on top, so that they win.
func (o *overlay) apply(p *policy.Policy) (*policy.Policy, error) {
	if len(o.rules)+len(o.counts)+len(o.files) == 0 {
		return p, nil
	}
	own := &policy.Policy{Name: p.Name, Rules: slices.Clone(o.rules), Counts: o.counts, Files: policy.Files{Rules: o.files}}
	// A name beats a group, as in a file, whatever the order of the flags.
	slices.SortStableFunc(own.Rules, func(a, b policy.Rule) int {
		return strings.Compare(group(a.Call), group(b.Call))
	})
	q := policy.Extend(p, own)
	if mistake, ok := errors.AsType[*policy.Error](q.Validate()); ok {
		if strings.HasPrefix(mistake.Pos.File, "--") {
			// A flag has no line and column.
			return nil, fmt.Errorf("%s: %w", mistake.Pos.File, &policy.Error{Msg: mistake.Msg, Hint: mistake.Hint})
		}
		return nil, mistake
	}
	return q, nil
}

// group returns "@" for a group's name and "" for a call's.
func group(call string) string {
	if policy.IsGroup(call) {
		return "@"
	}
	return ""
}

// policyLimit is far beyond any policy that a person writes.
const policyLimit = 1 << 20

// loadPolicy reads a preset or a file. A file with a preset's name needs a
// slash, "./judge".
func loadPolicy(name string) (*policy.Policy, error) {
	if p, ok := policy.Preset(name); ok {
		return p, nil
	}
	src, err := readPolicy(name)
	if err != nil {
		return nil, err
	}
	return policy.Parse(name, src)
}

func readPolicy(name string) ([]byte, error) {
	src, err := readLimited(name, policyLimit)
	if errors.Is(err, os.ErrNotExist) {
		hint := strings.Join(policy.Presets(), ", ")
		if near := policy.Nearest(name, policy.Presets()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		return nil, fmt.Errorf("policy %s: neither a file nor a preset (%s)", quote(name), hint)
	}
	if err != nil {
		return nil, fmt.Errorf("policy %s: %w", quote(name), err)
	}
	return src, nil
}
