package seccomp

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// SystemdSets are systemd's own groups of calls by name, such as
// "@system-service". They differ from version to version.
type SystemdSets map[string][]string

// ReadSystemdSets reads what "systemd-analyze syscall-filter" prints: the name
// of a set on a line, and its calls and other sets indented below it.
func ReadSystemdSets(src []byte) (SystemdSets, error) {
	sets := SystemdSets{}
	var name string
	lines := bufio.NewScanner(bytes.NewReader(src))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		word := strings.TrimSpace(line)
		switch {
		case word == "" || strings.HasPrefix(word, "#"):
		case strings.HasPrefix(line, "@"):
			name = word
			sets[name] = []string{}
		case name == "" || !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t"):
			name = "" // a heading of calls that are in no set
		default:
			sets[name] = append(sets[name], word)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(sets["@default"]) == 0 {
		return nil, fmt.Errorf("there is no set @default: this is not what systemd-analyze syscall-filter prints")
	}
	return sets, nil
}

// expand lists the calls of a word, which may be a set of sets. A set that was
// seen before adds nothing.
func (s SystemdSets) expand(word string, seen map[string]bool) ([]string, error) {
	if !strings.HasPrefix(word, "@") {
		return []string{word}, nil
	}
	words, ok := s[word]
	if !ok {
		return nil, fmt.Errorf("no set %s; give what systemd-analyze syscall-filter prints", word)
	}
	if seen[word] {
		return nil, nil
	}
	seen[word] = true
	var out []string
	for _, w := range words {
		calls, err := s.expand(w, seen)
		if err != nil {
			return nil, err
		}
		out = append(out, calls...)
	}
	return out, nil
}

// ImportSystemd reads the SystemCallFilter= and SystemCallErrorNumber= lines of
// a unit, as systemd.exec(5) has them; other lines are skipped. A list that
// allows also allows the set @default. Errors begin with the file and the line.
func ImportSystemd(file string, src []byte, sets SystemdSets) (*Profile, error) {
	u := unit{sets: sets, listed: map[string]policy.Action{}, otherwise: policy.Action{Kind: policy.Kill}, out: &Profile{}}
	lines := bufio.NewScanner(bytes.NewReader(src))
	for n := 1; lines.Scan(); n++ {
		key, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "=")
		if !ok || strings.HasPrefix(key, "#") || strings.HasPrefix(key, ";") {
			continue
		}
		var err error
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "SystemCallFilter":
			err = u.filter(value)
		case "SystemCallErrorNumber":
			u.otherwise, err = systemdAction(value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if !u.begun {
		return nil, fmt.Errorf("%s: there is no SystemCallFilter=", file)
	}
	u.out.Policy = u.policy(file)
	return u.out, u.out.Policy.Validate()
}

// unit collects the lines of one unit.
type unit struct {
	sets      SystemdSets
	begun     bool
	allows    bool                     // the first line lists what is allowed
	listed    map[string]policy.Action // Unset for what the list's kind says
	otherwise policy.Action            // to what is refused
	out       *Profile
}

// filter adds one line: names and sets, after "~" those that are refused.
func (u *unit) filter(value string) error {
	if value == "" {
		u.begun, u.listed = false, map[string]policy.Action{}
		return nil
	}
	words, refuses := strings.CutPrefix(value, "~")
	first := !u.begun
	if first {
		u.begun, u.allows = true, !refuses
	}
	if first && u.allows {
		words += " @default"
	}
	for _, word := range strings.Fields(words) {
		name, special, has := strings.Cut(word, ":")
		var do policy.Action
		var err error
		if has {
			if do, err = systemdAction(special); err != nil {
				return err
			}
		}
		calls, err := u.sets.expand(name, map[string]bool{})
		if err != nil {
			return err
		}
		for _, call := range calls {
			switch {
			case !syscalls.Known(call):
				u.out.Unknown = append(u.out.Unknown, call)
			case refuses == u.allows && !has:
				delete(u.listed, call) // a line of the other kind takes back
			default:
				u.listed[call] = do
			}
		}
	}
	return nil
}

// systemdAction reads "kill", an errno's name or its number.
func systemdAction(text string) (policy.Action, error) {
	if text == "kill" {
		return policy.Action{Kind: policy.Kill}, nil
	}
	if n, ok := syscalls.Errno(text); ok {
		return policy.Action{Kind: policy.Deny, Errno: n}, nil
	}
	var n uint16
	if _, err := fmt.Sscanf(text, "%d", &n); err != nil || n == 0 || n > 4095 || fmt.Sprint(n) != text {
		return policy.Action{}, fmt.Errorf("%q: neither kill nor an errno", text)
	}
	return policy.Action{Kind: policy.Deny, Errno: n}, nil
}

func (u *unit) policy(file string) *policy.Policy {
	allow := policy.Action{Kind: policy.Allow}
	p := &policy.Policy{Name: file, Default: allow}
	usual := u.otherwise
	if u.allows {
		p.Default, usual = u.otherwise, allow
	}
	for _, name := range syscalls.Names() {
		if do, ok := u.listed[name]; ok {
			if do.Kind == policy.Unset {
				do = usual
			}
			p.Rules = append(p.Rules, policy.Rule{Call: name, Do: do})
		}
	}
	slices.Sort(u.out.Unknown)
	u.out.Unknown = slices.Compact(u.out.Unknown)
	return p
}
