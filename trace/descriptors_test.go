package trace_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/trace"
)

// What a descriptor is called is what it is now: after its number was used
// again, after its file got another name, and in another process.
func TestDescriptorNames(t *testing.T) {
	dir, err := filepath.EvalSymlinks(testkit.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	const script = `exec 3>a; echo first >&3; exec 3>b; echo second >&3; mv b c; echo third >&3; (exec 3>d; echo fourth >&3); echo fifth >&3`
	var log bytes.Buffer
	r := &trace.Recorder{Sink: &trace.Text{W: &log}}
	_, err = belljar.PtraceRunner(belljar.Options{Policy: &policy.Policy{Default: policy.Action{Kind: policy.Allow}}, Watch: r}).Run(context.Background(),
		belljar.Command{Args: []string{"/bin/sh", "-c", script}, Env: []string{"PATH=/usr/bin:/bin"}, Dir: dir})
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	for name, times := range map[string]int{"a": 1, "b": 1, "c": 2, "d": 1} {
		// The shell's own way to write to another descriptor.
		want := regexp.MustCompile(`dup[23]\(3<` + regexp.QuoteMeta(filepath.Join(dir, name)) + ">, 1")
		if n := len(want.FindAllString(log.String(), -1)); n != times {
			t.Errorf("%d and not %d of %s in\n%s", n, times, want, log.String())
		}
	}
}
