package runs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/test/cases"
)

// TestReopen proves that a program can open its own standard input anew when
// that is a file which its policy and its root do not know.
func TestReopen(t *testing.T) {
	input := filepath.Join(testkit.Dir(t), "input")
	if err := os.WriteFile(input, []byte("from a file"), 0o644); err != nil {
		t.Fatal(err)
	}
	cases.Each(t, func(t *testing.T, s cases.Sandbox) {
		for _, how := range []string{"alone", "threads"} {
			f, err := os.Open(input)
			if err != nil {
				t.Fatal(err)
			}
			args := append(testkit.Program(t, "c/reopen", "dynamic"), how, "/dev/stdin")
			res, out := cases.Run(t, belljar.Command{Args: args, Stdin: f}, s.Options(t, "judge"))
			f.Close()
			if want := "/dev/stdin: from a file\n"; res.Verdict != belljar.OK || out.Stdout.String() != want {
				t.Errorf("%s: %+v, %+v\noutput %q, want %q", how, brief(res), res.Violation, out.Stdout.String(), want)
			}
		}
	})
}

// TestClosedParent proves that a program opens files below its working
// directory where it may not search what is above, as it could outside.
func TestClosedParent(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can start a program where it may not go itself")
	}
	closed := filepath.Join(testkit.Dir(t), "closed")
	dir := filepath.Join(closed, "dir")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	opts := cases.Sandboxes[0].Options(t, "observe")
	here, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	res, out := cases.Run(t, belljar.Command{Args: append(testkit.Program(t, "c/below", "dynamic"), "file", filepath.Join(dir, "file")), Files: []*os.File{here}}, opts)
	if want := "file: text\n" + filepath.Join(dir, "file") + ": Permission denied\n"; res.Verdict != belljar.OK || out.Stdout.String() != want {
		t.Errorf("%+v\noutput %q, want %q", brief(res), out.Stdout.String(), want)
	}
}
