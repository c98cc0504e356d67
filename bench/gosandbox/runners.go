package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/criyle/go-sandbox/container"
	"github.com/criyle/go-sandbox/pkg/mount"
	"github.com/criyle/go-sandbox/pkg/seccomp"
	"github.com/criyle/go-sandbox/pkg/seccomp/libseccomp"
	"github.com/criyle/go-sandbox/runner"
	"github.com/criyle/go-sandbox/runner/ptrace"
	"github.com/criyle/go-sandbox/runner/ptrace/filehandler"
	"github.com/criyle/go-sandbox/runner/unshare"
)

// traced are the calls whose paths the ptrace runner checks. Its own command
// traces these, and kills for most others; here all others are allowed, so that
// it runs today's programs and its filter costs no more than it must.
var traced = []string{
	"execve", "execveat", "open", "openat", "unlink", "unlinkat", "readlink", "readlinkat",
	"lstat", "stat", "newfstatat", "access", "faccessat",
}

// system are directories that programs read.
var system = []string{"/usr/", "/bin/", "/lib/", "/lib64/", "/etc/", "/proc/", "/sys/", "/dev/"}

var noLimit = runner.Limit{TimeLimit: patience, MemoryLimit: 1 << 40}

func filter(allow, trace []string) (seccomp.Filter, error) {
	b := libseccomp.Builder{Allow: allow, Trace: trace, Default: libseccomp.ActionAllow}
	return b.Build()
}

func newPtrace(j *job, _ int) (func(int) (runner.Result, error), func(), error) {
	calls, err := filter(nil, traced)
	if err != nil {
		return nil, nil, err
	}
	files := filehandler.NewFileSets()
	files.Readable.AddRange(append(system, j.read...), "/")
	files.Writable.AddRange(append(j.write, "/dev/null", "/tmp/"), "/")
	files.Statable.Set["/"], files.SoftBan.Set["/"] = true, true
	handler := &filehandler.Handler{FileSet: files, SyscallCounter: filehandler.NewSyscallCounter()}
	dir, err := os.Getwd()
	return func(int) (runner.Result, error) {
		r := &ptrace.Runner{Args: j.program, Env: j.env, WorkDir: dir, Files: j.files, Limit: noLimit, Seccomp: calls, Handler: handler}
		return withPatience(r.Run), nil
	}, func() {}, err
}

// mounts show the system read-only, and what the job names.
func mounts(j *job) *mount.Builder {
	b := mount.NewBuilder()
	for _, dir := range append(system, j.read...) {
		if dir != "/proc/" && dir != "/dev/" {
			name := strings.Trim(dir, "/")
			b.WithBind("/"+name, name, true)
		}
	}
	b.WithProc().WithTmpfs("tmp", "").WithTmpfs("w", "")
	b.WithBind("/dev/null", "dev/null", false).WithBind("/dev/urandom", "dev/urandom", false)
	for _, dir := range j.write {
		name := strings.Trim(dir, "/")
		b.WithBind("/"+name, name, false)
	}
	return b.FilterNotExist()
}

func newUnshare(j *job, _ int) (func(int) (runner.Result, error), func(), error) {
	calls, err := filter(traced, nil)
	if err != nil {
		return nil, nil, err
	}
	steps, err := mounts(j).Build()
	return func(int) (runner.Result, error) {
		r := &unshare.Runner{Args: j.program, Env: j.env, WorkDir: "/w", Files: j.files, Limit: noLimit, Seccomp: calls, Root: j.scratch, Mounts: steps}
		return withPatience(r.Run), nil
	}, func() {}, err
}

// newContainers makes a container for each worker: one runs one program at a time.
func newContainers(j *job, workers int) (func(int) (runner.Result, error), func(), error) {
	calls, err := filter(traced, nil)
	if err != nil {
		return nil, nil, err
	}
	var made []container.Environment
	end := func() {
		for _, c := range made {
			// Destroying kills; that is all that its error says.
			_ = c.Destroy()
		}
	}
	for range workers {
		b := container.Builder{Root: j.scratch, TmpRoot: "root-", Mounts: mounts(j).Mounts}
		c, err := b.Build()
		if err != nil {
			end()
			return nil, nil, err
		}
		made = append(made, c)
	}
	return func(worker int) (runner.Result, error) {
		if worker >= len(made) {
			return runner.Result{}, errors.New("more workers than containers")
		}
		// What a run left is removed, as Belljar's sandboxes keep nothing of it.
		if err := made[worker].Reset(); err != nil {
			return runner.Result{}, err
		}
		return withPatience(func(ctx context.Context) runner.Result {
			return made[worker].Execve(ctx, container.ExecveParam{Args: j.program, Env: j.env, Files: j.files, Seccomp: calls})
		}), nil
	}, end, nil
}
