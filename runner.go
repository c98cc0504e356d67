package belljar

import (
	"errors"
	"runtime"
	"sync"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
	"github.com/belljar/belljar/unshare"
)

// Runner runs commands with fixed options, several at once if need be. What it
// has to find out about the host for the policy, such as where the rules'
// symlinks lead and which directories a private root can show, it finds out
// once for each directory that commands run in. The options and the policy in
// them must not be changed meanwhile.
type Runner struct {
	opts  Options
	table *syscalls.Table

	once sync.Once
	err  error // of the options

	mu    sync.Mutex
	roots map[string]unshare.Root      // for the policy, by directory
	rules map[string]*supervise.Engine // the policy's, by directory

	templates map[string]*unshare.Template // of roots, by directory
	sandboxes int                          // made without a template
	noMore    bool                         // templates cannot be made here
}

// NewRunner returns a runner. Mistakes in the options are reported by Run.
func NewRunner(o Options) *Runner {
	if o.Policy == nil {
		o.Policy = policy.Judge()
	}
	return &Runner{
		opts:  o,
		table: syscalls.ForGOARCH(runtime.GOARCH),
		roots: make(map[string]unshare.Root),
		rules: make(map[string]*supervise.Engine),

		templates: make(map[string]*unshare.Template),
	}
}

// PtraceRunner returns a runner for exactly the ptrace sandbox: a tracer
// decides calls as they happen; no namespaces.
func PtraceRunner(o Options) *Runner {
	o.Supervisor, o.Unshare = Ptrace, Off
	return NewRunner(o)
}

// UnshareRunner returns a runner for exactly the unshare sandbox: namespaces,
// a private root and a filter, all decided beforehand.
func UnshareRunner(o Options) *Runner {
	o.Supervisor, o.Unshare = NoOne, On
	return NewRunner(o)
}

// check finds what is wrong with the options whatever the command is.
func (r *Runner) check() error {
	r.once.Do(func() {
		switch {
		case r.table == nil:
			r.err = &FeatureError{Feature: "the architecture " + runtime.GOARCH}
		case len(r.opts.Policy.Network.Rules) > 0:
			r.err = &FeatureError{Feature: "network rules", Why: "not in this version; decide socket and connect under syscalls"}
		case r.opts.Unshare == Off && r.opts.Root != nil:
			r.err = errors.New("a private root needs namespaces, which are switched off")
		default:
			r.err = r.opts.Policy.Validate()
		}
	})
	return r.err
}

// maxDirs bounds what a runner keeps. Most run everything in one directory.
const maxDirs = 64

// root returns the private root for commands in dir.
func (r *Runner) root(dir string) unshare.Root {
	r.mu.Lock()
	defer r.mu.Unlock()
	if root, ok := r.roots[dir]; ok {
		return root
	}
	root := unshare.DefaultRoot
	if r.opts.Root != nil {
		root = func() unshare.Root { return *r.opts.Root }
	}
	if len(r.roots) >= maxDirs {
		clear(r.roots)
	}
	r.roots[dir] = root().ForPolicy(r.opts.Policy, dir).WithDir(dir)
	return r.roots[dir]
}

// maxTemplates bounds the mount namespaces that a runner holds.
const maxTemplates = 8

// sandbox returns the processes of a sandbox around program. From the second
// one on, what sandboxes can share is mounted once for all.
func (r *Runner) sandbox(spec *unshare.Spec, dir string, program *launch.Process, life *launch.Lifeline) (*unshare.Sandbox, error) {
	if t := r.template(spec, dir); t != nil && t.Fits(spec) {
		return t.Sandbox(spec, program, life)
	}
	return spec.Sandbox(program, life)
}

// template returns that of the private root for commands in dir, if there is
// one or one can be made. It makes sandboxes faster, not stronger, so that
// nothing is lost without.
func (r *Runner) template(spec *unshare.Spec, dir string) *unshare.Template {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.templates[dir]; t != nil {
		return t
	}
	root := r.roots[dir]
	if r.sandboxes++; r.sandboxes < 2 || r.noMore || root.Mounts == nil {
		return nil
	}
	var t *unshare.Template
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with what it started
		shared := *spec
		shared.Root = &root
		t, err = shared.Template()
	}()
	<-done
	if err != nil {
		r.noMore = true
		return nil
	}
	if len(r.templates) == maxTemplates {
		clear(r.templates) // runs may be using them; the collector closes them
	}
	r.templates[dir] = t
	return t
}

// engine returns a policy engine for one run of a program in dir.
func (r *Runner) engine(dir, program string) (*supervise.Engine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.rules[dir]
	if e == nil {
		var err error
		e, err = supervise.NewEngine(supervise.EngineConfig{
			Policy: r.opts.Policy, Table: r.table, Dir: dir, Root: "/",
			User: r.opts.Handler, Observe: r.opts.Observe,
		})
		if err != nil {
			return nil, err
		}
		if len(r.rules) >= maxDirs {
			clear(r.rules)
		}
		r.rules[dir] = e
	}
	return e.ForRun(program)
}
