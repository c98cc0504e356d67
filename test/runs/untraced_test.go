package runs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/process"
)

// untracedVar tells this test binary to run a program although a filter, as
// that of a container, refuses ptrace.
const untracedVar = "BELLJAR_TEST_UNTRACED"

func untraced() {
	filter := policy.Policy{Default: policy.Action{Kind: policy.Allow},
		Rules: []policy.Rule{{Call: "ptrace", Do: policy.Action{Kind: policy.Deny, Errno: uint16(syscall.EPERM)}}}}
	if err := process.Confine(&filter); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for _, o := range []belljar.Options{{}, {Supervisor: belljar.NoOne, Unshare: belljar.On}} {
		_, err := belljar.Run(context.Background(), belljar.Command{Args: []string{"/bin/true"}}, o)
		if setup, ok := errors.AsType[*belljar.SetupError](err); ok {
			fmt.Println(setup.Step, setup.Hint)
		} else {
			fmt.Println("error", err)
		}
	}
	findings := belljar.Doctor()
	f := findings[slices.IndexFunc(findings, func(f belljar.Finding) bool { return f.Layer == "ptrace" })]
	fmt.Println(f.State, f.Fix)
	os.Exit(0)
}

// TestUntraced proves that where nothing can be traced no run begins, and that
// the error and the doctor say what is missing and what would mend it.
func TestUntraced(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), untracedVar+"=1")
	out, err := cmd.CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	for i, start := range []string{"ptrace ", "ptrace ", "off "} {
		if !strings.HasPrefix(lines[i], start) || !strings.Contains(lines[i], "--cap-add=SYS_PTRACE") {
			t.Errorf("%q, want %q and a remedy", lines[i], start)
		}
	}
}
