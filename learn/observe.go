package learn

import (
	"maps"
	"slices"
	"strings"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
	"github.com/belljar/belljar/trace"
)

// Observations are what one or more runs have done. Its zero value is ready.
// It is a sink of events, which must have been recorded with every call and
// with the objects of decisions.
type Observations struct {
	Runs int // counts the programs that were started as the first of a run

	calls   map[string]*call
	files   map[string]*file
	sockets map[string]string // protocol, by the name of the descriptor
	peers   map[policy.NetRule]int
	other   bool // sockets of families that endpoints do not speak of
	killed  []string
}

// call is what is known of one system call.
type call struct {
	made   int
	denied map[string]int            // by the errno that the policy gave
	values map[int]map[uint64]string // of constrained arguments, in words
	// samples are calls with different numbers as arguments, up to maxSamples.
	samples [][6]uint64
}

// file is what is known of one path.
type file struct {
	access  policy.Access
	used    int
	created bool
	missing int // how often it was not there
}

func (o *Observations) init() {
	if o.calls == nil {
		o.calls, o.files = make(map[string]*call), make(map[string]*file)
		o.sockets, o.peers = make(map[string]string), make(map[policy.NetRule]int)
	}
}

// Write takes note of an event.
func (o *Observations) Write(e *trace.Event) error {
	o.init()
	switch e.Kind {
	case trace.Exec:
		for _, u := range e.Uses {
			o.use(u, e)
		}
	case trace.Call:
		o.call(e)
	}
	return nil
}

func (o *Observations) call(e *trace.Event) {
	if !syscalls.Known(e.Syscall) {
		return
	}
	if e.Decision == "kill" {
		o.killed = append(o.killed, e.Syscall)
		return
	}
	c := o.calls[e.Syscall]
	if c == nil {
		c = &call{denied: make(map[string]int), values: make(map[int]map[uint64]string)}
		o.calls[e.Syscall] = c
	}
	if e.Decision == "deny" && len(e.Uses) == 0 {
		c.denied[e.Errno]++
		return
	}
	c.made++
	c.sample(e)
	for _, a := range constrained[e.Syscall] {
		if c.values[a.arg] == nil {
			c.values[a.arg] = make(map[uint64]string)
		}
		v := narrow(e.Syscall, a.arg, e.Raw)
		c.values[a.arg][v] = spell(e, a.arg, v)
	}
	if e.Decision != "deny" {
		for _, u := range e.Uses {
			o.use(u, e)
		}
	}
	o.network(e)
}

// maxSamples is how many of a call's arguments are kept for a comparison.
const maxSamples = 256

// sample keeps the call's registers without its addresses.
func (c *call) sample(e *trace.Event) {
	var args [6]uint64
	for i, kind := range syscalls.Args(e.Syscall) {
		if i < len(e.Raw) && !kind.IsPointer() {
			args[i] = e.Raw[i]
		} else if i < len(e.Raw) && e.Raw[i] != 0 {
			args[i] = 1 << 32 // some address
		}
	}
	if len(c.samples) < maxSamples && !slices.Contains(c.samples, args) {
		c.samples = append(c.samples, args)
	}
}

// narrow is an argument as the kernel reads it.
func narrow(name string, arg int, raw []uint64) uint64 {
	if arg >= len(raw) {
		return 0
	}
	bits := syscalls.Args(name)[arg].Bits()
	return raw[arg] << (64 - bits) >> (64 - bits)
}

// spell writes a value in words that a policy understands, or as a number.
func spell(e *trace.Event, arg int, v uint64) string {
	for i, text := range e.Args {
		name, named := strings.CutPrefix(text, "flags=")
		if !named && i != arg || strings.Contains(text, " ") {
			continue
		}
		if n, ok := valueOf(name); ok && n == v {
			return name
		}
	}
	return hex(v)
}

// valueOf reads names that are joined by bars.
func valueOf(text string) (all uint64, ok bool) {
	for part := range strings.SplitSeq(text, "|") {
		n, ok := syscalls.Constant(part)
		if s, signal := syscalls.Signal(part); !ok && signal {
			n, ok = uint64(s), true
		}
		if !ok {
			return 0, false
		}
		all |= n
	}
	return all, true
}

// use takes note of an object.
func (o *Observations) use(u trace.Use, e *trace.Event) {
	path := trace.Unquote(u.Path)
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "*") || strings.HasSuffix(path, " (deleted)") {
		return // no file, or one that no pattern can name alone
	}
	path = numberless(path)
	f := o.files[path]
	if f == nil {
		f = &file{}
		o.files[path] = f
	}
	f.access |= accessOf(u.Access)
	f.used++
	if e.Errno == "ENOENT" {
		f.missing++
	}
	if e.Errno == "" && creates(e) {
		f.created = true
	}
}

// creates reports whether a call makes, renames or removes names.
func creates(e *trace.Event) bool {
	switch e.Syscall {
	case "open", "openat", "openat2":
		return slices.ContainsFunc(e.Args, func(a string) bool { return strings.Contains(a, "O_CREAT") })
	case "creat", "mkdir", "mkdirat", "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "mknod", "mknodat",
		"unlink", "unlinkat", "rmdir":
		return true
	}
	return false
}

// numberless replaces processes' numbers below /proc, which are others in each
// run.
func numberless(path string) string {
	if !strings.HasPrefix(path, "/proc/") {
		return path
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if p != "" && strings.Trim(p, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, "/")
}

// accessOf reads the names that policy.Access writes.
func accessOf(text string) (a policy.Access) {
	for name := range strings.SplitSeq(text, "+") {
		switch name {
		case "stat":
			a |= policy.Stat
		case "read":
			a |= policy.Read
		case "write":
			a |= policy.Write
		case "exec":
			a |= policy.Exec
		}
	}
	return a
}

// made lists the calls that were made, sorted.
func (o *Observations) made() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(o.calls)) {
		if o.calls[name].made > 0 {
			names = append(names, name)
		}
	}
	return names
}
