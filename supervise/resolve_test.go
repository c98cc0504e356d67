package supervise

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/internal/sys"
)

// own is this process, as a tracee.
func own() thread { return thread{os.Getpid(), os.Getpid()} }

// tree makes a directory with every kind of entry that a path can trip over.
func tree(t testing.TB) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"d", "d/e", "d/e/f", "n\xff\n", "12"} {
		must(t, os.Mkdir(filepath.Join(root, dir), 0o755))
	}
	for _, file := range []string{"a", "d/b", "d/e/c", "pipe:[1]", "x (deleted)", "12/34"} {
		must(t, os.WriteFile(filepath.Join(root, file), []byte(file), 0o644))
	}
	for link, target := range map[string]string{
		"la": "a", "ld": "d", "d/up": "..", "d/e/top": "../..", "abs": root + "/d/e",
		"slash": "d/", "dot": ".", "loop": "loop", "p": "q", "q": "p", "gone": "missing",
		"deep": "gone/x", "file/": "", "d/dangling": "../none/such", "lla": "la", "notdir": "a/b",
		"root": "/", "dd": "./d//e/./..", "self": "/proc/self/cwd",
	} {
		if target != "" {
			must(t, os.Symlink(target, filepath.Join(root, link)))
		}
	}
	for i := range 45 {
		target := "a"
		if i > 0 {
			target = fmt.Sprintf("chain%d", i-1)
		}
		must(t, os.Symlink(target, filepath.Join(root, fmt.Sprintf("chain%d", i))))
	}
	return root
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kernel is what the kernel itself reaches: the name of the object or an errno.
func kernel(dir int, path string, flags int) (string, syscall.Errno) {
	fd, errno := sys.OpenFile(dir, path, sys.O_PATH|flags)
	if errno != 0 {
		return "", errno
	}
	defer sys.CloseFile(fd)
	text, errno := readLink(sys.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd))
	if self := fmt.Sprintf("/proc/%d", os.Getpid()); text == self || strings.HasPrefix(text, self+"/") {
		text = "/proc/self" + text[len(self):]
	}
	return text, errno
}

var parts = []string{"a", "d", "e", "f", "b", "c", "la", "ld", "up", "top", "abs", "slash", "dot", "loop", "p",
	"gone", "deep", "dangling", "lla", "notdir", "root", "dd", ".", "..", "..", "", "missing", "chain39", "chain40",
	"n\xff\n", "pipe:[1]", "x (deleted)", "12", "34", "self", strings.Repeat("n", 255), strings.Repeat("n", 256)}

func randomPath(r *rand.Rand, root string) string {
	n := 1 + r.IntN(6)
	path := make([]string, n)
	for i := range path {
		path[i] = parts[r.IntN(len(parts))]
	}
	s := strings.Join(path, "/")
	switch r.IntN(4) {
	case 0:
		s = root + "/" + s
	case 1:
		s += "/"
	}
	return s
}

// TestResolveAsKernel compares the resolver with the kernel's own lookup on
// generated paths: the same object or the same errno.
func TestResolveAsKernel(t *testing.T) {
	root := tree(t)
	t.Chdir(root)
	dir, err := os.Open("d")
	must(t, err)
	defer dir.Close()
	var r resolver
	defer r.close()
	rng := rand.New(rand.NewPCG(1, 2))
	reached := 0
	for range 20000 {
		if differential(t, &r, int(dir.Fd()), randomPath(rng, root), rng.IntN(2) == 0, rng.IntN(2) == 0) {
			reached++
		}
		if t.Failed() {
			return
		}
	}
	if reached < 1000 {
		t.Errorf("only %d paths led to an object", reached)
	}
}

func differential(t *testing.T, r *resolver, dirfd int, path string, useDir, noFollow bool) (reached bool) {
	at, flags, p := atFDCWD, 0, pathRequest{dir: atFDCWD, path: path, want: stat}
	if useDir {
		at, p.dir = dirfd, int32(dirfd)
	}
	if noFollow {
		flags, p.last = sys.O_NOFOLLOW, nofollow
	}
	got := r.resolve(own(), &p, nil)
	defer got.close()
	want, wantErrno := kernel(at, path, flags)
	for range 200 {
		// A lookup that has to leave RCU mode starts over without resetting
		// its count of links (do_filp_open with one nameidata, seen on 6.18):
		// with more than half of the allowed links it fails by chance.
		if wantErrno != syscall.ELOOP || got.errno == syscall.ELOOP {
			break
		}
		want, wantErrno = kernel(at, path, flags)
	}
	if got.errno != wantErrno || wantErrno == 0 && (got.path != want || got.kind != objFile) {
		t.Errorf("%q dir=%v nofollow=%v: %q kind %d (%v), kernel %q (%v)",
			path, useDir, noFollow, got.path, got.kind, got.errno, want, wantErrno)
	}
	return wantErrno == 0
}

func FuzzResolve(f *testing.F) {
	for _, s := range []string{"a", "ld/../d//e/top/", "/proc/self/fd/0", "chain39", "root/..", "/proc/thread-self/cwd/.."} {
		f.Add(s, false)
	}
	root := tree(f)
	f.Chdir(root)
	var r resolver
	defer r.close()
	f.Fuzz(func(t *testing.T, path string, noFollow bool) {
		// Descriptors, threads and other processes come and go between the
		// two lookups.
		if strings.ContainsRune(path, 0) || strings.Contains(path, "proc") || len(path) >= pathMax {
			return
		}
		differential(t, &r, -1, path, false, noFollow)
	})
}

// TestResolveFixed has the cases where the answer must be spelled out.
func TestResolveFixed(t *testing.T) {
	root := tree(t)
	t.Chdir(root)
	file, err := os.Open("a")
	must(t, err)
	defer file.Close()
	pr, pw, err := os.Pipe()
	must(t, err)
	defer pr.Close()
	defer pw.Close()
	fd := func(f *os.File) string { return strconv.Itoa(int(f.Fd())) }
	pid := strconv.Itoa(os.Getpid())
	var r resolver
	defer r.close()
	for _, c := range []struct {
		p     pathRequest
		path  string
		kind  objectKind
		errno syscall.Errno
	}{
		{p: pathRequest{path: "/"}, path: "/", kind: objFile},
		{p: pathRequest{path: "//.."}, path: "/", kind: objFile},
		{p: pathRequest{path: ""}, errno: syscall.ENOENT},
		{p: pathRequest{path: "new", create: true}, path: root + "/new", kind: objMissing},
		{p: pathRequest{path: "gone", create: true}, path: root + "/missing", kind: objMissing},
		{p: pathRequest{path: "deep", create: true}, path: root + "/missing/x", errno: syscall.ENOENT},
		{p: pathRequest{path: "d/dangling", create: true}, path: root + "/none/such", errno: syscall.ENOENT},
		{p: pathRequest{path: "gone", last: nofollow, create: true}, path: root + "/gone", kind: objFile},
		{p: pathRequest{path: "new/", create: true}, path: root + "/new", errno: syscall.EISDIR},
		{p: pathRequest{path: "la", last: entry}, path: root + "/la", kind: objFile},
		{p: pathRequest{path: "ld/", last: entry}, path: root + "/ld", kind: objFile},
		{p: pathRequest{path: "abs/new/", last: entry}, path: root + "/d/e/new", kind: objMissing},
		{p: pathRequest{path: "a/x", last: entry}, path: root + "/a/x", errno: syscall.ENOTDIR},
		{p: pathRequest{path: "missing/x/../y"}, path: root + "/missing/x", errno: syscall.ENOENT},
		{p: pathRequest{path: "ld/e/missing/x"}, path: root + "/d/e/missing/x", errno: syscall.ENOENT},
		{p: pathRequest{path: "chain40"}, path: root + "/chain0", errno: syscall.ELOOP},
		{p: pathRequest{path: "/proc/self/status"}, path: "/proc/self/status", kind: objFile},
		{p: pathRequest{path: "/proc/" + pid + "/status"}, path: "/proc/self/status", kind: objFile},
		{p: pathRequest{path: "/proc/" + pid + "/nothing"}, path: "/proc/self/nothing", errno: syscall.ENOENT},
		{p: pathRequest{path: "/proc/thread-self/status"}, path: "/proc/self/task/" + pid + "/status", kind: objFile},
		{p: pathRequest{path: "/proc/1/cmdline"}, path: "/proc/1/cmdline", kind: objFile},
		{p: pathRequest{path: "/proc/self", last: nofollow}, path: "/proc/self", kind: objFile},
		{p: pathRequest{path: "/proc/self/cwd/d"}, path: root + "/d", kind: objFile},
		{p: pathRequest{path: "/proc/self/cwd", last: nofollow}, path: "/proc/self/cwd", kind: objFile},
		{p: pathRequest{path: "/proc/self/fd/" + fd(file)}, path: root + "/a", kind: objFile},
		{p: pathRequest{path: "/dev/fd/" + fd(file)}, path: root + "/a", kind: objFile},
		{p: pathRequest{path: "/proc/self/fd/" + fd(pr)}, path: "/proc/self/fd/" + fd(pr), kind: objAnonymous},
		{p: pathRequest{path: "/proc/self/root/proc/self/status"}, path: "/proc/self/status", kind: objFile},
		{p: pathRequest{path: "x", dir: 9999}, errno: syscall.EBADF},
		{p: pathRequest{path: "x", dir: -5}, errno: syscall.EBADF},
		{p: pathRequest{path: "x", dir: int32(file.Fd())}, errno: syscall.ENOTDIR},
		{p: pathRequest{self: true, dir: int32(file.Fd())}, path: root + "/a", kind: objFile},
		{p: pathRequest{self: true}, path: root, kind: objFile},
		{p: pathRequest{path: "la", resolve: sys.RESOLVE_NO_SYMLINKS}, path: root + "/la", errno: syscall.ELOOP},
		{p: pathRequest{path: "../x", resolve: sys.RESOLVE_BENEATH}, path: root + "/x", errno: syscall.EXDEV},
		{p: pathRequest{path: "/a", resolve: sys.RESOLVE_BENEATH}, errno: syscall.EXDEV},
		{p: pathRequest{path: "/../../a", resolve: sys.RESOLVE_IN_ROOT}, path: root + "/a", kind: objFile},
		{p: pathRequest{path: "root/d/b", resolve: sys.RESOLVE_IN_ROOT}, path: root + "/d/b", kind: objFile},
		{p: pathRequest{path: "/proc/self/exe", resolve: sys.RESOLVE_NO_MAGICLINKS}, path: "/proc/self/exe", errno: syscall.ELOOP},
	} {
		if c.p.dir == 0 {
			c.p.dir = atFDCWD
		}
		got := r.resolve(own(), &c.p, nil)
		if got.path != c.path || got.kind != c.kind || got.errno != c.errno {
			t.Errorf("%+v:\n got %q kind %d (%v)\nwant %q kind %d (%v)", c.p, got.path, got.kind, got.errno, c.path, c.kind, c.errno)
		}
		got.close()
	}
}

// TestHeld proves that a descriptor lets its object be opened again only for
// what the descriptor is good for.
func TestHeld(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	must(t, os.WriteFile(name, nil, 0o600))
	for flags, want := range map[int]string{
		os.O_RDONLY:               "stat+read",
		os.O_WRONLY:               "stat+write",
		os.O_RDWR:                 "stat+read+write",
		os.O_WRONLY | os.O_APPEND: "stat",
		sys.O_PATH:                "stat",
	} {
		f, err := os.OpenFile(name, flags, 0)
		must(t, err)
		n := int(f.Fd())
		var r resolver
		defer r.close()
		byLink := r.resolve(own(), &pathRequest{dir: atFDCWD, path: fmt.Sprintf("/proc/self/fd/%d", n)}, nil)
		bySelf := r.resolve(own(), &pathRequest{dir: int32(n), self: true}, nil)
		for _, o := range []object{byLink, bySelf} {
			if !o.own || o.held.String() != want {
				t.Errorf("flags %#x: own %v, held %v, want %v", flags, o.own, o.held, want)
			}
			o.close()
		}
		must(t, f.Close())
	}
}

// TestDeleted proves that an open file without a name is decided by the name
// that it had, and that a name which only looks so is not.
func TestDeleted(t *testing.T) {
	root := tree(t)
	name := filepath.Join(root, "x")
	f, err := os.Create(name)
	must(t, err)
	defer f.Close()
	must(t, os.Remove(name))
	var r resolver
	defer r.close()
	o := r.resolve(own(), &pathRequest{dir: atFDCWD, path: fmt.Sprintf("/proc/self/fd/%d", f.Fd())}, nil)
	defer o.close()
	if o.kind != objDeleted || o.path != name {
		t.Errorf("deleted file: kind %d, path %q", o.kind, o.path)
	}
}

// TestNoLeak proves that closing objects closes everything.
func TestNoLeak(t *testing.T) {
	root := tree(t)
	t.Chdir(root)
	var r resolver
	before := descriptors(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		p := pathRequest{dir: atFDCWD, path: randomPath(rng, root), last: last(rng.IntN(3)), create: rng.IntN(2) == 0}
		o := r.resolve(own(), &p, nil)
		o.close()
	}
	r.close()
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}
