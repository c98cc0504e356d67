package testkit

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// cacheVar names an existing directory of compiled programs, so that a test
// that runs itself as another user need not compile again, and one on a machine
// without compilers need not compile at all.
const cacheVar = "BELLJAR_TEST_PROGRAMS"

// Main runs a package's tests; call it from TestMain. It gives them a
// directory of their own for temporary files, since the tests of other packages
// run at the same time, and fails if a test left something behind.
func Main(m *testing.M) { os.Exit(Tests{m}.Run()) }

// Tests is what [Main] runs, for packages whose tests something else runs.
type Tests struct{ M *testing.M }

// Run runs the tests as Main does and returns the exit status.
func (t Tests) Run() int {
	code, err := runTests(t.M)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

func runTests(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "belljar-tests-")
	if err != nil {
		return 1, err
	}
	defer func() {
		if rerr := os.RemoveAll(dir); err == nil {
			err = rerr
		}
	}()
	// The sticky bit is that of /tmp: anybody may use it.
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		return 1, err
	}
	if err := os.Setenv("TMPDIR", dir); err != nil {
		return 1, err
	}
	before := observe()
	before.threads = math.MaxInt32 // the Go runtime keeps those of the busiest moment
	code = m.Run()
	if left := settle(before); left != "" {
		return 1, fmt.Errorf("the tests left behind:\n%s", left)
	}
	return code, nil
}

var cache struct {
	once sync.Once
	dir  string
	err  error
}

// cacheDir returns the directory of compiled programs, which any user may
// read and execute.
func cacheDir() (string, error) {
	cache.once.Do(func() {
		if cache.dir = os.Getenv(cacheVar); cache.dir != "" {
			return
		}
		if cache.dir, cache.err = os.MkdirTemp("", "belljar-programs-"); cache.err == nil {
			cache.err = os.Chmod(cache.dir, 0o755)
		}
	})
	return cache.dir, cache.err
}

// Dir returns a directory that uid 65534 can enter and write to, which
// t.TempDir is not. It is removed at the end of the test.
func Dir(t testing.TB) string { t.Helper(); return DirIn(t, "") }

// DirIn is Dir below a directory other than the one for temporary files.
func DirIn(t testing.TB, parent string) string {
	t.Helper()
	dir, err := os.MkdirTemp(parent, "belljar-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// AsNobody calls f as an unprivileged user. If the test runs as root, it runs
// itself again as uid 65534 in a process of its own; f then sees only programs
// that are compiled, whatever the source tree's permissions are.
func AsNobody(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if os.Geteuid() != 0 {
		f(t)
		return
	}
	buildAll(t)
	compiled, err := cacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := Dir(t)
	binary := filepath.Join(dir, "test")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run=^"+t.Name()+"$", "-test.timeout=5m", fmt.Sprintf("-test.v=%t", testing.Verbose()))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), cacheVar+"="+compiled, "TMPDIR="+dir, "HOME="+dir)
	cmd.SysProcAttr = nobody()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("as uid %d: %v\n%s", Nobody, err, out)
	}
}
