package cases

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/unshare"
)

// Sandbox is one way to contain a program.
type Sandbox struct {
	Name       string
	Supervisor belljar.Supervisor
	Unshare    belljar.Switch
}

// Sandboxes are all ways. Auto supervises, since every preset but strict has
// file rules.
var Sandboxes = []Sandbox{
	{"ptrace", belljar.Ptrace, belljar.Off},
	{"notify", belljar.Notify, belljar.Off},
	{"unshare", belljar.NoOne, belljar.On},
	{"both", belljar.Auto, belljar.Default},
}

// Find returns the sandbox of a name.
func Find(t testing.TB, name string) Sandbox {
	t.Helper()
	i := slices.IndexFunc(Sandboxes, func(s Sandbox) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no sandbox is called %q", name)
	}
	return Sandboxes[i]
}

// Supervised says whether calls are decided as they happen.
func (s Sandbox) Supervised() bool { return s.Supervisor != belljar.NoOne }

// Private says whether programs have a root of their own.
func (s Sandbox) Private() bool { return s.Unshare != belljar.Off }

// is reports whether a word of a header means the sandbox: its name, or one of
// the groups "supervised" and "open", which is all without a private root.
func (s Sandbox) is(word string) bool {
	switch word {
	case "supervised":
		return s.Supervised()
	case "open":
		return !s.Private()
	}
	return word == s.Name
}

// Require skips the test where this user cannot have the sandbox. A sandbox
// that should work and does not is a failure, never a skip.
func (s Sandbox) Require(t testing.TB) {
	t.Helper()
	if s.Unshare == belljar.On {
		testkit.Namespaces(t)
	}
	if s.Supervisor == belljar.Notify {
		testkit.Notify(t)
	}
}

// Options are the sandbox's own, with a preset.
func (s Sandbox) Options(t testing.TB, preset string) belljar.Options {
	t.Helper()
	p, ok := policy.Preset(preset)
	if !ok {
		t.Fatalf("no preset %q", preset)
	}
	return belljar.Options{Policy: p, Supervisor: s.Supervisor, Unshare: s.Unshare}
}

// Show lets the program see a directory or file: in the private root, and in
// the policy's file rules where it has any.
func (s Sandbox) Show(opts *belljar.Options, path string) {
	if s.Private() {
		root := unshare.DefaultRoot().With(unshare.Mount{Kind: unshare.Bind, Source: path, Target: path})
		opts.Root = &root
	}
	if opts.Policy.Files.Default.Kind != policy.Allow {
		for _, pattern := range []string{path, path + "/**"} {
			opts.Policy.Files.Rules = append(opts.Policy.Files.Rules, policy.FileRule{Pattern: pattern, Grant: policy.Read | policy.Stat})
		}
	}
}

// Each runs a test in every sandbox.
func Each(t *testing.T, f func(t *testing.T, s Sandbox)) {
	for _, s := range Sandboxes {
		t.Run(s.Name, func(t *testing.T) {
			s.Require(t)
			f(t, s)
		})
	}
}

// Warm runs a program in every sandbox: Belljar opens a few descriptors once
// and keeps them, which is no leak. A TestMain calls it first.
func Warm() {
	for _, s := range Sandboxes {
		opts := belljar.Options{Supervisor: s.Supervisor, Unshare: s.Unshare}
		// What does not work here is for the tests to tell.
		_, _ = belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, opts)
	}
}

// Output is what a run wrote.
type Output struct{ Stdout, Stderr bytes.Buffer }

// Run runs a command to its end. Whatever goes wrong, it returns within a
// minute after the wall limit.
func Run(t testing.TB, cmd belljar.Command, opts belljar.Options) (*belljar.Result, *Output) {
	t.Helper()
	res, out, err := TryRun(cmd, opts)
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	return res, out
}

// TryRun is Run for goroutines other than the test's, which must not call
// t.Fatal.
func TryRun(cmd belljar.Command, opts belljar.Options) (*belljar.Result, *Output, error) {
	var out Output
	if cmd.Stdout == nil {
		cmd.Stdout = &out.Stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &out.Stderr
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute+opts.Limits.Wall)
	defer cancel()
	res, err := belljar.Run(ctx, cmd, opts)
	return res, &out, err
}

// Brief is a result without its list of layers and its evidence, for messages.
func Brief(r *belljar.Result) belljar.Result {
	b := *r
	b.Enforcement, b.Violation = nil, nil
	return b
}

// Clip shortens output for messages.
func Clip(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "..."
	}
	return s
}
