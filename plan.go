package belljar

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/belljar/belljar/cgroup"
	"github.com/belljar/belljar/internal/follow"
	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/landlock"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/supervise/ptrace"
	"github.com/belljar/belljar/syscalls"
	"github.com/belljar/belljar/unshare"
)

// plan is everything that is decided before a run starts. Making one has no
// effect on the host.
type plan struct {
	runner *Runner
	cmd    Command
	opts   *Options
	policy *policy.Policy
	table  *syscalls.Table

	available func() (user bool, err error) // what is known of namespaces

	path         string // of the program, absolute
	dir          string
	supervisor   Supervisor
	namespaces   bool
	userNS       bool
	root         *unshare.Root // nil: no namespaces
	noNamespaces string        // why there are none
	uid, gid     int
	engine       *supervise.Engine // nil without a supervisor
	landlock     landlock.Ruleset
	tree         *cgroup.Tree  // where the run's cgroup is made; nil: none
	groupLimits  cgroup.Limits // of it
	noGroup      string        // why there is none, or what it lacks
	layers       []Layer
}

// nobody is who a program runs as when root starts it.
const nobody = 65534

// plan decides how a command is run. Available tells whether there can be
// namespaces, as [unshare.Available] does.
func (r *Runner) plan(cmd Command, available func() (user bool, err error)) (*plan, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if len(cmd.Args) == 0 {
		return nil, errors.New("no program to run")
	}
	for _, s := range slices.Concat(cmd.Args, cmd.Env) {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, fmt.Errorf("argument or environment with a NUL byte: %q", s)
		}
	}
	p := &plan{runner: r, cmd: cmd, opts: &r.opts, policy: r.policy, table: r.table, available: available}
	for _, step := range []func() error{p.findProgram, p.chooseIDs, p.chooseNamespaces, p.findDir, p.chooseRoot, p.chooseSupervisor, p.chooseGroup, p.buildRuleset} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.layers = p.enforcement()
	return p, p.require()
}

// findDir makes the command's directory absolute. Relative rules of the policy
// count from it. Without one it is the top of a private root, since the caller's
// is nothing of the program's.
func (p *plan) findDir() error {
	if p.cmd.Dir == "" && p.namespaces {
		p.dir = "/"
		return nil
	}
	dir, err := filepath.Abs(p.cmd.Dir)
	if err != nil {
		return &SetupError{Step: "getcwd", Err: err}
	}
	p.dir = dir
	return nil
}

// findProgram resolves the program's name as execvp does, in the command's own
// PATH.
func (p *plan) findProgram() error {
	name := p.cmd.Args[0]
	if name == "" {
		return &SetupError{Step: "execve", Err: syscall.ENOENT, Hint: "the program's name is empty"}
	}
	if strings.Contains(name, "/") {
		path, err := filepath.Abs(name)
		if err != nil {
			return &SetupError{Step: "getcwd", Err: err}
		}
		p.path = path
		return p.checkProgram()
	}
	for _, dir := range filepath.SplitList(searchPath(p.cmd.Env)) {
		if !filepath.IsAbs(dir) {
			continue // a relative PATH is an invitation to run what lies about
		}
		path := filepath.Join(dir, name)
		if st, err := os.Stat(p.onHost(path)); err == nil && !st.IsDir() && st.Mode()&0o111 != 0 {
			p.path = path
			return nil
		}
	}
	return &SetupError{Step: "execve", Err: syscall.ENOENT, Hint: fmt.Sprintf("no %q in the PATH of the program's environment", name)}
}

// onHost is where a path of the program's lies on the host, as far as that is
// known before there is a root.
func (p *plan) onHost(path string) string {
	if p.opts.Root != nil && p.opts.Root.Dir != "" {
		return filepath.Join(p.opts.Root.Dir, path)
	}
	return path
}

func searchPath(env []string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if path, ok := strings.CutPrefix(env[i], "PATH="); ok {
			return path
		}
	}
	return "/usr/local/bin:/usr/bin:/bin"
}

// checkProgram finds the plain mistakes before anything is set up. With a
// root directory of the user's the program is looked up there, by execve.
func (p *plan) checkProgram() error {
	if p.opts.Root != nil && p.opts.Root.Dir != "" {
		return nil
	}
	st, err := os.Stat(p.path)
	var errno syscall.Errno
	switch {
	case errors.As(err, &errno):
		return &SetupError{Step: "execve", Err: errno, Hint: fmt.Sprintf("%q", p.path)}
	case err != nil:
		return &SetupError{Step: "execve", Err: err}
	case st.IsDir():
		return &SetupError{Step: "execve", Err: syscall.EACCES, Hint: fmt.Sprintf("%q is a directory", p.path)}
	case st.Mode()&0o111 == 0:
		return &SetupError{Step: "execve", Err: syscall.EACCES, Hint: fmt.Sprintf("%q has no execute permission", p.path)}
	}
	return nil
}

func (p *plan) chooseIDs() error {
	own := os.Geteuid()
	p.uid, p.gid = own, os.Getegid()
	switch {
	case p.setIDs():
		p.uid, p.gid = nobody, nobody
	case mustAskForRoot() && (p.opts.UID == nil || p.opts.GID == nil):
		return &SetupError{Step: "setresuid", Err: syscall.EPERM, Hint: ownUserOnly() + "; " + asking() + ", or " + ownUserFix()}
	}
	if id := p.opts.UID; id != nil {
		p.uid = *id
	}
	if id := p.opts.GID; id != nil {
		p.gid = *id
	}
	for _, id := range []int{p.uid, p.gid} {
		// -1 means "unchanged" to setresuid, and more than 32 bits are cut off.
		if id < 0 || id >= 1<<32-1 {
			return fmt.Errorf("no user or group has the number %d", id)
		}
	}
	if !p.setIDs() && (p.uid != own || p.gid != os.Getegid()) {
		return &SetupError{Step: "setresuid", Err: syscall.EPERM, Hint: ownUserFix()}
	}
	return nil
}

func (p *plan) chooseNamespaces() error {
	if p.opts.Unshare == Off {
		return nil
	}
	userNS, err := p.available()
	if err != nil {
		if p.opts.Unshare == On || p.opts.Root != nil {
			return &FeatureError{Feature: "unshare", Why: err.Error()}
		}
		p.noNamespaces = err.Error()
		return nil
	}
	p.namespaces, p.userNS = true, userNS
	return nil
}

// chooseRoot makes the private root, which whoever has namespaces has.
func (p *plan) chooseRoot() error {
	if !p.namespaces {
		return nil
	}
	root := p.runner.root(p.dir, p.cmd.Dir == "")
	if p.cmd.Dir != "" {
		root = root.WithDir(p.dir)
	}
	root = root.WithProgram(p.path)
	p.root = &root
	return nil
}

// chooseSupervisor settles who answers traps, and refuses a policy that needs
// more than the chosen one can do.
func (p *plan) chooseSupervisor() error {
	need := p.needsTraps()
	switch p.opts.Supervisor {
	case Auto:
		p.supervisor = NoOne
		if need != "" || p.policy.Files.Decides() {
			p.supervisor = Ptrace
		}
	case Ptrace:
		p.supervisor = Ptrace
	case Notify:
		if p.opts.Watch != nil {
			return &FeatureError{Feature: "supervisor notify", Why: "a watcher is told all that processes do, which only ptrace sees"}
		}
		if !kernel.Notify.Have() {
			return &FeatureError{Feature: "supervisor notify", MinKernel: kernel.Notify.Since,
				Why: "seccomp user notification that signals do not interrupt, and pidfd_getfd; some containers refuse them"}
		}
		p.supervisor = Notify
	case NoOne:
		if need != "" {
			return &FeatureError{Feature: "supervisor none", Why: need + ", which needs a supervisor"}
		}
		if p.policy.Files.Decides() && p.root == nil {
			return &FeatureError{Feature: "supervisor none", Why: "the policy has file rules, which need a supervisor or a private root"}
		}
		p.supervisor = NoOne
	default:
		return &FeatureError{Feature: "supervisor " + string(p.opts.Supervisor), Why: "not in this version"}
	}
	if p.supervisor == NoOne {
		return nil
	}
	var err error
	if p.engine, err = p.runner.engine(p); err != nil {
		return err
	}
	if p.opensFiles() && p.engine.WritesMemory() {
		return &FeatureError{Feature: "supervisor " + string(p.supervisor), Why: "the policy lets the program write /proc/PID/mem, and with that the paths that were decided"}
	}
	return nil
}

// buildRuleset makes the Landlock ruleset that lies beneath everything else.
func (p *plan) buildRuleset() error {
	p.landlock = p.runner.ruleset(p)
	return nil
}

// names lists a directory as the program will see it; ok is false where that
// cannot be known. A name too many does no harm.
func (p *plan) names(dir string) (names []string, ok bool) {
	if p.root == nil {
		return landlock.Names(dir)
	}
	if p.root.Dir != "" {
		return nil, false
	}
	names, ok = landlock.Names(dir)
	prefix := strings.TrimSuffix(dir, "/") + "/"
	for _, m := range p.root.Mounts {
		if rest, below := strings.CutPrefix(m.Target, prefix); below {
			name, _, _ := strings.Cut(rest, "/")
			names = append(names, name)
		} else if m.Kind == unshare.Bind && m.Source != m.Target && strings.HasPrefix(prefix, m.Target+"/") {
			return nil, false
		}
	}
	return names, ok
}

// needsTraps says what in the policy or the options only a supervisor can do,
// apart from file rules, which a private root can stand for in part.
func (p *plan) needsTraps() string {
	switch {
	case len(p.policy.Counts) > 0:
		return "the policy counts calls"
	case p.opts.Handler != nil:
		return "there is a handler"
	case p.opts.Observe != nil:
		return "decisions are observed"
	case p.opts.Watch != nil:
		return "calls are watched"
	case p.policy.Default.Kind == policy.Trap:
		return "the policy traps calls"
	}
	for _, r := range p.policy.Rules {
		if r.Do.Kind == policy.Trap {
			return "the policy traps calls"
		}
	}
	return p.networkTraps()
}

// trapCalls are the calls that the filter hands to the tracer.
func (p *plan) trapCalls() map[string]bool {
	trap := make(map[string]bool)
	if p.engine != nil {
		for call := range p.engine.TrapCalls() {
			trap[call] = true
		}
	}
	for _, call := range ptrace.ExecCalls {
		trap[call] = true
	}
	if p.opensFiles() && !kernel.Mseal.Have() {
		for _, call := range ptrace.GuardCalls {
			trap[call] = true
		}
	}
	if p.root == nil {
		for _, call := range ptrace.TargetCalls {
			trap[call] = true
		}
	}
	if p.follows() {
		for _, call := range follow.Calls {
			trap[call] = true
		}
	}
	if p.opts.Limits.Processes > 0 {
		for _, call := range ptrace.SpawnCalls {
			trap[call] = true
		}
	}
	return trap
}

// opensFiles reports whether the tracer opens files for the program.
func (p *plan) opensFiles() bool {
	return p.engine != nil && p.engine.Traps("openat")
}

// follows reports whether who answers may move itself and the program to one CPU.
// Code of the caller's, which runs on the same thread, may start processes that
// would stay there; a Watcher does not.
func (p *plan) follows() bool {
	return (p.opensFiles() || p.watchesOpens()) && p.opts.Handler == nil && p.opts.Observe == nil
}

// watchesOpens reports whether the watcher is told of each file that is opened.
func (p *plan) watchesOpens() bool {
	return p.opts.Watch != nil && !slices.ContainsFunc(follow.Opens, func(call string) bool {
		_, exists := p.table.Number(call)
		return exists && !p.opts.Watch.Watches(call)
	})
}

// alwaysTrap are the calls that trap whatever the policy says of them.
func (p *plan) alwaysTrap() map[string]bool {
	always := make(map[string]bool)
	if p.opensFiles() {
		for _, call := range ptrace.MadeCalls(p.policy, p.table) {
			always[call] = true
		}
	}
	if p.opts.Watch != nil {
		for _, call := range p.table.Calls() {
			if p.opts.Watch.Watches(call) {
				always[call] = true
			}
		}
	}
	return always
}

// fileSize is the RLIMIT_FSIZE that stands for the limit on output, where the
// largest file that the program is given has a size; 0 is none.
func (p *plan) fileSize(largest int64) uint64 {
	if p.opts.Limits.Output <= 0 {
		return 0
	}
	return uint64(p.opts.Limits.Output + largest)
}

// rlimits are the limits that the kernel keeps per process.
//
// RLIMIT_FSIZE is about a file's size, not about what is written, so a file
// that is appended to may grow by the whole output limit: largest is its size.
func (p *plan) rlimits(largest int64) []launch.Rlimit {
	l := p.opts.Limits
	list := []launch.Rlimit{{Resource: sys.RlimitCore, Name: "RLIMIT_CORE", Value: 0}}
	if l.CPU > 0 {
		// A backstop: the tracer and the monitor act long before.
		list = append(list, launch.Rlimit{Resource: sys.RlimitCPU, Name: "RLIMIT_CPU", Value: uint64(l.CPU.Seconds()) + 2})
	}
	if l.Stack > 0 {
		list = append(list, launch.Rlimit{Resource: sys.RlimitStack, Name: "RLIMIT_STACK", Value: uint64(l.Stack)})
	}
	if size := p.fileSize(largest); size > 0 {
		list = append(list, launch.Rlimit{Resource: sys.RlimitFsize, Name: "RLIMIT_FSIZE", Value: size})
	}
	if l.Files > 0 {
		list = append(list, launch.Rlimit{Resource: sys.RlimitNofile, Name: "RLIMIT_NOFILE", Value: uint64(l.Files)})
	}
	return list
}
