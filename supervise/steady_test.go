package supervise

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/belljar/belljar/policy"
)

// steadyCall is a call of the kind that programs make over and over.
type steadyCall struct {
	name string
	kind Kind // what becomes of it from the second time on
	trap *Trap
	do   func() Decision
}

// steadyCalls are calls on a directory of root's and on one that the program
// could change, made by a task that is alone and by one that is not.
func steadyCalls(t testing.TB) []*steadyCall {
	t.Helper()
	dir := ownTree(t)
	must(t, os.WriteFile(dir+"/f", nil, 0o644))
	env, err := filepath.EvalSymlinks("/usr/bin/env")
	must(t, err)
	uid, gid := programIDs()
	first := newEngine(t, EngineConfig{Dir: dir, UID: uid, GID: gid, Policy: &policy.Policy{Default: policy.Action{Kind: policy.Kill}, Rules: []policy.Rule{{Call: "@file-read", Do: policy.Action{Kind: policy.Allow}}, {Call: "@file-stat", Do: policy.Action{Kind: policy.Allow}}},
		Files: policy.Files{Default: kill, Rules: []policy.FileRule{{Pattern: "./**", Grant: policy.Write}, {Pattern: "/usr/**", Grant: policy.Read}}}}})
	e, err := first.ForRun("")
	must(t, err)
	t.Cleanup(e.Close)
	var calls []*steadyCall
	for _, c := range []struct {
		name   string
		kind   Kind
		alone  bool
		byName bool
		trap   *Trap
		out    int // the argument with the result's address
	}{
		{"open, alone", Allow, true, true, trapOf("open", env, 0), 5},
		{"open, to be opened by name", Open, false, true, trapOf("open", env, 0), 5},
		{"open, to be opened by Belljar", Open, false, false, trapOf("open", env, 0), 5},
		{"open for writing by name", Open, true, true, trapOf("open", dir+"/f", syscall.O_RDWR), 5},
		{"open with a link, alone", Allow, true, true, trapOf("open", "/usr/bin/../bin/env", 0), 5},
		{"stat, alone", Allow, true, true, trapOf("stat", env, 0), 1},
		{"stat", Return, false, true, trapOf("stat", env, 0), 1},
		{"stat of nothing", Fail, false, true, trapOf("stat", "/usr/bin/no such program", 0), 1},
		{"readlink", Fail, false, true, trapOf("readlink", "/usr/bin", 0, 100), 1},
		{"fstat, alone", Allow, true, true, trapOf("newfstatat", 1, "", 0, atEmptyPath), 2},
	} {
		c.trap.Alone, c.trap.ByName = c.alone, c.byName
		c.trap.Args[c.out] = c.trap.Tracee.(*fakeTracee).put(string(make([]byte, 256)))
		calls = append(calls, &steadyCall{c.name, c.kind, c.trap, func() Decision {
			d := e.Handle(c.trap)
			if d.Opening != nil {
				d.Opening.Close()
			}
			return d
		}})
	}
	return calls
}

// TestSteadyAllocatesNothing proves that calls which a program makes over and
// over leave no garbage, and that they are decided the cheap way.
func TestSteadyAllocatesNothing(t *testing.T) {
	for _, c := range steadyCalls(t) {
		onThread(t, func() {
			c.do()
			if d := c.do(); d.Kind != c.kind {
				t.Errorf("%s: %+v, want kind %d", c.name, d, c.kind)
			}
			if n := testing.AllocsPerRun(100, func() { c.do() }); n != 0 {
				t.Errorf("%s: %v allocations", c.name, n)
			}
		})
	}
}
