package main

import (
	"flag"
	"fmt"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/bench/internal/timed"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// settings are the command line. Flags that belljar run has, too, are spelled
// and mean the same there.
type settings struct {
	timed.Plan
	options belljar.Options
	rules   []policy.FileRule
	noRules bool
	more    int // file rules beside those
	preset  string
}

func parse(command string, args []string) (*settings, []string, error) {
	s := new(settings)
	f := flag.NewFlagSet(command, flag.ContinueOnError)
	s.Plan.Flags(f)
	f.StringVar(&s.preset, "policy", "judge", "a preset")
	f.Func("read", "GLOB", s.rule(policy.Read))
	f.Func("write", "GLOB", s.rule(policy.Write))
	f.Func("deny", "GLOB", s.rule(0))
	f.BoolVar(&s.noRules, "no-file-rules", false, "the policy without its rules on files")
	f.IntVar(&s.more, "more-rules", 0, "add so many rules on files that match nothing")
	f.StringVar((*string)(&s.options.Supervisor), "supervisor", "", "ptrace, notify, none; the library's choice by default")
	f.BoolFunc("unshare", "namespaces and a private root", s.unshare(belljar.On))
	f.BoolFunc("no-unshare", "the host's own root", s.unshare(belljar.Off))
	f.IntVar(&s.options.Containers, "containers", 0, "keep so many sandboxes parked")
	if err := f.Parse(args); err != nil {
		return nil, nil, err
	}
	p, ok := policy.Preset(s.preset)
	if !ok {
		return nil, nil, fmt.Errorf("no preset %q", s.preset)
	}
	if p.Files.Rules = append(p.Files.Rules, append(s.rules, manyRules(s.more)...)...); s.noRules {
		p.Files = policy.Files{}
	}
	s.options.Policy = p
	return s, f.Args(), nil
}

func (s *settings) unshare(to belljar.Switch) func(string) error {
	return func(string) error { s.options.Unshare = to; return nil }
}

func (s *settings) rule(grant policy.Access) func(string) error {
	return func(pattern string) error {
		r := policy.FileRule{Pattern: pattern, Grant: grant}
		if grant == 0 {
			eacces, _ := syscalls.Errno("EACCES")
			r.Do = policy.Action{Kind: policy.Deny, Errno: eacces}
		}
		s.rules = append(s.rules, r)
		return nil
	}
}

// manyRules are rules as they are in large policies: single files, directories
// with all in them, and files by their endings.
func manyRules(n int) []policy.FileRule {
	rules := make([]policy.FileRule, n)
	for i := range rules {
		form := [...]string{"/data/%d/%d/file", "/data/%d/%d/**", "/data/%d/%d/*.txt"}[i%3]
		rules[i] = policy.FileRule{Pattern: fmt.Sprintf(form, i%1000, i), Grant: policy.Read}
	}
	return rules
}
