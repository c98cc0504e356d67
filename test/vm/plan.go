package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/belljar/belljar/internal/testkit"
)

// plan is what the guest is to do. It lies at /plan.json in its root.
type plan struct {
	// Token is at the start of the lines that the guest's init adds to the
	// output of tests, which cannot guess it.
	Token string
	Data  string // the serial port for output
	Jobs  []job
}

// job is one package's tests, run as one user.
type job struct {
	Package string // its directory in the module, "." for the root
	User    string
	Binary  string
	Args    []string
	Timeout time.Duration
}

// users are who runs the tests in the guest.
var users = map[string]int{"root": 0, "nobody": testkit.Nobody}

// leftOut are packages whose tests do not run in guests, and why.
var leftOut = map[string]string{
	"policy":        "pure: the same on every kernel",
	"seccomp":       "pure: the same on every kernel",
	"seccomp/bpf":   "pure: the same on every kernel",
	"syscalls":      "pure: the same on every kernel",
	"test/programs": "pure: the same on every kernel",
	"test/vm":       "makes guests",
}

// byName are packages whose tests run in guests only where they are asked for:
// many programs from end to end, which take an emulated machine an hour.
var byName = map[string]bool{
	"cmd/belljar": true, "internal/least": true, "internal/testkit": true, "learn": true, "seccomp/process": true,
	"test/escapes": true, "test/honest": true, "test/parity": true, "test/runs": true, "trace": true,
}

// jobTimeout is for one package's tests: an emulated machine is some twenty
// times slower than the one that emulates it.
const jobTimeout = 25 * time.Minute

// makePlan compiles the tests and the guest's init for the guest, below
// dir/guest.
func makePlan(ctx context.Context, o *options, a arch, dir string) (*plan, error) {
	root := filepath.Join(dir, "guest")
	packages, err := testedPackages(ctx, o.packages)
	if err != nil {
		return nil, err
	}
	if err := copySources(ctx, filepath.Join(root, "src")); err != nil {
		return nil, err
	}
	if err := goTool(ctx, a, "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(root, "init"), "./test/vm"); err != nil {
		return nil, err
	}
	if err := goTool(ctx, a, "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(root, "belljar"), "./cmd/belljar"); err != nil {
		return nil, err
	}
	p := &plan{Token: rand.Text(), Data: a.data}
	for _, user := range strings.Split(o.users, ",") {
		if _, ok := users[user]; !ok {
			return nil, fmt.Errorf("no user %q: root, nobody", user)
		}
		for _, pkg := range packages {
			p.Jobs = append(p.Jobs, o.job(pkg, user))
		}
	}
	for _, pkg := range packages {
		to := filepath.Join(root, o.job(pkg, "").Binary)
		if err := goTool(ctx, a, "test", "-c", "-ldflags=-s -w", "-o", to, "./"+pkg); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	return p, os.WriteFile(filepath.Join(root, "plan.json"), text, 0o644)
}

// victims returns the programs that the tests start, compiled for the guest.
// They are kept until their sources or the flags of their compilers change.
func victims(ctx context.Context, cache string, a arch) (string, error) {
	list, err := output(ctx, "git", "ls-files", "--cached", "--others", "--exclude-standard", "test", "internal/testkit/programs.go")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for name := range strings.Lines(list) {
		text, err := os.ReadFile(strings.TrimSpace(name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		fmt.Fprintf(sum, "%s%d\n%s", name, len(text), text)
	}
	prefix := filepath.Join(cache, "programs-"+a.name+"-")
	dir := fmt.Sprintf("%s%x", prefix, sum.Sum(nil)[:8])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	old, err := filepath.Glob(prefix + "*")
	if err != nil {
		return "", err
	}
	for _, name := range old {
		if err := os.RemoveAll(name); err != nil {
			return "", err
		}
	}
	part := prefix + "part" // of a run that was interrupted, removed above
	if err := errors.Join(os.Mkdir(part, 0o755), testkit.CompileAll(part, a.name)); err != nil {
		return "", errors.Join(err, os.RemoveAll(part))
	}
	return dir, os.Rename(part, dir)
}

func (o *options) job(pkg, user string) job {
	j := job{Package: pkg, User: user, Binary: "/tests/" + strings.ReplaceAll(pkg, "/", "_") + ".test", Timeout: jobTimeout,
		Args: []string{"-test.v=test2json", "-test.timeout=" + jobTimeout.String(), fmt.Sprintf("-test.short=%t", o.short)}}
	if o.run != "" {
		j.Args = append(j.Args, "-test.run="+o.run)
	}
	return j
}

// testedPackages returns the directories of the packages that have tests about
// the kernel, or checks those that were asked for.
func testedPackages(ctx context.Context, asked string) ([]string, error) {
	out, err := output(ctx, "go", "list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.Module.Path}} {{.ImportPath}}{{end}}", "./...")
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(out) {
		module, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		pkg := strings.TrimPrefix(strings.TrimPrefix(name, module), "/")
		if pkg == "" {
			pkg = "."
		}
		if _, out := leftOut[pkg]; !out {
			all = append(all, pkg)
		}
	}
	if asked == "" {
		return slices.DeleteFunc(all, func(pkg string) bool { return byName[pkg] }), nil
	}
	some := strings.Split(asked, ",")
	for _, pkg := range some {
		if !slices.Contains(all, pkg) {
			return nil, fmt.Errorf("no tests for guests in %q; there are %s", pkg, strings.Join(all, ", "))
		}
	}
	return some, nil
}

// copySources copies the source tree, for tests that read some of it.
func copySources(ctx context.Context, to string) error {
	list, err := output(ctx, "git", "ls-files", "--cached", "--others", "--exclude-standard")
	if err != nil {
		return err
	}
	for name := range strings.Lines(list) {
		name = strings.TrimSpace(name)
		text, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) { // removed, and not yet from the index
			continue
		}
		if err != nil {
			return err
		}
		file := filepath.Join(to, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, text, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// goTool runs the go command for the guest's architecture: static binaries.
func goTool(ctx context.Context, a arch, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "GOARCH="+a.name, "GOOS=linux", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, args[0], err, errs.Bytes())
	}
	return string(out), nil
}
