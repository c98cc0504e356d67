package supervise

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// EngineConfig says how calls are decided. Only Policy is needed.
type EngineConfig struct {
	Policy *policy.Policy
	Table  *syscalls.Table // of the calls that may trap; nil: this machine's

	// Dir is the command's directory, from which relative patterns of files
	// count, as the program sees it. Root is the directory of the host that
	// the program sees as "/"; "" is "/". It serves to find the canonical form
	// of the rules' patterns, before the run.
	Dir, Root string

	// Program is the path of the program's own file, as the program sees it.
	// It may read and execute that file, and stat the directory it is in.
	Program string

	// User decides the calls for which the policy says trap; without it they
	// kill. It is asked one call at a time, and its decision stands.
	User Handler

	// UID and GID are who the program runs as, in Belljar's user namespace.
	// UserNS says that it has a user namespace of its own, which maps these two
	// IDs and no other.
	UID, GID int
	UserNS   bool

	// Strangers says that the program's files may be such as programs outside the run can write,
	// so that what it opens is looked at before Trap.Alone counts.
	Strangers bool

	// ProgramStays says that nobody can write the program's own file while it is executed
	// (ETXTBSY), so that strangers do not count for it.
	ProgramStays bool

	// Observe is told of every decision. With it, path calls trap and are
	// resolved also where the policy would allow any path. It is called on the
	// thread that decides, at once from several where a supervisor uses several.
	Observe func(*Trap, Decision)

	// Resolve has paths decided and named as for Observe, for who learns of them in
	// another way.
	Resolve bool
}

// observed reports whether somebody is told of all decisions.
func (c *EngineConfig) observed() bool { return c.Observe != nil || c.Resolve }

// Engine is the policy engine: the Handler that decides as a policy says. It
// serves one run, whose calls it counts. Its methods may be called from
// several threads at once.
type Engine struct {
	shared
	userTurn sync.Mutex
	common   atomic.Bool // somebody else may write the run's memory
	resolver resolver
	steady   steady
	known    known
	calls    []callPlan // by number
}

// shared is what the engines of several runs have in common; each changes its
// rules' program alone.
type shared struct {
	policy  *policy.Policy
	table   *syscalls.Table
	user    Handler
	observe func(*Trap, Decision)
	root    string // of the program, on the host

	strangers bool // as in EngineConfig
	stays     bool // ProgramStays
	fixed     bool // as fixesRoot tells

	judges   bool // paths are decided, or observed
	looks    bool // but not by calls that only look
	identity identity
	rules    rules
	net      *policy.NetPlan // nil: no call reaches a peer that is decided as such
	sockets  bool            // file rules decide the paths of unix sockets
}

// callPlan is what the engine does with one system call.
type callPlan struct {
	path   *pathCall    // nil: the call has no path
	net    netCall      // nil: it reaches no peer
	counts []*counter   // limits on how often
	asks   bool         // a rule may send it to the user's handler
	joins  bool         // it is one of joinCalls, and the policy lets programs make it
	form   *policy.Cond // it is one of JoinForms
}

// counter counts the calls that one count of the policy names.
type counter struct {
	made atomic.Uint64
	rule *policy.Count
}

// NewEngine prepares the decisions of one run.
func NewEngine(c EngineConfig) (*Engine, error) {
	if c.Policy == nil {
		return nil, errors.New("policy engine: no policy")
	}
	table := c.Table
	if table == nil {
		table = syscalls.ForGOARCH(runtime.GOARCH)
	}
	if table == nil {
		return nil, fmt.Errorf("policy engine: no system call table for %s", runtime.GOARCH)
	}
	e := &Engine{shared: shared{policy: c.Policy, table: table, user: c.User, observe: c.Observe, strangers: c.Strangers,
		stays: c.ProgramStays, fixed: fixesRoot(c.Policy), root: cmp.Or(c.Root, "/")}}
	var err error
	if e.identity, err = newIdentity(&c); err != nil {
		return nil, fmt.Errorf("policy engine: %w", err)
	}
	e.judges = c.observed() || refusesPaths(&c.Policy.Files)
	e.resolver.names = c.observed()
	if err := e.prepareRules(&c); err != nil {
		return nil, fmt.Errorf("policy engine: %w", err)
	}
	e.plan()
	return e, nil
}

// refusesPaths reports whether there is a path that some call may not use.
func refusesPaths(f *policy.Files) bool {
	if !f.Decides() {
		return false
	}
	if f.Default.Kind != policy.Allow {
		return true
	}
	for i := range f.Rules {
		if f.Rules[i].Grant == 0 {
			return true
		}
	}
	return false
}

func (e *Engine) prepareRules(c *EngineConfig) error {
	root, errno := sys.OpenFile(sys.AT_FDCWD, e.root, sys.O_PATH|sys.O_DIRECTORY)
	if errno != 0 {
		return fmt.Errorf("open root %s: %w", e.root, errno)
	}
	defer sys.CloseFile(root)
	canon := func(path string) string { return e.resolver.canonicalRule(root, path) }
	e.planNetwork(canon)
	set, err := c.Policy.Files.Compile(c.Dir, canon)
	if err != nil {
		return err
	}
	e.looks = !c.observed() && set.Looks()
	e.rules = rules{set: set, pos: c.Policy.Files.Pos, dir: c.Dir}
	e.rules.program = e.canonicalProgram(root, c.Program)
	return nil
}

func (e *Engine) canonicalProgram(root int, program string) string {
	switch {
	case program == "":
		return ""
	case !strings.HasPrefix(program, "/"):
		program = join(e.rules.dir, program)
	}
	return e.resolver.canonicalRule(root, program)
}

// ForRun returns an engine with the same rules for another run, whose calls it
// counts anew. It is much cheaper than NewEngine, which looks up where each
// rule's path leads on the host.
func (e *Engine) ForRun(program string) (*Engine, error) {
	root, errno := sys.OpenFile(sys.AT_FDCWD, e.root, sys.O_PATH|sys.O_DIRECTORY)
	if errno != 0 {
		return nil, fmt.Errorf("policy engine: open root %s: %w", e.root, errno)
	}
	defer sys.CloseFile(root)
	run := &Engine{shared: e.shared}
	run.rules.program = run.canonicalProgram(root, program)
	run.resolver.fixed, run.resolver.names = e.fixed, e.resolver.names
	if len(e.policy.Counts) == 0 {
		run.calls = e.calls // nothing in it changes
	} else {
		run.plan()
	}
	return run, nil
}

// Close frees what a run's engine keeps open. No call may be under decision.
func (e *Engine) Close() {
	e.known.close()
	e.resolver.close()
}

// canonicalRule is the canonical form of a path in a rule, below a root that
// no tracee has yet. A link that means something else for each process, such
// as /proc/self, stays as it is spelled.
func (r *resolver) canonicalRule(root int, path string) string {
	v := view{r: r, root: root, trusted: true, rule: true}
	var errno syscall.Errno
	if v.rootStat, errno = sys.StatFile(root); errno != 0 {
		return path
	}
	o := v.walk(root, &pathRequest{path: path})
	defer o.close()
	if !strings.HasPrefix(o.path, "/") {
		return path
	}
	return o.path
}

// plan finds out, for each call of the table, what there is to decide.
func (e *Engine) plan() {
	counters := make([]*counter, len(e.policy.Counts))
	for i := range counters {
		counters[i] = &counter{rule: &e.policy.Counts[i]}
	}
	asks := e.asksAtAll()
	last := 0
	for nr := range e.table.Calls() {
		last = nr
	}
	e.calls = make([]callPlan, last+1)
	for nr, name := range e.table.Calls() {
		p := &e.calls[nr]
		p.path, p.net = pathCallOf[name], e.netCall(name)
		p.asks = asks && e.mayAsk(name)
		p.form = formOf(name)
		p.joins = slices.Contains(joinCalls, name) && e.policy.Lets(name)
		for _, c := range counters {
			if c.rule.Call == name || policy.IsGroup(c.rule.Call) && syscalls.InGroup(c.rule.Call, name) {
				p.counts = append(p.counts, c)
			}
		}
	}
}

// pathCallOf finds the row of a call in pathCalls.
var pathCallOf = func() map[string]*pathCall {
	rows := make(map[string]*pathCall, len(pathCalls))
	for i := range pathCalls {
		rows[pathCalls[i].name] = &pathCalls[i]
	}
	return rows
}()

// asksAtAll reports whether the policy sends anything to the user's handler.
// Few do, and for the others no call needs a closer look.
func (e *Engine) asksAtAll() bool {
	for i := range e.policy.Rules {
		if e.policy.Rules[i].Do.Kind == policy.Trap {
			return true
		}
	}
	return e.policy.Default.Kind == policy.Trap
}

// mayAsk reports whether the policy sends some form of a call to the user's
// handler.
func (e *Engine) mayAsk(name string) bool {
	for i := range e.policy.Rules {
		r := &e.policy.Rules[i]
		if !r.Names(name) {
			continue
		}
		if r.Do.Kind == policy.Trap {
			return true
		}
		if len(r.When) == 0 {
			return false
		}
	}
	return e.policy.Default.Kind == policy.Trap
}

// TrapCalls returns the calls that must trap for the policy to be enforced: a
// filter that allows one of them must ask the supervisor instead.
func (e *Engine) TrapCalls() map[string]bool {
	traps := make(map[string]bool)
	for nr, name := range e.table.Calls() {
		if e.trapsNumber(nr) {
			traps[name] = true
		}
	}
	return traps
}

// Traps reports whether a call is one of [Engine.TrapCalls].
func (e *Engine) Traps(call string) bool {
	nr, ok := e.table.Number(call)
	return ok && e.trapsNumber(nr)
}

func (e *Engine) trapsNumber(nr int) bool {
	p := &e.calls[nr]
	return p.asks || len(p.counts) > 0 || p.net != nil || e.judges && (p.joins || p.path != nil && !(e.looks && p.path.looks()))
}
