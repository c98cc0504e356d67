package belljar

import (
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/belljar/belljar/container"
	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/landlock"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
	"github.com/belljar/belljar/unshare"
)

// Runner runs commands with fixed options, several at once if need be. Make
// one with NewRunner, PtraceRunner or UnshareRunner. What it has to find out
// about the host for the policy, such as where the rules' symlinks lead and
// which directories a private root can show, it finds out once for all commands
// without a directory of their own. The options and the policy in them must not
// be changed meanwhile.
type Runner struct {
	opts  Options
	table *syscalls.Table

	once   sync.Once
	err    error          // of the options
	policy *policy.Policy // with its network section as rules on calls
	// A program could leave keys in its user's keyring, which is none of the things
	// that a container has for itself.
	leavesKeys bool
	// It could leave sockets, or objects that last as long as its IPC namespace.
	leavesSockets, leavesObjects bool

	mu     sync.Mutex
	base   *unshare.Root               // for commands without a directory
	rules  map[where]*supervise.Engine // for those
	unions map[where]landlock.Ruleset  // for those

	// Of kind to *template, for those. The lock is not for them: who closes the
	// containers has it, and waits for who prepares one.
	filters sync.Map

	mounts    *unshare.Template // of base
	sandboxes int               // made without it
	noMore    bool              // it cannot be made here

	containers *container.Pool // of base
}

// NewRunner returns a runner. Mistakes in the options are reported by Run.
func NewRunner(o Options) *Runner {
	if o.Policy == nil {
		o.Policy = policy.Judge()
	}
	return &Runner{
		opts:   o,
		table:  syscalls.ForGOARCH(runtime.GOARCH),
		rules:  make(map[where]*supervise.Engine),
		unions: make(map[where]landlock.Ruleset),
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
		case r.opts.Unshare == Off && r.opts.Root != nil:
			r.err = errors.New("a private root needs namespaces, which are switched off")
		default:
			r.err = r.opts.Policy.Validate()
		}
		r.policy = r.opts.Policy.Effective()
		lets := func(calls ...string) bool {
			return r.err == nil && slices.ContainsFunc(calls, func(call string) bool { return r.policy.Lets(call) })
		}
		r.leavesKeys = lets("add_key", "request_key", "keyctl")
		r.leavesObjects = lets("shmget", "semget", "msgget", "mq_open")
		r.leavesSockets = lets("socket", "socketpair", "io_uring_setup")
	})
	return r.err
}

// root returns the private root for commands in dir. Only that for commands
// without a directory is kept: another's contents may change with each run.
func (r *Runner) root(dir string, keep bool) unshare.Root {
	r.mu.Lock()
	defer r.mu.Unlock()
	if keep && r.base != nil {
		return *r.base
	}
	root := unshare.DefaultRoot
	if r.opts.Root != nil {
		root = func() unshare.Root { return *r.opts.Root }
	}
	made := root().ForPolicy(r.opts.Policy, dir)
	if keep {
		r.base = &made
	}
	return made
}

// where is what decides where rules lead: the directory that they count from,
// and whose files the program sees.
type where struct {
	dir          string
	root, userNS bool // a private root; in a user namespace
	strangers    bool // others may write what is there
}

func (p *plan) where() where { return where{p.dir, p.root != nil, p.userNS, p.strangers()} }

// ruleset returns the union of what the policy allows.
func (r *Runner) ruleset(p *plan) landlock.Ruleset {
	keep := p.cmd.Dir == ""
	r.mu.Lock()
	defer r.mu.Unlock()
	if rules, ok := r.unions[p.where()]; ok && keep {
		return rules
	}
	o := landlock.Options{Dir: p.dir, Handler: r.opts.Handler != nil, List: p.names}
	if r.opts.Root == nil || r.opts.Root.Dir == "" {
		o.Canon = landlock.Canonical
	}
	rules := landlock.For(r.policy, kernel.LandlockABI(), o)
	if keep {
		r.unions[p.where()] = rules
	}
	return rules
}

// resolves reports whether the watcher wants paths.
func (r *Runner) resolves() bool {
	w, ok := r.opts.Watch.(supervise.Resolver)
	return ok && w.Resolves()
}

// engine returns a policy engine for one run.
func (r *Runner) engine(p *plan) (*supervise.Engine, error) {
	keep := p.cmd.Dir == ""
	r.mu.Lock()
	e := r.rules[p.where()]
	r.mu.Unlock()
	if e == nil || !keep {
		var err error
		e, err = supervise.NewEngine(supervise.EngineConfig{
			Policy: r.policy, Table: r.table, Dir: p.dir, Root: p.onHost("/"),
			UID: p.uid, GID: p.gid, UserNS: p.root != nil && p.userNS, Strangers: p.strangers(), ProgramStays: kernel.ExecDeniesWrite.Have(),
			User: r.opts.Handler, Observe: r.opts.Observe, Resolve: r.resolves(),
		})
		if err != nil {
			return nil, err
		}
	}
	if keep {
		r.mu.Lock()
		r.rules[p.where()] = e
		r.mu.Unlock()
	}
	return e.ForRun(p.path)
}
