package escapes_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/test/cases"
)

// naive is the handler that everybody writes first: it reads the path, finds
// out where it leads, and lets the kernel read and find out again.
type naive struct{ secret string }

// naiveCalls say where the calls of the races have their directory and their
// path, and whether a link at the end is followed.
var naiveCalls = map[string]struct {
	dir, path int
	follow    bool
}{
	"openat": {0, 1, true}, "openat2": {0, 1, true}, "newfstatat": {0, 1, true}, "unlinkat": {0, 1, false},
	"renameat": {0, 1, false}, "linkat": {0, 1, false}, "truncate": {-1, 0, true}, "fchmodat": {0, 1, true},
}

func (n naive) Handle(t *supervise.Trap) supervise.Decision {
	refused := supervise.Decision{Kind: supervise.Deny, Errno: syscall.EACCES}
	call := naiveCalls[t.Name()]
	name, err := t.Path(call.path)
	if err == nil && n.reaches(t, call.dir, name, call.follow) {
		return refused
	}
	if t.Name() == "openat2" && strings.HasSuffix(name, "fixed") {
		how, err := t.Bytes(2, 8)
		if err != nil || how[0]&syscall.O_ACCMODE != syscall.O_RDONLY {
			return refused
		}
	}
	return supervise.Decision{Kind: supervise.Allow} // also where it could not read: the kernel will say so
}

func (n naive) reaches(t *supervise.Trap, dir int, name string, follow bool) bool {
	if !strings.HasPrefix(name, "/") {
		at := "cwd"
		if dir >= 0 && t.Int(dir) != -100 {
			at = "fd/" + strconv.Itoa(int(t.Int(dir)))
		}
		base, err := os.Readlink("/proc/" + strconv.Itoa(t.TID) + "/" + at)
		if err != nil {
			return false
		}
		name = base + "/" + name // not Join, which takes ".." for text
	}
	if !follow {
		parent, err := filepath.EvalSymlinks(name[:strings.LastIndexByte(name, '/')])
		return err == nil && parent+"/"+filepath.Base(name) == n.secret
	}
	reached, err := filepath.EvalSymlinks(name)
	return err == nil && reached == n.secret
}

// races are the cases of the program, as its header has them.
func races(t *testing.T) (all [][]string) {
	t.Helper()
	for _, p := range corpus(t) {
		if p.Name != "escapes/races" {
			continue
		}
		seen := map[string]bool{}
		for _, c := range p.Cases {
			if args := c.Keys["args"]; !seen[args] {
				seen[args] = true
				all = append(all, strings.Fields(args)[:2])
			}
		}
	}
	return all
}

// TestRacesAgainstCheckThenContinue is the mutant of every race: a handler that
// checks and lets the call go on loses each of them.
func TestRacesAgainstCheckThenContinue(t *testing.T) {
	program := testkit.Program(t, "escapes/races", "dynamic")[0]
	for _, race := range races(t) {
		t.Run(strings.Join(race, " "), func(t *testing.T) {
			t.Parallel()
			for end := time.Now().Add(time.Minute); ; {
				won := raceNaively(t, program, race)
				if won {
					return
				}
				if time.Now().After(end) {
					t.Fatal("a minute of attacks won nothing: the program proves nothing")
				}
			}
		})
	}
}

func raceNaively(t *testing.T, program string, race []string) (won bool) {
	a := cases.NewArena(t, program)
	res, out := cases.Run(t, belljar.Command{Args: []string{a.Program(), race[0], race[1], "0.3"}, Dir: a.Box},
		belljar.Options{Policy: naivePolicy(race[0] == "open" || race[0] == "how"), Supervisor: belljar.Ptrace, Unshare: belljar.Off,
			Handler: naive{a.Inner}, Limits: belljar.Limits{Wall: 20 * time.Second}})
	if res.Verdict != belljar.OK && res.ExitCode != 42 {
		t.Fatalf("%+v %+v\n%s%s", cases.Brief(res), res.Violation, out.Stdout.String(), out.Stderr.String())
	}
	return res.ExitCode == 42 || len(a.Check()) > 0
}

// naivePolicy traps the calls of the races, those that open or the others, and
// has nothing else to say about files.
func naivePolicy(opening bool) *policy.Policy {
	p := policy.Compile()
	p.Files = policy.Files{}
	if opening {
		// A supervisor that opens files for the program insists on these.
		p.Files = policy.Files{Default: policy.Action{Kind: policy.Allow}, Rules: []policy.FileRule{
			{Pattern: "/proc/*/mem", Do: policy.Action{Kind: policy.Kill}},
			{Pattern: "/proc/*/task/*/mem", Do: policy.Action{Kind: policy.Kill}}}}
	}
	var traps []policy.Rule
	for call := range naiveCalls {
		if opening == strings.HasPrefix(call, "open") {
			traps = append(traps, policy.Rule{Call: call, Do: policy.Action{Kind: policy.Trap}})
		}
	}
	p.Rules = append(traps, p.Rules...)
	return p
}
