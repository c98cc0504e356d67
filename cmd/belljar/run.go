package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/unshare"
)

// run is "belljar run". It returns the exit status, and an error if the
// status is Belljar's own.
func run(args []string) (int, error) {
	f := new(runFlags)
	program, err := f.parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return executeTree([]string{"help", "run"})
	}
	if err == nil && len(program) == 0 {
		err = noProgram("run")
	}
	if err != nil {
		return statusFailed, err
	}
	if f.explain {
		return explainRun(f, program)
	}
	return f.run(program)
}

func noProgram(command string) error {
	return fmt.Errorf("no program given; write belljar %s [flags] -- PROGRAM [ARG...]", command)
}

func (f *runFlags) run(program []string) (status int, err error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	ready := onSignal(ctx, cancel)
	reports, err := f.openReports()
	if err != nil {
		return statusFailed, err
	}
	defer func() {
		if closeErr := reports.close(status, err); closeErr != nil && err == nil {
			status, err = statusFailed, closeErr
		}
	}()
	opts, err := f.options()
	if err != nil {
		return statusFailed, err
	}
	opts.Observe = reports.observer()
	if f.watch != nil {
		f.watch(&opts)
	}

	cmd, streams, err := f.command(program, cancel)
	if err != nil {
		return statusFailed, err
	}
	defer streams.close()

	ready()
	result, err := belljar.Run(ctx, cmd, opts)
	if cause := context.Cause(ctx); cause != nil {
		return interruption(cause)
	}
	if err != nil {
		return runFailure(err, program[0], opts.Unshare != belljar.Off)
	}
	if err := reports.write(result, streams.midLine()); err != nil {
		return statusFailed, err
	}
	if f.after != nil {
		if err := f.after(result); err != nil {
			return statusFailed, err
		}
	}
	return resultStatus(result), nil
}

// signalError is the cause of a run that a signal to Belljar ended.
type signalError syscall.Signal

func (s signalError) Error() string {
	return fmt.Sprintf("ended by %v; the program was killed", belljar.Signal(s))
}

// interruption is what became of a run that Belljar itself cut short.
func interruption(cause error) (int, error) {
	if s, ok := errors.AsType[signalError](cause); ok {
		return statusSignal + int(s), cause
	}
	return statusFailed, cause
}

// onSignal cancels the run at the first signal that asks Belljar to end, and
// ends Belljar at the second; what runs then dies with it. Before ready has been
// called no run is under way, and the first one ends Belljar, as it does when ctx
// has ended with the run. Signals are prepared and given back while others get on,
// since the runtime hands each from thread to thread.
func onSignal(ctx context.Context, cancel context.CancelCauseFunc) (ready func()) {
	ch := make(chan os.Signal, 2)
	prepared, running := make(chan struct{}), make(chan struct{})
	status := func(s os.Signal) int { return statusSignal + int(s.(syscall.Signal)) }
	go func() {
		// A closed pipe shall be an error of write, which ends the run in order.
		signal.Ignore(syscall.SIGPIPE)
		for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
			// nohup ignores SIGHUP, shells SIGINT of background jobs.
			if !signal.Ignored(s) {
				signal.Notify(ch, s)
			}
		}
		close(prepared)
		var first os.Signal
		select {
		case first = <-ch:
		case <-ctx.Done():
			signal.Stop(ch)
			select {
			case late := <-ch:
				os.Exit(status(late))
			default:
				return
			}
		}
		select {
		case <-running:
			if ctx.Err() != nil {
				os.Exit(status(first))
			}
			cancel(signalError(first.(syscall.Signal)))
			os.Exit(status(<-ch))
		default:
			os.Exit(status(first))
		}
	}()
	return func() {
		<-prepared
		close(running)
	}
}

// programUID is who the program will run as.
func (f *runFlags) programUID() int {
	switch uid := os.Geteuid(); {
	case f.uid != nil:
		return *f.uid
	case uid == 0:
		return 65534
	default:
		return uid
	}
}

// options are the run's options as far as flags decide them.
func (f *runFlags) options() (belljar.Options, error) {
	opts := belljar.Options{Limits: f.limits, Supervisor: f.supervisor, Unshare: f.unshare, Cgroup: f.cgroup, HostNetwork: f.hostNetwork,
		UID: f.uid, GID: f.gid, Require: f.require}
	name := f.policy
	if name == "" {
		name = "judge"
	}
	p, err := loadPolicy(name)
	if err != nil {
		return opts, err
	}
	if opts.Policy, err = f.overlay.apply(p); err != nil {
		return opts, err
	}
	opts.Root, err = f.privateRoot()
	return opts, err
}

// privateRoot returns what --root, --bind and --tmpfs say, nil if nothing.
func (f *runFlags) privateRoot() (*unshare.Root, error) {
	if f.root == "" && len(f.mounts) == 0 {
		return nil, nil
	}
	if f.unshare == belljar.Off {
		return nil, errors.New("--root, --bind and --tmpfs need a private root; leave --no-unshare out")
	}
	return buildRoot(f.root, f.mounts)
}

// defaultEnv holds what a program may count on. Nothing of it comes from the
// caller, so a run means the same wherever it is started.
var defaultEnv = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp"}

// environment returns the defaults and what --env gave; the last one wins.
func (f *runFlags) environment() []string {
	var env []string
	for _, kv := range slices.Concat(defaultEnv, f.env) {
		name, _, _ := strings.Cut(kv, "=")
		env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
		env = append(env, kv)
	}
	return env
}
