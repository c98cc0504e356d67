package policy

import (
	"strings"
	"testing"
)

// TestUniform compares the answer with decisions on paths below the directory.
func TestUniform(t *testing.T) {
	grant := func(pattern string, a Access) FileRule { return FileRule{Pattern: pattern, Grant: a} }
	refuse := func(pattern string) FileRule {
		return FileRule{Pattern: pattern, Do: Action{Kind: Deny, Errno: 13}}
	}
	tests := []struct {
		name  string
		rules []FileRule
		deny  bool // the default
		want  bool
	}{
		{"all", []FileRule{grant("/box/**", Write)}, true, true},
		{"one level", []FileRule{grant("/box/*", Write)}, true, false},
		{"a refusal below", []FileRule{grant("/box/**", Write), refuse("/box/sub/deep/secret")}, true, false},
		{"a refusal elsewhere", []FileRule{grant("/box/**", Write), refuse("/box/other/secret")}, true, true},
		{"a refusal anywhere", []FileRule{grant("/box/**", Write), refuse("/**/secret")}, true, false},
		{"a broader refusal", []FileRule{grant("/box/**", Write), refuse("/**")}, true, true},
		{"a refusal of itself", []FileRule{grant("/box/**", Write), refuse("/box/sub")}, true, false},
		{"read-only below", []FileRule{grant("/box/**", Write), grant("/box/sub/ro/**", Read)}, true, false},
		{"read-only above", []FileRule{grant("/box/**", Write), grant("/**", Read)}, true, true},
		{"read-only beside", []FileRule{grant("/box/**", Write), grant("/*/sub/**", Read)}, true, true},
		{"only read", []FileRule{grant("/box/**", Read)}, true, false},
		{"default", nil, false, true},
		{"default but one", []FileRule{refuse("/box/sub/x")}, false, false},
		{"default but elsewhere", []FileRule{refuse("/etc/x")}, false, true},
		{"nothing", []FileRule{grant("/etc/**", Read)}, true, false},
	}
	below := []string{"", "/x", "/secret", "/deep/secret", "/deep", "/ro/f", "/ro", "/a/b/c/secret"}
	for _, tt := range tests {
		files := Files{Rules: tt.rules, Default: Action{Kind: Allow}}
		if tt.deny {
			files.Default = Action{Kind: Deny, Errno: 13}
		}
		set, err := files.Compile("/nowhere", nil)
		if err != nil {
			t.Fatal(err)
		}
		got := set.Uniform("/box/sub", Write)
		if got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		for _, name := range below {
			action, _ := set.Decide("/box/sub"+name, Write)
			if got && action.Kind != Allow {
				t.Errorf("%s: uniform, but %s is refused", tt.name, strings.TrimPrefix(name, "/"))
			}
		}
	}
}

// TestLooks compares the answer with decisions on what there is.
func TestLooks(t *testing.T) {
	stat := func(pattern string) FileRule { return FileRule{Pattern: pattern, Grant: Stat} }
	kill := func(pattern string) FileRule { return FileRule{Pattern: pattern, Do: Action{Kind: Kill}} }
	read := FileRule{Pattern: "/**/a", Grant: Read}
	for _, tt := range []struct {
		name  string
		rules []FileRule
		allow bool // the default
		want  bool
	}{
		{"observe", []FileRule{stat("/proc/*/mem"), kill("/proc/*/mem")}, true, true},
		{"one refusal without", []FileRule{stat("/proc/*/mem"), kill("/proc/*/mem"), kill("/etc/shadow")}, true, false},
		{"another spelling", []FileRule{stat("/proc/*/mem"), kill("/proc//*/./mem")}, true, true},
		{"another pattern", []FileRule{stat("/proc/**"), kill("/proc/*/mem")}, true, false},
		{"everything by a rule", []FileRule{stat("/**"), read}, false, true},
		{"everything by two stars", []FileRule{stat("/**/**"), read}, false, true},
		{"all but the root", []FileRule{stat("/**/*"), read}, false, false},
		{"everything but one", []FileRule{stat("/**"), kill("/a")}, false, false},
		{"nothing", []FileRule{read}, false, false},
	} {
		files := Files{Rules: tt.rules, Default: Action{Kind: Deny, Errno: 13}}
		if tt.allow {
			files.Default = Action{Kind: Allow}
		}
		set, err := files.Compile("/nowhere", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Looks(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		all := true
		for _, path := range []string{"/", "/a", "/etc/shadow", "/proc/7/mem", "/proc/7/task/8/mem", "/x/a", "pipe:[7]"} {
			action, _ := set.Decide(path, Stat)
			all = all && action.Kind == Allow
		}
		if all != tt.want {
			t.Errorf("%s: everything may be looked at: %v, want %v", tt.name, all, tt.want)
		}
	}
}
