package policy_test

import (
	"math/rand/v2"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

var tables = []*syscalls.Table{syscalls.AMD64, syscalls.I386, syscalls.ARM64}

// Every preset parses, is valid, and carries positions that name its file.
func TestPresetsParse(t *testing.T) {
	for _, name := range policy.Presets() {
		p, ok := policy.Preset(name)
		if !ok {
			t.Fatalf("no preset %q", name)
		}
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, r := range p.Rules {
			if r.Pos.File == "" || r.Pos.Line == 0 {
				t.Errorf("%s: rule %s has no position", name, r.Call)
			}
		}
	}
	if _, ok := policy.Preset("jugde"); ok {
		t.Error("there is a preset that is not listed")
	}
}

// A caller may change the preset that it got.
func TestPresetsAreCopies(t *testing.T) {
	a := policy.Judge()
	a.Rules[0].Call = "changed"
	if b := policy.Judge(); b.Rules[0].Call == "changed" {
		t.Error("two presets share their rules")
	}
}

// What the presets promise about calls.
func TestPresetCalls(t *testing.T) {
	const thread = 0x3d0f00 // what glibc's pthread_create passes to clone
	const fork = 0x1200011  // what glibc's fork passes to clone
	const newuser = 0x10000000
	tests := []struct {
		call                                 string
		args                                 [6]uint64
		judge, compile, interpreter, observe string
	}{
		{"read", [6]uint64{}, "allow", "allow", "allow", "allow"},
		{"rseq", [6]uint64{}, "allow", "allow", "allow", "allow"},
		{"set_robust_list", [6]uint64{}, "allow", "allow", "allow", "allow"},
		{"getrandom", [6]uint64{}, "allow", "allow", "allow", "allow"},
		{"newfstatat", [6]uint64{}, "allow", "allow", "allow", "allow"},
		{"openat", [6]uint64{}, "allow", "allow", "allow", "allow"},
		{"tgkill", [6]uint64{}, "allow", "allow", "allow", "allow"},
		{"clone3", [6]uint64{}, "deny ENOSYS", "deny ENOSYS", "deny ENOSYS", "deny ENOSYS"},
		{"clone", [6]uint64{thread}, "allow", "allow", "allow", "allow"},
		{"clone", [6]uint64{thread | 1<<40}, "allow", "allow", "allow", "allow"}, // the kernel drops the high half
		{"clone", [6]uint64{fork}, "kill", "allow", "kill", "allow"},
		{"clone", [6]uint64{thread | newuser}, "kill", "kill", "kill", "kill"},
		{"clone", [6]uint64{fork | newuser}, "kill", "kill", "kill", "kill"},
		{"clone", [6]uint64{fork | 0x800000}, "kill", "kill", "kill", "kill"}, // CLONE_UNTRACED
		{"fork", [6]uint64{}, "kill", "allow", "kill", "allow"},
		{"execve", [6]uint64{}, "kill", "allow", "allow", "allow"},
		{"execveat", [6]uint64{}, "kill", "allow", "kill", "allow"},
		{"prlimit64", [6]uint64{0, 3, 0, 1}, "allow", "allow", "allow", "allow"},
		{"prlimit64", [6]uint64{0, 3, 1, 0}, "deny EPERM", "deny EPERM", "deny EPERM", "allow"},
		{"kill", [6]uint64{77}, "allow", "allow", "allow", "allow"},
		{"kill", [6]uint64{1<<64 - 1}, "deny EPERM", "deny EPERM", "deny EPERM", "allow"},
		{"ioctl", [6]uint64{0, 0x5401}, "allow", "allow", "allow", "allow"},
		{"ioctl", [6]uint64{0, 0x5412}, "deny ENOTTY", "deny ENOTTY", "deny ENOTTY", "kill"}, // TIOCSTI
		{"ioctl", [6]uint64{0, 0x1_0000_5412}, "deny ENOTTY", "deny ENOTTY", "deny ENOTTY", "kill"},
		{"prctl", [6]uint64{15}, "allow", "allow", "allow", "allow"},
		{"prctl", [6]uint64{4}, "deny EINVAL", "deny EINVAL", "deny EINVAL", "deny EPERM"}, // PR_SET_DUMPABLE
		{"socket", [6]uint64{2}, "kill", "deny EACCES", "deny EACCES", "allow"},
		{"socketpair", [6]uint64{1}, "kill", "allow", "allow", "allow"},
		{"mkdir", [6]uint64{}, "kill", "allow", "allow", "allow"},
		{"setuid", [6]uint64{}, "kill", "deny EPERM", "deny EPERM", "allow"},
	}
	for _, test := range tests {
		for preset, want := range map[string]string{
			"judge": test.judge, "compile": test.compile, "interpreter": test.interpreter, "observe": test.observe,
		} {
			p, _ := policy.Preset(preset)
			if got, rule := p.Decide(syscalls.AMD64, call(t, test.call), test.args); got.String() != want {
				t.Errorf("%s: %s%#x: got %s, want %s (%+v)", preset, test.call, test.args, got, want, rule)
			}
		}
	}
}

// No preset opens a dangerous door, on any architecture, whatever the arguments.
func TestPresetsKeepDangerousDoorsShut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	doors, _ := syscalls.Group("@dangerous")
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		for _, table := range tables {
			for _, door := range doors {
				nr, ok := table.Number(door)
				if !ok {
					continue
				}
				if got, _ := p.Decide(table, nr, [6]uint64{r.Uint64(), r.Uint64(), r.Uint64()}); got.Kind != policy.Kill {
					t.Errorf("%s on %s: %s: %s", name, table.GOARCH, door, got)
				}
			}
		}
	}
}

// A call that is newer than the tables does not kill a contest program: its
// library asks, is told ENOSYS, and takes the older one.
func TestUnknownCallsFailSoftly(t *testing.T) {
	for _, p := range []*policy.Policy{policy.Judge(), policy.Compile(), policy.Interpreter()} {
		if got, rule := p.Decide(syscalls.AMD64, 5000, [6]uint64{}); got.String() != "deny ENOSYS" || rule != nil {
			t.Errorf("%s: %s", p.Name, got)
		}
	}
}

// What the presets promise about files.
func TestPresetFiles(t *testing.T) {
	tests := []struct {
		path                        string
		want                        policy.Access
		judge, compile, interpreter string
	}{
		{"/usr/lib/x86_64-linux-gnu/libc.so.6", policy.Read, "allow", "allow", "allow"},
		{"/lib/ld-musl-x86_64.so.1", policy.Exec, "allow", "allow", "allow"},
		{"/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", policy.Exec, "allow", "allow", "allow"},
		{"/etc/ld.so.cache", policy.Read, "allow", "allow", "allow"},
		{"/etc/ld.so.cache", policy.Write, "kill", "deny EACCES", "deny EACCES"},
		{"/dev/null", policy.Write, "allow", "allow", "allow"},
		{"/etc/passwd", policy.Read, "kill", "allow", "allow"},
		{"/etc/shadow", policy.Read, "kill", "kill", "kill"},
		{"/etc/shadow", policy.Stat, "kill", "kill", "kill"},
		{"/home/u/.ssh/id_ed25519", policy.Read, "kill", "kill", "kill"},
		{"/job/.ssh/id_ed25519", policy.Read, "kill", "kill", "kill"},
		{"/proc/self/maps", policy.Read, "allow", "allow", "allow"},
		{"/proc/self/mem", policy.Read, "kill", "kill", "kill"},
		{"/proc/self/task/12/mem", policy.Write, "kill", "kill", "kill"},
		{"/proc/12/maps", policy.Read, "kill", "deny EACCES", "deny EACCES"},
		{"/job", policy.Stat, "allow", "allow", "allow"},
		{"/job/in.txt", policy.Read, "kill", "allow", "allow"},
		{"/job/out.txt", policy.Write, "kill", "allow", "deny EACCES"},
		{"/tmp/x", policy.Write, "kill", "allow", "deny EACCES"},
		{"/tmp/hsperfdata_u/12", policy.Write, "kill", "allow", "allow"},
		{"/usr/bin/gcc", policy.Exec, "kill", "allow", "allow"},
		{"/usr/local/go/pkg/tool/linux_amd64/compile", policy.Exec, "kill", "allow", "deny EACCES"},
		{"/usr/lib/gcc/x86_64-linux-gnu/12/cc1", policy.Exec, "kill", "allow", "deny EACCES"},
		{"/job", policy.Read, "kill", "allow", "allow"},
		{"/job", policy.Write, "kill", "allow", "deny EACCES"},
		{"/usr/include/stdio.h", policy.Read, "kill", "allow", "allow"},
		{"/usr", policy.Stat, "allow", "allow", "allow"},
		{"/", policy.Stat, "allow", "allow", "allow"},
		{"/home", policy.Stat, "kill", "deny EACCES", "deny EACCES"},
	}
	for preset, pick := range map[string]int{"judge": 0, "compile": 1, "interpreter": 2} {
		p, _ := policy.Preset(preset)
		set, err := p.Files.Compile("/job", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range tests {
			want := []string{test.judge, test.compile, test.interpreter}[pick]
			if got, rule := set.Decide(test.path, test.want); got.String() != want {
				t.Errorf("%s: %s %s: got %s, want %s (%+v)", preset, test.want, test.path, got, want, rule)
			}
		}
	}
}

// YAML out and in again decides every call and path as before.
func TestYAMLRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, name := range policy.Presets() {
		p, _ := policy.Preset(name)
		q, err := policy.Parse("again", p.YAML())
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, p.YAML())
		}
		for _, table := range tables {
			for nr := range 470 {
				for range 10 {
					var args [6]uint64
					for i := range args {
						args[i] = []uint64{0, 1, 2, 15, 0x5401, 0x3d0f00, 0x1200011, r.Uint64()}[r.IntN(8)]
					}
					a, _ := p.Decide(table, nr, args)
					if b, _ := q.Decide(table, nr, args); a != b {
						t.Fatalf("%s: %s %#x: %s, then %s", name, table.Name(nr), args, a, b)
					}
				}
			}
		}
		a, _ := p.Files.Compile("/job", nil)
		b, _ := q.Files.Compile("/job", nil)
		for _, path := range []string{"/", "/etc/shadow", "/usr/lib/a", "/tmp/a", "/job/x", "/proc/self/mem", "/lib64/ld-2", "/x"} {
			for want := policy.Access(1); want < 16; want++ {
				x, _ := a.Decide(path, want)
				if y, _ := b.Decide(path, want); x != y {
					t.Errorf("%s: %s %s: %s, then %s", name, want, path, x, y)
				}
			}
		}
	}
}

// Patterns survive YAML whatever characters they have.
func TestYAMLQuoting(t *testing.T) {
	for _, pattern := range []string{"/a b", "/it's", `/"q"`, "/#x", "/a: b", "/tab\t", "/nl\n", "/ü", "/ lead", "/~", "/-", "/{}", "/back\\slash"} {
		p := policy.Policy{Files: policy.Files{Rules: []policy.FileRule{{Pattern: pattern, Grant: policy.Read}}}}
		q, err := policy.Parse("f", p.YAML())
		if err != nil {
			t.Errorf("%q: %v", pattern, err)
		} else if got := q.Files.Rules[0].Pattern; got != pattern {
			t.Errorf("%q becomes %q", pattern, got)
		}
	}
}

// Parse never panics, its errors have places, and what it accepts survives
// being written and read again.
func FuzzParse(f *testing.F) {
	for _, name := range policy.Presets() {
		src, _ := policy.PresetSource(name)
		f.Add(src)
	}
	f.Add([]byte("version: 1\nsyscalls: {when: [{call: read, args: {0: [{ne: 1}, {ne: 2}]}, do: {deny: 5}}]}"))
	f.Fuzz(func(t *testing.T, src []byte) {
		p, err := policy.Parse("fuzz.yaml", src)
		if err != nil {
			if e, ok := err.(*policy.Error); !ok || e.Pos.Line < 1 || e.Pos.Col < 1 {
				t.Fatalf("not an error with a place: %#v", err)
			}
			return
		}
		if err := p.Validate(); err != nil {
			t.Fatalf("accepted, but not valid: %v", err)
		}
		q, err := policy.Parse("again.yaml", p.YAML())
		if err != nil {
			t.Fatalf("%v\n%s", err, p.YAML())
		}
		for nr := range 350 {
			args := [6]uint64{uint64(nr), 0, 1, 1 << 40, 5, 6}
			a, _ := p.Decide(syscalls.AMD64, nr, args)
			if b, _ := q.Decide(syscalls.AMD64, nr, args); a != b {
				t.Fatalf("call %d: %s, then %s\n%s", nr, a, b, p.YAML())
			}
		}
	})
}
