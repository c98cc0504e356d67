package runs

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/unshare"
)

// TestMain runs a program in every sandbox first: Belljar opens a few
// descriptors once and keeps them, which is no leak.
func TestMain(m *testing.M) {
	for _, s := range sandboxes {
		opts := belljar.Options{Supervisor: s.supervisor, Unshare: s.unshare}
		// What does not work here is for the tests to tell.
		_, _ = belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, opts)
	}
	testkit.Main(m)
}

// sandbox is one way to contain a program.
type sandbox struct {
	name       string
	supervisor belljar.Supervisor
	unshare    belljar.Switch
}

var sandboxes = []sandbox{
	{"ptrace", belljar.Ptrace, belljar.Off},
	{"unshare", belljar.NoOne, belljar.On},
	{"both", belljar.Auto, belljar.Default},
}

// require skips the test where this user cannot have the sandbox. A sandbox
// that should work and does not is a failure, never a skip.
func (s sandbox) require(t testing.TB) {
	t.Helper()
	if s.unshare == belljar.On {
		testkit.Namespaces(t)
	}
}

// options are the sandbox's own, with a preset.
func (s sandbox) options(t testing.TB, preset string) belljar.Options {
	t.Helper()
	p, ok := policy.Preset(preset)
	if !ok {
		t.Fatalf("no preset %q", preset)
	}
	return belljar.Options{Policy: p, Supervisor: s.supervisor, Unshare: s.unshare}
}

// show lets the program see a directory or file: in the private root, and in
// the policy's file rules where it has any.
func (s sandbox) show(t testing.TB, opts *belljar.Options, path string) {
	t.Helper()
	if s.unshare != belljar.Off {
		root := unshare.DefaultRoot().With(unshare.Mount{Kind: unshare.Bind, Source: path, Target: path})
		opts.Root = &root
	}
	if opts.Policy.Files.Default.Kind != policy.Allow {
		for _, pattern := range []string{path, path + "/**"} {
			opts.Policy.Files.Rules = append(opts.Policy.Files.Rules, policy.FileRule{Pattern: pattern, Grant: policy.Read | policy.Stat})
		}
	}
}

// each runs a test in every sandbox.
func each(t *testing.T, f func(t *testing.T, s sandbox)) {
	for _, s := range sandboxes {
		t.Run(s.name, func(t *testing.T) {
			s.require(t)
			f(t, s)
		})
	}
}

// output is what a run wrote.
type output struct{ stdout, stderr bytes.Buffer }

// run runs a command to its end. Whatever goes wrong, it returns within half a
// minute.
func run(t testing.TB, cmd belljar.Command, opts belljar.Options) (*belljar.Result, *output) {
	t.Helper()
	var out output
	if cmd.Stdout == nil {
		cmd.Stdout = &out.stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &out.stderr
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	res, err := belljar.Run(ctx, cmd, opts)
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	return res, &out
}
