package parity

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar"
	"github.com/belljar/belljar/internal/testkit"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
	"github.com/belljar/belljar/test/cases"
)

func TestMain(m *testing.M) {
	cases.Warm()
	testkit.Main(m)
}

// supervisors are those that make calls on behalf.
var supervisors = []belljar.Supervisor{belljar.Ptrace, belljar.Notify}

// programID is the user and group that programs run as.
func programID() int {
	if os.Geteuid() == 0 {
		return 65534
	}
	return os.Geteuid()
}

// TestCalls makes the same calls in equal directories, once by the program
// alone and once in a sandbox that decides every path, and compares what each
// call returned and what became of the directory.
func TestCalls(t *testing.T) {
	for _, supervisor := range supervisors {
		for seed := range uint64(12) {
			umask := []string{"22", "0", "77"}[seed%3]
			t.Run(fmt.Sprintf("%s/%d", supervisor, seed), func(t *testing.T) {
				t.Parallel()
				compare(t, supervisor, seed, umask)
			})
		}
	}
}

func compare(t *testing.T, supervisor belljar.Supervisor, seed uint64, umask string) {
	program := testkit.Program(t, "c/pathcalls", "dynamic")
	table := syscalls.ForGOARCH(runtime.GOARCH)
	// Both trees have paths of the same length.
	dir, err := filepath.EvalSymlinks(testkit.Dir(t))
	must(t, err)
	t.Cleanup(func() { unlock(t, dir) })
	native, boxed := tree(t, dir+"/1"), tree(t, dir+"/2")
	s := generate(t, seed, 600, native, table)
	out := runNative(t, copyOf(t, program[0], dir+"/1"), native, umask, s.lines)
	// The script of the other tree differs in its absolute paths alone.
	s2 := generate(t, seed, 600, boxed, table)
	got := runBoxed(t, supervisor, copyOf(t, program[0], dir+"/2"), boxed, umask, s2.lines)
	if len(out) != len(s.names) || len(got) != len(s.names) {
		t.Fatalf("%d calls, %d results natively, %d in the sandbox", len(s.names), len(out), len(got))
	}
	differences := 0
	for i, name := range s.names {
		want, is := normal(out[i], name, native), normal(got[i], name, boxed)
		if want != is && !alike(name, want, is) {
			t.Errorf("call %d: %s\n  alone   %s\n  sandbox %s", i, name, want, is)
			if differences++; differences == 12 {
				t.Fatal("and so on")
			}
		}
	}
	unlock(t, dir)
	if diff := cmp.Diff(describe(t, native), describe(t, boxed)); diff != "" {
		t.Errorf("the directory (-alone +sandbox):\n%s", diff)
	}
}

// alike reports whether two results may differ.
func alike(call, a, b string) bool {
	failed := func(s string) bool { return strings.HasPrefix(s, "-1 ") }
	name, _, _ := strings.Cut(call, "(")
	switch {
	case failed(b) && (strings.Contains(call, `"/proc/self/fd`) || strings.Contains(call, `"/dev/fd`)):
		// The list of descriptors has permissions that only the thread itself
		// passes by. What cannot be reached but through it does not open.
		return failed(a) || strings.Contains(name, "access") || strings.HasPrefix(name, "open")
	case strings.HasPrefix(name, "rename") && failed(b) && strings.HasPrefix(a, "-1 18"):
		return true // dot components, across mounts: one of two errors is as good
	case strings.HasSuffix(name, "xattrat"), strings.HasPrefix(name, "file_"):
		// Newer calls want a descriptor that is more than O_PATH for an empty
		// path, though the object's path would do.
		return strings.HasPrefix(a, "-1 9") && (strings.Contains(call, `, "", `) || strings.Contains(call, ", NULL, "))
	}
	return false
}

func runNative(t *testing.T, program string, dir, umask string, lines []string) []string {
	t.Helper()
	// Pdeathsig tells of the end of the thread that started the program, and
	// threads of runs end with them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command(program, umask)
	cmd.Dir, cmd.Env = dir, []string{}
	cmd.Stdin = input(t, lines)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

func runBoxed(t *testing.T, supervisor belljar.Supervisor, program string, dir, umask string, lines []string) []string {
	t.Helper()
	allow, refuse := policy.Action{Kind: policy.Allow}, policy.Action{Kind: policy.Kill}
	var out bytes.Buffer
	res, err := belljar.Run(t.Context(), belljar.Command{
		Args: []string{program, umask}, Dir: dir, Stdin: input(t, lines), Stdout: &out,
	}, belljar.Options{
		Policy: &policy.Policy{Default: allow, Files: policy.Files{Default: allow, Rules: []policy.FileRule{
			{Pattern: "/proc/*/mem", Do: refuse}, {Pattern: "/proc/*/task/*/mem", Do: refuse}}}},
		Supervisor: supervisor, Unshare: belljar.Off,
		Observe: func(*supervise.Trap, supervise.Decision) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Verdict != belljar.OK {
		t.Fatalf("%s after %d calls: %+v", res.Verdict, bytes.Count(out.Bytes(), []byte("\n")), res.Violation)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// input is a file that belongs to the test, in both runs: a pipe from Belljar
// would belong to the program.
func input(t *testing.T, lines []string) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "calls")
	must(t, err)
	t.Cleanup(func() { f.Close() })
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	must(t, err)
	_, err = f.Seek(0, io.SeekStart)
	must(t, err)
	return f
}

// tree makes a directory with something of every kind in it.
func tree(t *testing.T, dir string) string {
	t.Helper()
	dir += "/tree"
	must(t, os.MkdirAll(dir, 0o755))
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []string{"d", "d/e", "long", "sticky", "locked", "readonly"} {
		must(t, os.Mkdir(at(d), 0o755))
	}
	for name, mode := range map[string]os.FileMode{
		"f": 0o644, "d/g": 0o600, "d/e/h": 0o644, "exec": 0o755, "secret": 0o600, "locked/x": 0o644, "readonly/f": 0o644,
		"sticky/theirs": 0o666, "sticky/mine": 0o666, "bytes\xff\xfe\n": 0o644,
	} {
		must(t, os.WriteFile(at(name), []byte("data of "+filepath.Base(name)), mode))
		must(t, os.Chmod(at(name), mode))
	}
	must(t, os.Link(at("exec"), at("second")))
	for name, target := range map[string]string{
		"link": "f", "dirlink": "d", "dangling": "made", "loop": "loop", "up": "d/../../tree/f", "deep": "dirlink/e/h",
		"chain": "link", "sticky/theirlink": "theirs",
	} {
		must(t, os.Symlink(target, at(name)))
	}
	must(t, syscall.Mkfifo(at("fifo"), 0o644))
	own(t, dir)
	must(t, os.Chmod(at("sticky"), 0o777|os.ModeSticky))
	must(t, os.Chmod(at("locked"), 0o700))
	return dir
}

// copyOf is the program in a directory: calls may change it, too.
func copyOf(t *testing.T, program, dir string) string {
	t.Helper()
	text, err := os.ReadFile(program)
	must(t, err)
	must(t, os.WriteFile(dir+"/program", text, 0o755))
	return dir + "/program"
}

// unlock makes every directory one that this user may read and remove.
func unlock(t *testing.T, dir string) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	}))
}

// own gives the program what is its own, where it is not the test's user.
func own(t *testing.T, dir string) {
	if os.Geteuid() != 0 {
		return
	}
	theirs := map[string]bool{"sticky": true, "sticky/theirs": true, "sticky/theirlink": true, "secret": true, "locked": true,
		"locked/x": true, "readonly": true, "readonly/f": true}
	must(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err != nil || theirs[rel] {
			return err
		}
		return os.Lchown(path, 65534, 65534)
	}))
}

// describe says what a directory has in it.
func describe(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err != nil {
			found[rel] = "cannot be read"
			return nil
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return err
		}
		what := fmt.Sprintf("%o %d:%d", st.Mode, st.Uid, st.Gid)
		switch {
		case e.Type().IsRegular():
			text, _ := os.ReadFile(path)
			if len(text) > 64 {
				text = text[:64]
			}
			what += fmt.Sprintf(" links %d size %d %q", st.Nlink, st.Size, text)
		case e.Type() == fs.ModeSymlink:
			target, _ := os.Readlink(path)
			what += " to " + strings.ReplaceAll(target, dir, "@")
		}
		if st.Mtim.Sec < 1e6 {
			what += fmt.Sprintf(" time %d.%d", st.Mtim.Sec, st.Mtim.Nsec)
		}
		buf := make([]byte, 256)
		if n, err := syscall.Listxattr(path, buf); err == nil && n > 0 && e.Type() != fs.ModeSymlink {
			what += fmt.Sprintf(" attributes %q", buf[:n])
		}
		found[rel] = what
		return nil
	})
	must(t, err)
	return found
}

var number = regexp.MustCompile(`[0-9]+`)

// normal is a result without what differs between any two runs: inodes,
// devices, times and numbers of processes.
func normal(line, call, dir string) string {
	head, out, ok := strings.Cut(line, " out ")
	if !ok {
		return head
	}
	b, err := hex.DecodeString(out)
	if err != nil {
		return line
	}
	name, _, _ := strings.Cut(call, "(")
	switch {
	case strings.HasPrefix(head, "-1"):
		return fmt.Sprintf("%s %x", head, bytes.Trim(b, "\x00"))
	case name == "stat" || name == "lstat" || name == "newfstatat":
		return head + normalStat(b, call)
	case name == "statx":
		return head + normalStatx(b)
	case name == "statfs":
		return fmt.Sprintf("%s %x", head, b[:8]) // the type: all else is in use by others
	case strings.HasPrefix(name, "readlink"):
		text := strings.TrimRight(string(b), "\x00")
		text = strings.ReplaceAll(text, dir, "@")
		if strings.Contains(call, "/proc/") {
			// Numbers of processes, and of what has no name.
			text = number.ReplaceAllString(text, "#")
			head = ""
		}
		return head + " " + strings.ReplaceAll(text, dir, "@")
	}
	return fmt.Sprintf("%s %x", head, b)
}

func normalStat(b []byte, call string) string {
	var st syscall.Stat_t
	if _, err := binary.Decode(b, binary.NativeEndian, &st); err != nil {
		return err.Error()
	}
	text := fmt.Sprintf(" mode %o owner %d:%d rdev %x", st.Mode, st.Uid, st.Gid, st.Rdev)
	if !strings.Contains(call, "/proc") && !strings.Contains(call, "/sys") && st.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		text += fmt.Sprintf(" links %d size %d blocksize %d", st.Nlink, st.Size, st.Blksize)
	}
	if st.Mtim.Sec < 1e6 {
		text += fmt.Sprintf(" time %d.%d", st.Mtim.Sec, st.Mtim.Nsec)
	}
	return text
}

func normalStatx(b []byte) string {
	// The mask, the attributes and the mode of struct statx.
	return fmt.Sprintf(" mask %x attributes %x owner %x mode %x", b[0:4], b[8:16], b[20:28], b[28:30])
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
