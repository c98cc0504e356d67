package escapes_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/belljar/belljar/test/escapes"
	"github.com/belljar/belljar/test/programs"
)

// TestThreatModel proves that every test and every program's case that the
// threat model names exists: a promise without its proof is none.
func TestThreatModel(t *testing.T) {
	text, err := os.ReadFile("../../docs/threat-model.md")
	if os.IsNotExist(err) {
		t.Skip("the source tree is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	tests, runs := goTests(t), programCases(t)
	named := 0
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		name := m[1]
		switch {
		case strings.HasPrefix(name, "Test") && !strings.HasSuffix(name, "..."):
			if !tests[name] {
				t.Errorf("there is no test %s", name)
			}
		case (strings.HasPrefix(name, "escapes/") || strings.HasPrefix(name, "c/")) && !strings.HasSuffix(name, "..."):
			if !hasCase(runs, name) {
				t.Errorf("no program has the case %q", name)
			}
		default:
			continue
		}
		named++
	}
	if named < 60 {
		t.Errorf("the threat model names %d proofs: was it read?", named)
	}
}

// goTests are the names of all test functions of the module.
func goTests(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, m := range function.FindAllSubmatch(text, -1) {
			all[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// programCases are "NAME ARGS" of every run: line.
func programCases(t *testing.T) (all []string) {
	t.Helper()
	for _, tree := range []programs.Tree{programs.Programs, escapes.Programs} {
		some, err := tree.All()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range some {
			for _, c := range p.Cases {
				all = append(all, p.Name+" "+c.Keys["args"]+" ")
			}
		}
	}
	return all
}

func hasCase(all []string, name string) bool {
	for _, c := range all {
		if strings.HasPrefix(c, name+" ") {
			return true
		}
	}
	return false
}
