package unshare

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/google/go-cmp/cmp"
)

// rule spells a file rule: "read PATTERN", "write PATTERN", ..., "deny PATTERN".
func rules(specs ...string) *policy.Policy {
	grants := map[string]policy.Access{"stat": policy.Stat, "read": policy.Read, "write": policy.Write, "exec": policy.Exec}
	p := &policy.Policy{}
	for _, s := range specs {
		verb, pattern, _ := strings.Cut(s, " ")
		r := policy.FileRule{Pattern: pattern, Grant: grants[verb]}
		if r.Grant == 0 {
			r.Do = policy.Action{Kind: policy.Deny, Errno: uint16(syscall.EACCES)}
		}
		p.Files.Rules = append(p.Files.Rules, r)
	}
	return p
}

// tree makes a directory of the host with files, and "a -> b" as symlinks.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	dir := hostDir(t)
	for _, name := range names {
		name, to, link := strings.Cut(name, " -> ")
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if link {
			if err := os.Symlink(to, name); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(name, []byte(filepath.Base(name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestForPolicy(t *testing.T) {
	dir := tree(t, "data/a.txt", "data/b.txt", "data/c.bin", "data/sub/d", "out/x", "link -> data/a.txt", "shown/l -> ../data/a.txt", "shown/secret/s")
	shown := Mount{Kind: Bind, Source: dir + "/shown", Target: dir + "/shown"}
	base := Root{}.With(Mount{Kind: Tmpfs, Target: "/tmp"}, Mount{Kind: Proc, Target: "/proc"}, Mount{Kind: Dev, Target: "/dev"},
		Mount{Kind: Bind, Source: "/usr", Target: "/usr"}, Mount{Kind: Symlink, Target: "/bin", Source: "usr/bin"},
		Mount{Kind: File, Target: "/etc/passwd", Content: "x"}, shown)
	tests := []struct {
		name  string
		rules []string
		want  []string // ro, rw or mask, and the path below dir
	}{
		{"read a directory", []string{"read D/data/**"}, []string{"ro data"}},
		{"write a directory", []string{"write D/out/**"}, []string{"rw out"}},
		{"relative", []string{"write ./out/**", "read data/sub/d"}, []string{"rw out", "ro data/sub/d"}},
		{"execute a file", []string{"exec D/data/a.txt"}, []string{"ro data/a.txt"}},
		{"one component", []string{"read D/da*/sub/**"}, []string{"ro data/sub"}},
		{"read in a writable one", []string{"write D/data/**", "read D/data/sub/**"}, []string{"rw data", "ro data/sub"}},
		{"write and execute one", []string{"write D/data/**", "exec D/data/**", "read D/data"}, []string{"rw data"}},
		{"write in a readable one", []string{"read D/data/**", "write D/data/sub/**"}, []string{"ro data", "rw data/sub"}},
		{"a symlink is shown as what it leads to", []string{"read D/link"}, []string{"ro link"}},
		{"a shown symlink needs its target", []string{"read D/shown/l"}, []string{"ro data/a.txt"}},
		{"missing", []string{"read D/nothing/**", "write D/out/nothing"}, nil},
		{"to see is not to read", []string{"stat D/data/**"}, nil},
		{"everything", []string{"read /**", "write /*", "read /**/data/a.txt", "read /"}, nil},
		{"shown already", []string{"read /usr/**", "exec /bin/sh", "read /etc/passwd", "read D/shown/**", "write /tmp/**", "read /proc/self/maps", "write /tmp/*/**", "read /dev/**", "write /dev/null"}, nil},
		{"part of a name", []string{"read D/data/**.txt"}, nil},
		{"refuse a shown file", []string{"deny D/shown/secret/s"}, []string{"mask shown/secret/s"}},
		{"refuse a shown directory", []string{"deny D/shown/secret/**"}, []string{"mask shown/secret"}},
		{"refuse in a granted one", []string{"read D/data/**", "deny D/data/*.txt"}, []string{"ro data", "mask data/a.txt", "mask data/b.txt"}},
		{"refuse around a granted one", []string{"deny D/shown/**", "read D/shown/secret/**"}, nil},
		{"refuse what is not shown", []string{"deny D/data/**", "deny /proc/self/mem", "deny /dev/null", "deny /**", "deny /**/.ssh/**"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var rs []string
			for _, r := range tt.rules {
				rs = append(rs, strings.ReplaceAll(r, "D/", dir+"/"))
			}
			var got []string
			for _, m := range base.ForPolicy(rules(rs...), dir).Mounts[len(base.Mounts):] {
				kind := map[bool]string{true: "rw", false: "ro"}[m.Writable]
				if m.Kind != Bind {
					kind = m.Kind.String()
				} else if m.Source != m.Target {
					t.Errorf("%s is shown at %s", m.Source, m.Target)
				}
				got = append(got, kind+" "+strings.TrimPrefix(m.Target, dir+"/"))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
		})
	}
}

// TestSettled shows which patterns need no look at the host, and that mounts
// below such a place, or links to it, make a look necessary.
func TestSettled(t *testing.T) {
	base := Root{}.With(Mount{Kind: Proc, Target: "/proc"}, Mount{Kind: Dev, Target: "/dev"}, Mount{Kind: Bind, Target: "/usr", Source: "/usr"},
		Mount{Kind: Symlink, Target: "/link", Source: "proc"})
	with := func(m Mount) Root { return base.With(m) }
	tests := []struct {
		root    Root
		pattern string
		want    bool
	}{
		{base, "/proc/self/maps", true},
		{base, "/proc/**", true},
		{base, "/proc*/self", false},
		{base, "/dev/*", true},
		{base, "/sys/devices/*/cpu/**", true},
		{base, "/usr/**", false},
		{base, "/etc/passwd", false},
		{base, "/link/self", false},
		{base, "/", false},
		{base, "/**", false},
		{with(Mount{Kind: Tmpfs, Target: "/dev/shm"}), "/dev/**", false},
		{with(Mount{Kind: Tmpfs, Target: "/dev/shm"}), "/dev/shm/x", false},
		{with(Mount{Kind: Tmpfs, Target: "/dev/shm"}), "/dev/null", true},
		{with(Mount{Kind: Symlink, Target: "/proc/link", Source: "/usr"}), "/proc/**", false},
		{with(Mount{Kind: Bind, Target: "/proc/acpi", Source: "/usr"}), "/proc/acpi/x", false},
		{with(Mount{Kind: Bind, Target: "/sys", Source: "/sys"}), "/sys/**", false},
		{with(Mount{Kind: Mask, Target: "/usr/share"}), "/usr/share/x", true},
	}
	for _, tt := range tests {
		if got := tt.root.settled(tt.pattern); got != tt.want {
			t.Errorf("%s: settled is %t", tt.pattern, got)
		}
	}
}

// TestMatching compares with package path, for patterns without what is special
// only there.
func TestMatching(t *testing.T) {
	names := []string{"", "a", "ab", "abc", "lib", "lib64", "libx32", "b.a", "a[b"}
	for _, pattern := range []string{"a", "a*", "*a", "*", "lib*", "lib*2", "a*c", "a*b*", "*b*", "a*a"} {
		var want []string
		for _, name := range names {
			if ok, _ := path.Match(pattern, name); ok {
				want = append(want, name)
			}
		}
		if got := matching(names, pattern); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
	if got := matching(names, "*a[*"); !slices.Equal(got, []string{"a[b"}) {
		t.Errorf("a bracket is no class: %q", got)
	}
}

// TestPolicyInside looks at such a root from inside.
func TestPolicyInside(t *testing.T) {
	dir := tree(t, "data/a", "data/secret", "out/x", "prog")
	os.Chmod(dir+"/out", 0o777)
	os.Chmod(dir+"/prog", 0o755)
	s, r := ownSpec(), DefaultRoot().ForPolicy(rules("read ./data/**", "write ./out/**", "deny ./data/secret"), dir).WithProgram(dir+"/prog")
	s.Root = &r
	got := shell(t, s, "cd "+dir+`; cat data/a; echo; cat data/secret 2>&1; touch data/n 2>&1; touch out/n && echo made; rm -f prog 2>/dev/null; ls`)
	want := "a\ncat: data/secret: Permission denied\ntouch: cannot touch 'data/n': Read-only file system\nmade\n" +
		"data\nout\nprog\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
	if _, err := os.Stat(dir + "/out/n"); err != nil {
		t.Error(err)
	}
	os.Remove(dir + "/out/n")
}

func TestWithProgram(t *testing.T) {
	dir := tree(t, "real/prog", "bin/prog -> ../real/prog", "dir -> real")
	r := DefaultRoot()
	for _, name := range []string{"/usr/bin/env", "/bin/sh"} {
		if diff := cmp.Diff(r.Mounts, r.WithProgram(name).Mounts); diff != "" {
			t.Errorf("%s is shown already:\n%s", name, diff)
		}
	}
	for _, name := range []string{dir + "/real/prog", dir + "/bin/prog", dir + "/dir/prog"} {
		s, r := ownSpec(), r.WithProgram(name)
		s.Root = &r
		if got := shell(t, s, "cat "+name); got != "prog" {
			t.Errorf("%s shows %q", name, got)
		}
	}
	for _, name := range []string{"/", "/usr/lib", dir + "/nothing", dir + "/real/prog"} {
		if diff := cmp.Diff(r.Mounts, r.WithDir(name).Mounts); diff != "" {
			t.Errorf("directory %s: %s", name, diff)
		}
	}
	if n := len(r.WithDir(dir+"/real").Mounts) - len(r.Mounts); n != 1 {
		t.Errorf("a directory to work in adds %d mounts, want 1", n)
	}
}
