package supervise_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
)

// attackByReclaim runs a program whose path lies in a page that the kernel may take away, while
// somebody outside makes it do so. It returns the last line that the program prints.
func attackByReclaim(t *testing.T, s belljar.Supervisor, how, seconds string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root makes directories that nobody else can change")
	}
	program := testkit.Program(t, "c/lazyfree", "static")[0]
	dir, err := os.MkdirTemp("/var/lib", "belljar-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for name, text := range map[string]string{"": "", "/secret": "secret", "/secret.not": "no"} {
		if name != "" {
			err = os.WriteFile(dir+name, []byte(text), 0o644)
		}
		if err == nil {
			err = os.Chmod(dir+name, map[bool]os.FileMode{true: 0o755, false: 0o644}[name == ""])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	p := policy.Judge()
	p.Default = policy.Action{Kind: policy.Allow}
	p.Files.Rules = append(p.Files.Rules,
		policy.FileRule{Pattern: dir + "/**", Grant: policy.Read},
		policy.FileRule{Pattern: dir + "/secret", Do: policy.Action{Kind: policy.Deny, Errno: 13}})
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	done := make(chan error, 1)
	go func() {
		defer in.Close()
		res, err := belljar.Run(context.Background(), belljar.Command{Args: []string{program, how, dir, seconds}, Stdout: in},
			belljar.Options{Policy: p, Supervisor: s, Unshare: belljar.Off, Limits: belljar.Limits{Wall: 10 * time.Minute}})
		if err == nil && res.Verdict != belljar.OK {
			err = fmt.Errorf("%+v", res)
		}
		done <- err
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal(<-done)
	}
	outside := exec.Command(program, "outside", lines.Text())
	if err := outside.Start(); err != nil {
		t.Fatal(err)
	}
	lines.Scan()
	outside.Process.Kill()
	outside.Wait()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(lines.Text(), "-1") {
		t.Skip("MAP_DROPPABLE came with Linux 6.11")
	}
	return lines.Text()
}

// TestReclaimHolds proves that a program gains nothing from memory that the kernel takes away
// between the decision and the call.
func TestReclaimHolds(t *testing.T) {
	eachSupervisor(t, func(t *testing.T, s belljar.Supervisor) {
		for _, how := range []string{"free", "drop"} {
			t.Run(how, func(t *testing.T) {
				if out := attackByReclaim(t, s, how, "1"); out != "wins 0" {
					t.Error(out)
				}
			})
		}
	})
}

// TestReclaimMutant lets calls of a lone thread go on also after such memory was asked for.
func TestReclaimMutant(t *testing.T) {
	eachSupervisor(t, func(t *testing.T, s belljar.Supervisor) {
		for _, how := range []string{"free", "drop"} {
			t.Run(how, func(t *testing.T) {
				supervise.WithoutStrangers(t)
				if out := attackByReclaim(t, s, how, "60"); out != "wins 1" {
					t.Error(out)
				}
			})
		}
	})
}
