package policy_test

import (
	"testing"

	"github.com/belljar/belljar/policy"
)

// Every preset parses, is valid, and carries positions that name its file.
func TestPresetsParse(t *testing.T) {
	for _, name := range policy.Presets() {
		p, ok := policy.Preset(name)
		if !ok {
			t.Fatalf("no preset %q", name)
		}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, r := range p.Rules {
			if r.Pos.File == "" || r.Pos.Line == 0 {
				t.Errorf("%s: rule %s has no position", name, r.Call)
			}
		}
	}
}
