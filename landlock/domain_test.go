package landlock

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/launch"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
)

// tree makes the directory that the tests of files work in; whoever runs the
// program owns what is in it.
func tree(t *testing.T, uid int) string {
	t.Helper()
	dir := testkit.Dir(t)
	program, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"w/f", "w/prog", "w/sub/f", "w2/f", "r/f", "r/g", "r/abc.x", "x/prog", "out/f", "out/prog", "out/sub/f", "d/one", "fix/f", "fix/g"} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("r", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := filepath.Walk(dir, func(name string, _ os.FileInfo, _ error) error { return os.Lchown(name, uid, uid) }); err != nil {
		t.Fatal(err)
	}
	fixed := filepath.Join(dir, "fix")
	if err := os.Chmod(fixed, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(fixed, 0o755) })
	return dir
}

const fileRules = `
files:
  read: ["./r/**", "./link/abc*", "/lib*/**", "/usr/lib*/**", "/etc/ld.so.cache", "/proc/self/status"]
  write: ["./w/**", "./w2/**", "./d/new/**", "./d/single", "./d/one", "./fix/f"]
  exec: ["./x/*", "/lib*/**", "/usr/lib*/**"]
  default: {deny: EACCES}
`

// fileOps has what a program tries, one after the other, and how it ends in a
// domain. What is refused works without one.
var fileOps = []struct {
	op, want string
	abi      int    // with an older one it works; 0: always as wanted
	old      string // how it ends with ABI 1, if not as wanted
}{
	{op: "read r/f", want: "ok"},
	{op: "list r", want: "ok"},
	{op: "read link/abc.x", want: "ok"},
	{op: "read /proc/self/status", want: "ok"},
	{op: "read out/f", want: "EACCES"},
	{op: "list out", want: "EACCES"},
	{op: "read /etc/passwd", want: "EACCES"},
	{op: "write w/f", want: "ok"},
	{op: "write r/f", want: "EACCES"},
	{op: "write out/f", want: "EACCES"},
	{op: "create w/new", want: "ok"},
	{op: "create r/new", want: "EACCES"},
	{op: "mkdir d/new", want: "ok"}, // a tree that does not exist yet
	{op: "create d/new/f", want: "ok"},
	{op: "create d/single", want: "ok"},
	{op: "unlink d/single", want: "ok"},
	{op: "create d/single", want: "ok"},
	{op: "unlink d/one", want: "ok"},
	{op: "create d/one", want: "ok"},
	{op: "write d/one", want: "ok"},
	{op: "write fix/f", want: "ok"},
	{op: "read fix/g", want: "EACCES"}, // its directory cannot be changed, so it is not opened
	{op: "mkdir r/d", want: "EACCES"},
	{op: "rmdir empty", want: "EACCES"},
	{op: "symlink w/s", want: "ok"},
	{op: "symlink r/s", want: "EACCES"},
	{op: "fifo w/p", want: "ok"},
	{op: "fifo r/p", want: "EACCES"},
	{op: "rename w/f w/g", want: "ok"},
	{op: "rename w/g w2/g", want: "ok", old: "EXDEV"},
	{op: "rename w/sub w2/sub", want: "ok", old: "EXDEV"},
	{op: "link w2/f w/h", want: "ok", old: "EXDEV"},
	{op: "link r/f w/linked", want: "EXDEV"},
	{op: "rename r/g w/stolen", want: "EACCES"},
	{op: "rename out/sub out/away", want: "EACCES"},
	{op: "truncate w2/f", want: "ok"},
	{op: "truncate out/f", want: "EACCES", abi: 3},
	{op: "unlink r/abc.x", want: "EACCES"},
	{op: "run x/prog", want: "ok"},
	{op: "run out/prog", want: "EACCES"},
	{op: "run w/prog", want: "EACCES"},
	{op: "ioctl /dev/random", want: "EACCES", abi: 5},
}

// TestFiles runs the operations in a domain of each ABI that the kernel knows,
// and those that are refused without a domain.
func TestFiles(t *testing.T) {
	needABI(t, 1)
	program := victim(t)
	for _, uid := range users() {
		t.Run(fmt.Sprintf("uid %d/no domain", uid), func(t *testing.T) {
			var ops []string
			for _, o := range fileOps {
				if o.want != "ok" {
					ops = append(ops, o.op)
				}
			}
			for i, got := range inDomain(t, Ruleset{}, uid, tree(t, uid), program, ops...) {
				if got != "ok" {
					t.Errorf("%s: %s without a domain: the test proves nothing", ops[i], got)
				}
			}
		})
		for abi := 1; abi <= MaxABI; abi++ {
			t.Run(fmt.Sprintf("uid %d/ABI %d", uid, abi), func(t *testing.T) {
				needABI(t, abi)
				testFiles(t, program, uid, abi)
			})
		}
	}
}

func testFiles(t *testing.T, program string, uid, abi int) {
	p := parse(t, fileRules)
	if abi == 1 {
		// A policy that lets files move gets no rules on files before ABI 2.
		p = parse(t, "syscalls:\n  deny: {EPERM: [rename, renameat, renameat2, link, linkat, io_uring_enter]}"+fileRules)
	}
	dir := tree(t, uid)
	r := For(p, abi, Options{Dir: dir, Canon: Canonical, List: Names}).With(program, nil)
	ops := make([]string, len(fileOps))
	for i, o := range fileOps {
		ops[i] = o.op
	}
	for i, got := range inDomain(t, r, uid, dir, program, ops...) {
		o := fileOps[i]
		want := o.want
		switch {
		case abi < o.abi:
			want = "ok"
		case abi == 1 && o.old != "":
			want = o.old
		}
		if got != want {
			t.Errorf("%s: %s, want %s", o.op, got, want)
		}
	}
}

// TestMovesNeedABI2 proves that no domain is made in which what the policy
// allows could not work.
func TestMovesNeedABI2(t *testing.T) {
	r := For(parse(t, fileRules), 1, Options{Dir: "/w"})
	if state, why := r.Report(); r.Handles() || state != Off || !strings.Contains(why, "ABI 2 (Linux 5.19)") {
		t.Errorf("%s: %s, handles %v", state, why, r.Handled)
	}
}

// TestDescriptors proves that a file that was handed over can be opened again
// through procfs, as far as its descriptor allows, and no further.
func TestDescriptors(t *testing.T) {
	needABI(t, 1)
	program := victim(t)
	p := parse(t, fileRules)
	for _, uid := range users() {
		dir := tree(t, uid)
		input, err := os.Open(filepath.Join(dir, "out/f"))
		if err != nil {
			t.Fatal(err)
		}
		defer input.Close()
		held := Held([]int{int(input.Fd())})
		r := For(p, min(MaxABI, kernelABI()), Options{Dir: dir, List: Names})
		for _, tt := range []struct {
			rules Ruleset
			want  string
		}{{r.With(program, held), "ok EACCES"}, {r.With(program, nil), "EACCES EACCES"}} {
			got := inDomainWith(t, tt.rules, uid, dir, input, program, "read /proc/self/fd/0", "write /proc/self/fd/0")
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("uid %d: %s, want %s", uid, s, tt.want)
			}
		}
	}
}

// TestTCP has one port of each verb in the policy.
func TestTCP(t *testing.T) {
	needABI(t, 4)
	program := victim(t)
	var ports [2]string
	for i := range ports {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
	}
	free := freePorts(t)
	ops := []string{"connect " + ports[0], "connect " + ports[1], "bind " + free[0], "bind " + free[1]}
	for _, tt := range []struct{ name, policy, want string }{
		{"ports", fmt.Sprintf("network:\n  connect: [\"tcp:127.0.0.1:%s\"]\n  bind: [\"tcp:*:%s\"]", ports[0], free[0]), "ok EACCES ok EACCES"},
		{"any port", "network:\n  connect: [\"tcp:127.0.0.1:*\"]", "ok ok EACCES EACCES"},
		{"no rules", "", "ok ok ok ok"},
		{"default deny", "network:\n  default: {deny: EACCES}", "EACCES EACCES EACCES EACCES"},
		{"default allow", "network:\n  default: allow", "ok ok ok ok"},
		{"unix sockets only", "syscalls:\n  kill: [socket, io_uring_enter]\n  when:\n    - {call: socket, args: {0: {eq: AF_UNIX}}, do: allow}", "EACCES EACCES EACCES EACCES"},
		{"any socket of AF_INET", "syscalls:\n  kill: [socket, io_uring_enter]\n  when:\n    - {call: socket, args: {0: {eq: AF_INET}, 1: {ne: 0}}, do: allow}", "ok ok ok ok"},
		{"no connect", "syscalls:\n  kill: [connect, io_uring_enter]", "EACCES EACCES ok ok"},
	} {
		for _, uid := range users() {
			r := For(parse(t, tt.policy), min(MaxABI, kernelABI()), Options{Dir: "/"})
			if got := strings.Join(inDomain(t, r, uid, "/", program, ops...), " "); got != tt.want {
				t.Errorf("%s, uid %d: %s, want %s", tt.name, uid, got, tt.want)
			}
		}
	}
}

// freePorts returns ports that nobody uses now.
func freePorts(t *testing.T) (ports [2]string) {
	for i := range ports {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, ports[i], _ = net.SplitHostPort(l.Addr().String())
		defer l.Close()
	}
	return ports
}

// TestScopes reaches for a process outside, and for one of the program's own.
func TestScopes(t *testing.T) {
	needABI(t, 6)
	program := victim(t)
	name := fmt.Sprintf("@belljar-test-%d", os.Getpid())
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket := filepath.Join(testkit.Dir(t), "socket")
	l2, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l2.Close()
	if err := os.Chmod(socket, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, uid := range users() {
		outside := exec.Command("/bin/sleep", "100")
		if os.Geteuid() == 0 {
			outside.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		}
		if err := outside.Start(); err != nil {
			t.Fatal(err)
		}
		ops := []string{"abstract " + name, "signal " + strconv.Itoa(outside.Process.Pid), "unix " + socket, "child /bin/sleep"}
		for _, tt := range []struct {
			name, policy string
			abi          int
			options      Options
			want         string
		}{
			{"all", "", 6, Options{}, "EPERM EPERM ok ok"},
			{"abstract sockets named", "network:\n  connect: [\"unix:" + name + "\"]", 6, Options{}, "ok EPERM ok ok"},
			{"outside", "", 6, Options{OutsideSignals: true, OutsideSockets: true}, "ok ok ok ok"},
			{"ABI 5", "", 5, Options{}, "ok ok ok ok"},
		} {
			r := For(parse(t, tt.policy), tt.abi, tt.options)
			if got := strings.Join(inDomain(t, r, uid, "/", program, ops...), " "); got != tt.want {
				t.Errorf("%s, uid %d: %s, want %s", tt.name, uid, got, tt.want)
			}
		}
		outside.Process.Kill()
		outside.Wait()
	}
}

// TestPresets proves that the presets' programs start in their domain alone,
// here one that needs the loader, the C library and procfs.
func TestPresets(t *testing.T) {
	needABI(t, 1)
	dir := testkit.Dir(t)
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		for abi := 1; abi <= kernelABI(); abi++ {
			for _, uid := range users() {
				r := For(p, abi, Options{Dir: dir, Canon: Canonical, List: Names}).With("/bin/cat", nil)
				out, err := start(t, r.Steps(), uid, dir, nil, []string{"/bin/cat", "/proc/self/status"})
				if err != nil || !strings.HasPrefix(out, "Name:\tcat") {
					t.Errorf("%s, ABI %d, uid %d: %v, output %q", name, abi, uid, err, out)
				}
			}
		}
	}
}

// TestRefusedStep proves that a ruleset that the kernel does not take ends the
// launch.
func TestRefusedStep(t *testing.T) {
	needABI(t, 1)
	r := Ruleset{ABI: 1}
	r.Handled[FS] = 1 << 60
	_, err := start(t, r.Steps(), os.Geteuid(), "/", nil, []string{"/bin/true"})
	var step *launch.StepError
	if !errors.As(err, &step) || step.Step != "landlock_create_ruleset" || step.Errno != syscall.EINVAL {
		t.Errorf("error %v", err)
	}
}
