package runs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/test/cases"
)

// allowing is a handler that lets every call that it is asked about be made.
type allowing struct{}

func (allowing) Handle(*supervise.Trap) supervise.Decision {
	return supervise.Decision{Kind: supervise.Allow}
}

// moved runs a script in a directory that may be written, but for sub/secret.
func moved(t *testing.T, s cases.Sandbox, script string, h supervise.Handler) string {
	t.Helper()
	dir := testkit.Dir(t)
	sub := filepath.Join(dir, "sub")
	for _, d := range []string{dir, sub} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(sub, "secret"), []byte("not for you"), 0o644); err != nil {
		t.Fatal(err)
	}
	opts := s.Options(t, "observe")
	opts.Policy.Files.Rules = append(opts.Policy.Files.Rules, policy.FileRule{Pattern: filepath.Join(sub, "secret"), Do: policy.Action{Kind: policy.Deny, Errno: 13}})
	if h != nil {
		opts.Handler = h
		for _, call := range []string{"rename", "renameat", "renameat2"} {
			opts.Policy.Rules = append([]policy.Rule{{Call: call, Do: policy.Action{Kind: policy.Trap}}}, opts.Policy.Rules...)
		}
	}
	_, out := cases.Run(t, belljar.Command{Args: []string{"/bin/sh", "-c", script}, Dir: dir, Env: []string{"PATH=/usr/bin:/bin"}}, opts)
	return out.Stdout.String()
}

// TestMovedDirectory proves that a directory with a refused file in it keeps its
// name, that others can be renamed, and that a handler which lets it be renamed
// gives the file away.
func TestMovedDirectory(t *testing.T) {
	steal := "mv sub other; cat sub/secret other/secret; mkdir empty; mv --exchange -T empty sub; cat empty/secret"
	for _, s := range cases.Sandboxes {
		if !s.Supervised() || s.Private() {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			if out := moved(t, s, steal, nil); strings.Contains(out, "not for you") {
				t.Errorf("the secret is out: %q", out)
			}
			if out := moved(t, s, "mkdir a; echo text >a/f; mv a b; cat b/f; python3 -c 'import os; os.rename(\"b\", \"c\")' && cat c/f", nil); out != "text\ntext\n" {
				t.Errorf("output %q", out)
			}
			if out := moved(t, s, steal, allowing{}); !strings.Contains(out, "not for you") {
				t.Errorf("with a careless handler the secret stays in: %q", out)
			}
		})
	}
}
