package belljar

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"os"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/internal/kernel"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/seccomp/bpf"
	"github.com/belljar/belljar/supervise/ptrace"
	"github.com/belljar/belljar/syscalls"
)

var update = flag.Bool("update", false, "write the prepared filters")

// The prepared filters are what the compiler makes today of the runs that they
// are for, and they are found. Each other architecture's are compared as text.
func TestPrepared(t *testing.T) {
	testkit.Notify(t)
	seals := kernel.Mseal.Have()
	if *update && !seals {
		t.Fatal("the filters of kernels with mseal can be written on one of them only (Linux 6.10)")
	}
	for arch, table := range map[string]*syscalls.Table{"amd64": syscalls.AMD64, "arm64": syscalls.ARM64} {
		w := preparedWriter{own: arch == runtime.GOARCH && !*update, seen: map[[sha256.Size]byte][]byte{}}
		w.add(t, table)
		if !seals {
			continue // half of the filters are for this kernel, and were found
		}
		restore := kernel.Mseal.Lack()
		t.Cleanup(restore)
		w.add(t, table)
		restore()
		w.compare(t, "prepared_"+arch+".bin")
	}
}

// preparedWriter makes the text of [prepared].
type preparedWriter struct {
	own  bool // of this architecture: what is added is also looked for
	seen map[[sha256.Size]byte][]byte
	rows []preparedFilter
}

type preparedFilter struct {
	key [sha256.Size]byte
	raw []byte
}

// add makes the filters of the presets that people run programs under. Those of
// strict take no time, and those of a trace, under observe, depend on what is watched.
func (w *preparedWriter) add(t *testing.T, table *syscalls.Table) {
	t.Helper()
	for _, preset := range []string{"judge", "compile", "interpreter"} {
		for _, way := range []struct {
			Supervisor
			Switch
		}{{NoOne, On}, {Ptrace, On}, {Notify, On}, {Ptrace, Off}, {Notify, Off}} {
			for _, processes := range []int{0, 1} {
				rules, _ := policy.Preset(preset)
				r := NewRunner(Options{Policy: rules, Supervisor: way.Supervisor, Unshare: way.Switch, Limits: Limits{Processes: processes}})
				r.table = table
				p, err := r.plan(Command{Args: []string{"/bin/true"}}, func() (bool, error) { return os.Geteuid() != 0, nil })
				if err != nil {
					t.Fatal(err)
				}
				w.one(t, p)
				if p.engine != nil {
					p.engine.Close()
				}
			}
		}
	}
}

func (w *preparedWriter) one(t *testing.T, p *plan) {
	t.Helper()
	opts := p.filterOptions(false)
	key := p.filterKey(opts)
	compiled, err := p.compileAnew(opts)
	if err != nil || len(compiled) != 1 {
		t.Fatalf("%s: %d filters, %v", p.policy.Name, len(compiled), err)
	}
	raw := compiled[0].Raw()
	if before := w.seen[key]; before != nil {
		// Without supervised openings it is all the same whether memory can be sealed.
		if !bytes.Equal(before, raw) {
			t.Errorf("%s, supervisor %s, root %t, limits %+v: another filter has the same key", p.policy.Name, p.supervisor, p.root != nil, p.opts.Limits)
		}
		return
	}
	w.seen[key] = raw
	w.rows = append(w.rows, preparedFilter{key, raw})
	if !w.own {
		return
	}
	found := prepared(key)
	if found == nil {
		t.Fatalf("%s, supervisor %s, root %t, limits %+v: there is none (-update writes it)", p.policy.Name, p.supervisor, p.root != nil, p.opts.Limits)
	}
	if diff := cmp.Diff([]bpf.Program{compiled[0]}, found.filters); diff != "" {
		t.Errorf("%s, supervisor %s, root %t, limits %+v (-update writes it): %s", p.policy.Name, p.supervisor, p.root != nil, p.opts.Limits, diff)
	}
}

func (w *preparedWriter) compare(t *testing.T, file string) {
	t.Helper()
	var index, body bytes.Buffer
	number := func(n int) { index.Write(binary.LittleEndian.AppendUint32(nil, uint32(n))) }
	number(len(w.rows))
	for _, f := range w.rows {
		index.Write(f.key[:])
		number(preparedNumber + len(w.rows)*preparedRow + body.Len())
		number(len(f.raw))
		body.Write(f.raw)
	}
	index.Write(body.Bytes())
	if *update {
		if err := os.WriteFile(file, index.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, index.Bytes()) {
		t.Errorf("%s is out of date (go test -run TestPrepared -update writes it): %v", file, err)
	}
}

// What the tracer decides beside notify depends on the kernel, and so does the key,
// also where the policy makes the same calls trap.
func TestPreparedKeyKnowsTheTracersCalls(t *testing.T) {
	testkit.Notify(t)
	if !kernel.Mseal.Have() {
		t.Skip("the kernel lacks mseal (Linux 6.10), with and without which keys are compared")
	}
	rules := policy.Judge()
	for _, call := range ptrace.GuardCalls {
		rules.Counts = append(rules.Counts, policy.Count{Call: call, Max: 1000})
	}
	key := func() [sha256.Size]byte {
		p, err := NewRunner(Options{Policy: rules, Supervisor: Notify, Unshare: Off}).plan(Command{Args: []string{"/bin/true"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer p.engine.Close()
		return p.filterKey(p.filterOptions(false))
	}
	with := key()
	restore := kernel.Mseal.Lack()
	t.Cleanup(restore)
	if with == key() {
		t.Error("two filters have one key")
	}
}

// A policy that is none is an error of the run, whatever else a runner wants to
// know of it.
func TestInvalidPolicy(t *testing.T) {
	none := &policy.Policy{Rules: []policy.Rule{{Call: "keyctl", Do: policy.Action{Kind: policy.Allow},
		When: []policy.Cond{{Op: policy.Lt}, {Op: policy.Gt}}}}}
	for _, o := range []Options{{Policy: none}, {Policy: none, Containers: 1}} {
		if _, err := NewRunner(o).Run(t.Context(), Command{Args: []string{"/bin/true"}}); err == nil {
			t.Error("it was run")
		}
	}
}
