package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/belljar/belljar"
)

// runFlags is what the flags of "belljar run" say, before any of it is judged
// against the host.
type runFlags struct {
	// Of commands that run a program as run does, and do more.
	more  []flagGroup                 // their flags, before run's
	watch func(*belljar.Options)      // prepares the run to be watched
	after func(*belljar.Result) error // has its say when the run is over

	policy      string
	overlay     overlay
	supervisor  belljar.Supervisor
	unshare     belljar.Switch
	hostNetwork bool
	cgroup      belljar.Switch
	root        string
	mounts      []mountFlag

	limits   belljar.Limits
	uid, gid *int

	stdin, stdout, stderr string
	dir                   string
	env                   []string

	result, meta, events string
	explain              bool
	require              []string
}

// mountFlag is one --bind or --tmpfs; their order counts.
type mountFlag struct{ kind, spec string }

// runFlag is one row of the table that parsing, help and completion read.
type runFlag struct {
	name, value string // value is "" for a flag that takes none
	help        string
	set         func(*runFlags, string) error
	complete    func() []string // nil where the shell's file names will do
}

// flagGroup is a headed part of the table.
type flagGroup struct {
	title string
	flags []runFlag
}

var runFlagTable = []flagGroup{
	{"Policy", []runFlag{
		{"policy", "FILE|PRESET", "what the program may do (default judge; observe for trace and learn)", into(func(f *runFlags) *string { return &f.policy }), completePolicies},
		{"read", "GLOB", "let it read these files", fileRule("read"), nil},
		{"write", "GLOB", "let it change these files, and read them", fileRule("write"), nil},
		{"stat", "GLOB", "let it see that these files exist", fileRule("stat"), nil},
		{"exec", "GLOB", "let it execute these files", fileRule("exec"), nil},
		{"deny", "GLOB", "answer EACCES for these files", fileRule("deny"), nil},
		{"allow", "CALL", "allow a system call or a @group", callRule("allow"), completeCalls},
		{"kill", "CALL", "end the run at a system call or a @group", callRule("kill"), completeCalls},
		{"count", "CALL=N", "end the run at call number N+1", func(f *runFlags, v string) error { return f.overlay.addCount(v) }, completeCalls},
	}},
	{"Containment", []runFlag{
		{"supervisor", "KIND", "who decides calls that the kernel cannot: auto, ptrace, notify or none (default auto)", setSupervisor, func() []string { return supervisorNames }},
		{"unshare", "", "demand namespaces and a private root (default: where the host allows them)", func(f *runFlags, _ string) error { f.unshare = belljar.On; return nil }, nil},
		{"no-unshare", "", "run on the host's own root", func(f *runFlags, _ string) error { f.unshare = belljar.Off; return nil }, nil},
		{"host-network", "", "keep the host's network, as far as the policy allows sockets", func(f *runFlags, _ string) error { f.hostNetwork = true; return nil }, nil},
		{"cgroup", "", "demand a cgroup for the run (default: where it has a limit that one can keep)", func(f *runFlags, _ string) error { f.cgroup = belljar.On; return nil }, nil},
		{"no-cgroup", "", "measure with the tracer and /proc only", func(f *runFlags, _ string) error { f.cgroup = belljar.Off; return nil }, nil},
		{"root", "DIR", "make DIR the private root, read-only, instead of the host's programs", into(func(f *runFlags) *string { return &f.root }), nil},
		{"bind", "SRC[:DST][:ro|rw]", "show a file or directory in the private root (default ro)", mount("bind"), nil},
		{"tmpfs", "DST[:SIZE]", "give the private root an empty writable directory", mount("tmpfs"), nil},
		{"uid", "N", "run as this user (default 65534 if root, else your own)", number(parseID, func(f *runFlags) **int { return &f.uid }), nil},
		{"gid", "N", "run as this group", number(parseID, func(f *runFlags) **int { return &f.gid }), nil},
		{"require", "LAYER,...", "run nothing if one of these layers is missing; --explain lists them", list(func(f *runFlags) *[]string { return &f.require }), nil},
	}},
	{"Limits (none unless given)", []runFlag{
		{"cpu", "TIME", "CPU time of all its processes: 1s, 500ms or seconds", limit(parseDuration, func(l *belljar.Limits, d time.Duration) { l.CPU = d }), nil},
		{"wall", "TIME", "time on the clock", limit(parseDuration, func(l *belljar.Limits, d time.Duration) { l.Wall = d }), nil},
		{"memory", "SIZE", "memory of all its processes: 256M, 1G, 64KiB or bytes", limit(parseSize, func(l *belljar.Limits, n int64) { l.Memory = n }), nil},
		{"stack", "SIZE", "stack of each process", limit(parseSize, func(l *belljar.Limits, n int64) { l.Stack = n }), nil},
		{"output", "SIZE", "bytes written to standard output and error together, and to any one file", limit(parseSize, func(l *belljar.Limits, n int64) { l.Output = n }), nil},
		{"processes", "N", "processes and threads alive at once", limit(parseCount, func(l *belljar.Limits, n int) { l.Processes = n }), nil},
		{"files", "N", "open descriptors of each process", limit(parseCount, func(l *belljar.Limits, n int) { l.Files = n }), nil},
		{"cpus", "N", "CPUs' worth of time, such as 0.5 or 2; needs a cgroup", limit(parseCPUs, func(l *belljar.Limits, n float64) { l.CPUs = n }), nil},
		{"cpuset", "LIST", "run on these CPUs only, such as 0-1,3; needs a cgroup", limit(parseCPUSet, func(l *belljar.Limits, list string) { l.CPUSet = list }), nil},
	}},
	{"The program's surroundings", []runFlag{
		{"stdin", "FILE", "read from a file (default: this command's input)", into(func(f *runFlags) *string { return &f.stdin }), nil},
		{"stdout", "FILE", "write to a regular file, emptied first", into(func(f *runFlags) *string { return &f.stdout }), nil},
		{"stderr", "FILE", "write to a regular file, emptied first; may be the same as --stdout", into(func(f *runFlags) *string { return &f.stderr }), nil},
		{"dir", "DIR", "start in DIR", into(func(f *runFlags) *string { return &f.dir }), nil},
		{"env", "K=V", "set a variable; nothing is inherited, and only PATH, LANG and HOME have defaults", setEnv, nil},
	}},
	{"Report", []runFlag{
		{"result", "FILE|-", "write the result as one line of JSON; - is standard output, after the program's own, on a line of its own", into(func(f *runFlags) *string { return &f.result }), nil},
		{"meta", "FILE", "write the result as key:value lines, as isolate does", into(func(f *runFlags) *string { return &f.meta }), nil},
		{"events", "FILE", "write each decision of the supervisor as a line of JSON", into(func(f *runFlags) *string { return &f.events }), nil},
		{"explain", "", "print the launch and what would enforce the policy; run nothing", func(f *runFlags, _ string) error { f.explain = true; return nil }, nil},
	}},
}

// into stores a flag's text. An empty one is a mistake, mostly of a shell
// variable that is not set.
func into(field func(*runFlags) *string) func(*runFlags, string) error {
	return func(f *runFlags, v string) error {
		if v == "" {
			return errors.New("must not be empty")
		}
		*field(f) = v
		return nil
	}
}

func list(field func(*runFlags) *[]string) func(*runFlags, string) error {
	return func(f *runFlags, v string) error {
		*field(f) = append(*field(f), strings.Split(v, ",")...)
		return nil
	}
}

func number(parse func(string) (int, error), field func(*runFlags) **int) func(*runFlags, string) error {
	return func(f *runFlags, v string) error {
		n, err := parse(v)
		*field(f) = &n
		return err
	}
}

func limit[T any](parse func(string) (T, error), store func(*belljar.Limits, T)) func(*runFlags, string) error {
	return func(f *runFlags, v string) error {
		n, err := parse(v)
		store(&f.limits, n)
		return err
	}
}

func fileRule(verb string) func(*runFlags, string) error {
	return func(f *runFlags, v string) error { return f.overlay.addFile(verb, v) }
}

func callRule(verb string) func(*runFlags, string) error {
	return func(f *runFlags, v string) error { return f.overlay.addCall(verb, v) }
}

func mount(kind string) func(*runFlags, string) error {
	return func(f *runFlags, v string) error {
		f.mounts = append(f.mounts, mountFlag{kind, v})
		return nil
	}
}

var supervisorNames = []string{"auto", "ptrace", "notify", "none"}

func setSupervisor(f *runFlags, v string) error {
	switch v {
	case "auto":
		f.supervisor = belljar.Auto
	case "ptrace":
		f.supervisor = belljar.Ptrace
	case "none":
		f.supervisor = belljar.NoOne
	case "notify":
		f.supervisor = belljar.Notify
	default:
		return errors.New("use auto, ptrace, notify or none")
	}
	return nil
}

func setEnv(f *runFlags, v string) error {
	if i := strings.IndexByte(v, '='); i < 1 {
		return errors.New("write NAME=VALUE")
	}
	f.env = append(f.env, v)
	return nil
}

// flagValue lets pflag call a row's set function.
type flagValue struct {
	flags *runFlags
	row   runFlag
}

func (v flagValue) String() string { return "" }
func (v flagValue) Type() string   { return v.row.value }

// given stands for the value of a flag that takes none.
const given = "\x00given"

func (v flagValue) Set(s string) error {
	if v.row.value == "" && s != given {
		return errors.New("takes no value")
	}
	return v.row.set(v.flags, s)
}

// shorthands are the flags that have a letter.
var shorthands = map[string]string{"to": "o"}

// flagSet returns a set that stores into f.
func (f *runFlags) flagSet() *pflag.FlagSet {
	set := pflag.NewFlagSet("run", pflag.ContinueOnError)
	set.SetInterspersed(false)
	set.SortFlags = false
	set.Usage = func() {}
	for _, g := range slices.Concat(f.more, runFlagTable) {
		for _, row := range g.flags {
			flag := set.VarPF(flagValue{f, row}, row.name, shorthands[row.name], row.help)
			if row.value == "" {
				flag.NoOptDefVal = given
			}
		}
	}
	return set
}

// parse reads the flags and returns what follows them: the program and its
// arguments.
func (f *runFlags) parse(args []string) ([]string, error) {
	set := f.flagSet()
	if err := set.Parse(args); err != nil {
		return nil, flagError(err)
	}
	return set.Args(), nil
}

// flagError turns an error of pflag into one that says what to do.
func flagError(err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s %s: %w", bad.GetFlag().Name, quote(bad.GetValue()), errors.Unwrap(bad))
	}
	if missing, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return fmt.Errorf("--%s needs a value: %s", missing.GetFlag().Name, missing.GetFlag().Value.Type())
	}
	return fmt.Errorf("%w; belljar help run lists the flags, and -- ends them", err)
}

// runUsage is the help of "belljar run", made from the table.
func runUsage(more []flagGroup) string {
	var b strings.Builder
	for _, g := range slices.Concat(more, runFlagTable) {
		fmt.Fprintf(&b, "%s:\n", g.title)
		for _, row := range g.flags {
			fmt.Fprintf(&b, "  %-27s %s\n", strings.TrimSpace("--"+row.name+" "+row.value), row.help)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
