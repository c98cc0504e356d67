package programs

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	src := "// Sleeps.\n// Then stops.\n//\n// build: dynamic static\n// run: wall=1s args=\"a b\" stdout=\"x\\n\" verdict=ok\n#include <x.h>\n// run: not=this\n"
	got, err := parse("c/sleep.c", src)
	if err != nil {
		t.Fatal(err)
	}
	want := &Program{Name: "c/sleep", File: "c/sleep.c", Purpose: "Sleeps. Then stops.", Builds: []string{"dynamic", "static"},
		Cases: []Case{{Line: 5, Keys: map[string]string{"wall": "1s", "args": "a b", "stdout": "x\n", "verdict": "ok"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseErrors(t *testing.T) {
	for src, want := range map[string]string{
		"// Does.\n":                        "no run: line",
		"// run: verdict=ok\n":              "no purpose",
		"// Does.\n// run: verdict\n":       "c/x.c:2: no key=value",
		"// Does.\n// run: a=\"b\n":         "not closed",
		"// Does.\n// run: a=b a=c\n":       "given twice",
		"// Does.\n// run: a=b \"c=d\" e\n": "no key=value",
	} {
		if _, err := parse("c/x.c", src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", src, err, want)
		}
	}
}

func TestAll(t *testing.T) {
	all, err := Programs.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 30 {
		t.Errorf("%d programs: were they embedded?", len(all))
	}
}
