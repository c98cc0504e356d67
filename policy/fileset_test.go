package policy_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/belljar/belljar/policy"
)

func grant(pattern string, a policy.Access) policy.FileRule {
	return policy.FileRule{Pattern: pattern, Grant: a}
}

func refuse(pattern string, errno uint16) policy.FileRule {
	if errno == 0 {
		return policy.FileRule{Pattern: pattern, Do: policy.Action{Kind: policy.Kill}}
	}
	return policy.FileRule{Pattern: pattern, Do: policy.Action{Kind: policy.Deny, Errno: errno}}
}

func ExampleFileSet_Decide() {
	files := policy.Files{Rules: []policy.FileRule{
		{Pattern: "/data/**", Grant: policy.Read},
		{Pattern: "/data/secret/**", Do: policy.Action{Kind: policy.Deny, Errno: 13}},
		{Pattern: "/data/secret/public.txt", Grant: policy.Read},
	}}
	set, err := files.Compile("/", nil)
	if err != nil {
		fmt.Println(err)
	}
	for _, path := range []string{"/data/a", "/data/secret/key", "/data/secret/public.txt", "/etc/passwd"} {
		action, _ := set.Decide(path, policy.Read)
		fmt.Println(path, action)
	}
	// Output:
	// /data/a allow
	// /data/secret/key deny EACCES
	// /data/secret/public.txt allow
	// /etc/passwd kill
}

func TestFileSetDecide(t *testing.T) {
	const eacces, enoent = 13, 2
	tests := []struct {
		name  string
		rules []policy.FileRule
		path  string
		want  policy.Access
		get   string
	}{
		{"everything below", []policy.FileRule{grant("/usr/**", policy.Read)}, "/usr/lib/x.so", policy.Read, "allow"},
		{"the directory itself", []policy.FileRule{grant("/usr/**", policy.Read)}, "/usr", policy.Read, "allow"},
		{"not a longer name", []policy.FileRule{grant("/usr/**", policy.Read)}, "/usr2", policy.Read, "kill"},
		{"one component", []policy.FileRule{grant("/a/*/c", policy.Read)}, "/a/b/c", policy.Read, "allow"},
		{"not two", []policy.FileRule{grant("/a/*/c", policy.Read)}, "/a/b/b/c", policy.Read, "kill"},
		{"stars inside", []policy.FileRule{grant("/lib*/ld-*.so.*", policy.Read)}, "/lib64/ld-linux-x86-64.so.2", policy.Read, "allow"},
		{"depth in the middle", []policy.FileRule{grant("/a/**/z", policy.Read)}, "/a/b/c/z", policy.Read, "allow"},
		{"no depth in the middle", []policy.FileRule{grant("/a/**/z", policy.Read)}, "/a/z", policy.Read, "allow"},
		{"write implies read", []policy.FileRule{grant("/a", policy.Write)}, "/a", policy.Read | policy.Stat, "allow"},
		{"read is not write", []policy.FileRule{grant("/a", policy.Read)}, "/a", policy.Write, "kill"},
		{"stat is not read", []policy.FileRule{grant("/**", policy.Stat)}, "/a", policy.Read, "kill"},
		{"grants unite", []policy.FileRule{grant("/a", policy.Write), grant("/a", policy.Exec)}, "/a", policy.Write | policy.Exec, "allow"},
		{"narrower grant", []policy.FileRule{refuse("/etc/**", eacces), grant("/etc/hosts", policy.Read)}, "/etc/hosts", policy.Read, "allow"},
		{"narrower refusal", []policy.FileRule{grant("/etc/**", policy.Read), refuse("/etc/shadow", 0)}, "/etc/shadow", policy.Read, "kill"},
		{"narrower grant takes away", []policy.FileRule{grant("/a/**", policy.Write), grant("/a/b", policy.Read)}, "/a/b", policy.Write, "kill"},
		{"overlap refuses", []policy.FileRule{grant("/a/**", policy.Read), refuse("/**/.ssh", enoent)}, "/a/.ssh", policy.Read, "deny ENOENT"},
		{"kill before deny", []policy.FileRule{refuse("/a/*", enoent), refuse("/*/b", 0)}, "/a/b", policy.Read, "kill"},
		{"equal languages", []policy.FileRule{grant("/**/*", policy.Read), refuse("/*/**", enoent)}, "/a", policy.Read, "deny ENOENT"},
		{"on the way", []policy.FileRule{grant("/a/b/*/c", policy.Read)}, "/a/b", policy.Stat, "allow"},
		{"the root is on every way", []policy.FileRule{grant("/a/b", policy.Read)}, "/", policy.Stat, "allow"},
		{"no reading on the way", []policy.FileRule{grant("/a/b/c", policy.Read)}, "/a/b", policy.Read, "kill"},
		{"no way past a wildcard", []policy.FileRule{grant("/a/*/c", policy.Read)}, "/a/b", policy.Stat, "kill"},
		{"refused on the way", []policy.FileRule{grant("/a/b", policy.Read), refuse("/a", 0)}, "/a", policy.Stat, "kill"},
		{"relative", []policy.FileRule{grant("out/*", policy.Write)}, "/job/[x]*/out/a", policy.Write, "allow"},
		{"a directory's star is a star", []policy.FileRule{grant("out/*", policy.Write)}, "/job/[x]y/out/a", policy.Write, "kill"},
		{"dot", []policy.FileRule{grant(".", policy.Read)}, "/job/[x]*", policy.Read, "allow"},
		{"brackets are bytes", []policy.FileRule{grant("/[ab]?", policy.Read)}, "/[ab]?", policy.Read, "allow"},
		{"not clean", []policy.FileRule{grant("/**", policy.Read)}, "/a/../b", policy.Read, "kill"},
		{"no path", []policy.FileRule{grant("/**", policy.Read)}, "pipe:[7]", policy.Read, "kill"},
		{"no rules", nil, "/a", policy.Write, "allow"},
		{"refused but for looking", []policy.FileRule{grant("/**", policy.Read), grant("/a", policy.Stat), refuse("/a", 0)}, "/a", policy.Stat, "allow"},
		{"refused behind looking", []policy.FileRule{grant("/**", policy.Read), grant("/a", policy.Stat), refuse("/a", 0)}, "/a", policy.Read, "kill"},
		{"looking refused by another", []policy.FileRule{grant("/*/b", policy.Stat), refuse("/*/b", 0), refuse("/a/*", eacces)}, "/a/b", policy.Stat, "deny EACCES"},
		{"looking at what has no path", []policy.FileRule{grant("/**", policy.Stat), grant("/a", policy.Stat), refuse("/a", 0)}, "pipe:[7]", policy.Stat, "allow"},
		{"not looking at what has no path", []policy.FileRule{grant("/**", policy.Stat), refuse("/a", 0)}, "pipe:[7]", policy.Stat, "kill"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			set, err := (&policy.Files{Rules: test.rules}).Compile("/job/[x]*", nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := set.Decide(test.path, test.want); got.String() != test.get {
				t.Errorf("%s %s: got %s, want %s", test.want, test.path, got, test.get)
			}
		})
	}
}

// A rule holds for the name it was written with and for what the kernel reaches by it.
func TestFileSetCanonical(t *testing.T) {
	canon := func(p string) string {
		return map[string]string{"/lib": "/usr/lib", "/etc/localtime": "/usr/share/zoneinfo/UTC"}[p]
	}
	files := policy.Files{Rules: []policy.FileRule{grant("/lib/**", policy.Read), grant("/etc/localtime", policy.Read)}}
	set, err := files.Compile("/", canon)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/lib/a": "allow", "/usr/lib/a": "allow", "/usr/share/zoneinfo/UTC": "allow", "/usr/share/zoneinfo/CET": "kill",
	} {
		if got, _ := set.Decide(path, policy.Read); got.String() != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// In the root directory "./**" would be the whole machine, so it grants nothing there.
func TestRelativeGrantsInRoot(t *testing.T) {
	files := policy.Files{Rules: []policy.FileRule{grant("./**", policy.Write), grant("./a", policy.Read), refuse("./b*", 0)}}
	set, err := files.Compile("/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := set.Decide("/etc/passwd", policy.Read); got.Kind != policy.Kill {
		t.Errorf("/etc/passwd: %s", got)
	}
	if got, _ := set.Decide("/a", policy.Read); got.Kind != policy.Allow {
		t.Errorf("/a: %s", got)
	}
}

func TestFileSetCompileFails(t *testing.T) {
	for _, rule := range []policy.FileRule{
		grant("", policy.Read), grant("/a/../b", policy.Read), grant("/a**", policy.Read), grant("/a\x00", policy.Read),
		{Pattern: "/a"}, {Pattern: "/a", Grant: policy.Read, Do: policy.Action{Kind: policy.Kill}},
		{Pattern: "/a", Do: policy.Action{Kind: policy.Allow}},
	} {
		if _, err := (&policy.Files{Rules: []policy.FileRule{rule}}).Compile("/", nil); err == nil {
			t.Errorf("%+v compiles", rule)
		}
	}
	if _, err := (&policy.Files{Rules: []policy.FileRule{grant("a", policy.Read)}}).Compile("work", nil); err == nil {
		t.Error("a relative directory compiles")
	}
}

// The oracle decides by regular expressions and by trying all short paths, so
// it shares nothing with the trie and its subset test.

// parts are the components of the oracle's paths: literals of the patterns
// and, with "#", something that only stars match.
var parts = []string{"a", "b", "ab", "#", "a#", "#b", "#a"}

// world is all paths of up to four components, one more than patterns have.
var world = sync.OnceValue(func() []string {
	all, last := []string{"/"}, []string{""}
	for range 4 {
		var next []string
		for _, p := range last {
			for _, c := range parts {
				next = append(next, p+"/"+c)
			}
		}
		all, last = append(all, next...), next
	}
	return all
})

func expression(pattern string) *regexp.Regexp {
	var b strings.Builder
	for _, c := range strings.Split(strings.TrimPrefix(pattern, "/"), "/") {
		switch {
		case c == "":
		case c == "**":
			b.WriteString("(/[^/]+)*")
		case c == "*":
			b.WriteString("/[^/]+")
		default:
			b.WriteString("/" + strings.ReplaceAll(regexp.QuoteMeta(c), `\*`, "[^/]*"))
		}
	}
	return regexp.MustCompile("^(" + b.String() + ")$")
}

var languages sync.Map // pattern -> []bool over world

func language(pattern string) []bool {
	if l, ok := languages.Load(pattern); ok {
		return l.([]bool)
	}
	re := expression(pattern)
	var l []bool
	for _, path := range world() {
		l = append(l, re.MatchString(strings.TrimSuffix(path, "/")))
	}
	languages.Store(pattern, l)
	return l
}

func properSubset(p, q string) bool {
	a, b, proper := language(p), language(q), false
	for i := range a {
		if a[i] && !b[i] {
			return false
		}
		proper = proper || b[i] && !a[i]
	}
	return proper
}

func oracle(rules []policy.FileRule, path string, want policy.Access) policy.Action {
	var matching []policy.FileRule
	for _, r := range rules {
		if expression(r.Pattern).MatchString(strings.TrimSuffix(path, "/")) {
			matching = append(matching, r)
		}
	}
	var grants policy.Access
	var refusal policy.Action
	for _, r := range matching {
		loses := false
		for _, o := range matching {
			loses = loses || properSubset(o.Pattern, r.Pattern)
		}
		if loses {
			continue
		}
		if r.Grant == 0 && want == policy.Stat && slices.ContainsFunc(rules, func(o policy.FileRule) bool { return o.Grant == policy.Stat && o.Pattern == r.Pattern }) {
			continue
		}
		if r.Grant == 0 && refusal.Kind != policy.Kill && (refusal.Kind == policy.Unset || r.Do.Kind == policy.Kill) {
			refusal = r.Do
		}
		grants |= r.Grant.Implied()
	}
	switch {
	case refusal.Kind != policy.Unset:
		return refusal
	case grants&want == want, want == policy.Stat && onTheWay(rules, path):
		return policy.Action{Kind: policy.Allow}
	}
	return policy.Action{Kind: policy.Kill}
}

// onTheWay reports whether a grant's pattern begins with the path and a slash.
func onTheWay(rules []policy.FileRule, path string) bool {
	for _, r := range rules {
		if r.Grant != 0 && r.Pattern != "/" && strings.HasPrefix(r.Pattern, strings.TrimSuffix(path, "/")+"/") {
			return true
		}
	}
	return false
}

// randomRules takes each pattern at most once, as validation wants.
func randomRules(r *rand.Rand) []policy.FileRule {
	seen := map[string]bool{}
	var rules []policy.FileRule
	for range 1 + r.IntN(7) {
		var pattern string
		for range 1 + r.IntN(3) {
			pattern += "/" + []string{"a", "b", "ab", "*", "a*", "*b", "**", "**"}[r.IntN(8)]
		}
		if r.IntN(16) == 0 {
			pattern = "/"
		}
		if seen[pattern] {
			continue
		}
		seen[pattern] = true
		rule := grant(pattern, policy.Access(1+r.IntN(15)))
		if r.IntN(3) == 0 {
			rule = refuse(pattern, []uint16{0, 2}[r.IntN(2)])
			if r.IntN(3) == 0 {
				rules = append(rules, grant(pattern, policy.Stat))
			}
		}
		rules = append(rules, rule)
	}
	return rules
}

func checkAgainstOracle(t *testing.T, seed uint64, paths int) {
	r := rand.New(rand.NewPCG(seed, 3))
	rules := randomRules(r)
	set, err := (&policy.Files{Rules: rules}).Compile("/", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range paths {
		path, want := world()[r.IntN(len(world()))], policy.Access(1+r.IntN(15))
		if r.IntN(2) == 0 {
			path = world()[r.IntN(57)] // two components or fewer
		}
		if r.IntN(3) == 0 {
			want = policy.Stat
		}
		got, _ := set.Decide(path, want)
		if exp := oracle(rules, path, want); got != exp {
			t.Fatalf("seed %d, %s of %s: got %s, want %s\n%+v", seed, want, path, got, exp, rules)
		}
	}
}

// The compiled rules decide as the oracle does.
func TestFileSetEqualsOracle(t *testing.T) {
	for seed := range uint64(1500) {
		checkAgainstOracle(t, seed, 30)
	}
}

func FuzzFileSet(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { checkAgainstOracle(t, seed, 30) })
}

// Deciding allocates nothing, so it can run at every trap.
func TestDecideDoesNotAllocate(t *testing.T) {
	p := policy.Interpreter()
	set, err := p.Files.Compile("/home/user/job", nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		set.Decide("/usr/lib/python3.11/site-packages/a/b/c/__init__.py", policy.Read)
		set.Decide("/proc/self/task/7/mem", policy.Read)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// manyRules are n rules of all kinds, few of which match the same path.
func manyRules(n int) []policy.FileRule {
	rules := []policy.FileRule{grant("/data/**", policy.Read), refuse("/data/**/.ssh/**", 13)}
	for i := len(rules); i < n; i++ {
		rules = append(rules, grant(fmt.Sprintf([]string{
			"/data/d%d/file", "/data/d%d/**", "/data/job-%d-*/out/*", "/data/*-%d.txt", "/data/a%d*z%[1]d", "/**/name%d/*", "/data/*/x%d"}[i%7], i), policy.Write))
	}
	return rules
}

// What many rules decide is what those of them decide that match.
func TestManyRules(t *testing.T) {
	rules := manyRules(3000)
	set, err := (&policy.Files{Rules: rules}).Compile("/", nil)
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/data/d7/file", "/data/d16/file", "/data/d8/a/b", "/data/job-9-x/out/f", "/data/job-9-/out/f/g",
		"/data/u-10.txt", "/data/-10.txt/x", "/data/a11z11", "/data/a11_z11", "/data/a11z1", "/q/name12/f", "/data/d8/name12/f",
		"/data/any/x13", "/data/d8/x13", "/data/d8/.ssh/key", "/data", "/", "/none"}
	matching := make(map[string][]policy.FileRule)
	for _, r := range rules {
		re := expression(r.Pattern)
		for _, path := range paths {
			if re.MatchString(path) || len(matching[path]) < 5 && onTheWay([]policy.FileRule{r}, path) {
				matching[path] = append(matching[path], r)
			}
		}
	}
	for _, path := range paths {
		few, err := (&policy.Files{Rules: matching[path]}).Compile("/", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, access := range []policy.Access{policy.Stat, policy.Read, policy.Write} {
			got, _ := set.Decide(path, access)
			want, _ := few.Decide(path, access)
			if len(matching[path]) == 0 {
				want = policy.Action{Kind: policy.Kill} // there is no rule at all
			}
			if got != want {
				t.Errorf("%s %s: got %s, want %s of %d rules", access, path, got, want, len(matching[path]))
			}
		}
	}
}

// However many rules are beside those that match, a path is decided as fast.
func BenchmarkFileSet(b *testing.B) {
	for _, n := range []int{10, 1000, 100000} {
		set, err := (&policy.Files{Rules: manyRules(n)}).Compile("/", nil)
		if err != nil {
			b.Fatal(err)
		}
		for _, path := range []string{"/data/d2/file", "/data/d8/a/b/c/d", "/data/job-4-x/out/f", "/none/at/all"} {
			b.Run(fmt.Sprint(n, path), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					set.Decide(path, policy.Read)
				}
			})
		}
	}
}

func BenchmarkCompileFiles(b *testing.B) {
	files := policy.Files{Rules: manyRules(100000)}
	for b.Loop() {
		if _, err := files.Compile("/", nil); err != nil {
			b.Fatal(err)
		}
	}
}
