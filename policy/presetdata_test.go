package policy_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write zpresets.go from the presets' YAML")

// The presets' Go data is what their YAML says: parsing YAML would be a tenth
// of what `belljar run` takes to start.
func TestPresetData(t *testing.T) {
	var b bytes.Buffer
	fmt.Fprint(&b, "// Code generated from presets/*.yaml by go test ./policy -run TestPresetData -update; DO NOT EDIT.\n\npackage policy\n\n")
	for _, name := range policy.Presets() {
		src, _ := policy.PresetSource(name)
		want, err := policy.Parse(name+".yaml", src)
		if err != nil {
			t.Fatal(err)
		}
		want.Name = name
		if got, _ := policy.Preset(name); !*update {
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: the Go data differs from the YAML (-update writes it):\n%s", name, d)
			}
		}
		fmt.Fprintf(&b, "func %sPreset() *Policy { return &%s }\n\n", name, literal(reflect.ValueOf(*want), ""))
	}
	text, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("zpresets.go", text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile("zpresets.go"); err != nil || !bytes.Equal(have, text) {
		t.Errorf("zpresets.go is out of date (-update writes it): %v", err)
	}
}

// literal spells a value of package policy in Go, the elements of lists one a
// line; elided is the type that the context gives.
func literal(v reflect.Value, elided string) string {
	name := v.Type().Name()
	if name == elided {
		name = ""
	}
	var parts []string
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				parts = append(parts, v.Type().Field(i).Name+": "+literal(f, ""))
			}
		}
		return name + "{" + strings.Join(parts, ", ") + "}"
	case reflect.Slice:
		elem := v.Type().Elem()
		for i := range v.Len() {
			parts = append(parts, literal(v.Index(i), elem.Name()))
		}
		if elem.Kind() == reflect.Struct {
			return "[]" + elem.Name() + "{\n" + strings.Join(parts, ",\n") + ",\n}"
		}
		return "[]" + elem.Name() + "{" + strings.Join(parts, ", ") + "}"
	case reflect.String:
		return fmt.Sprintf("%q", v.String())
	}
	return fmt.Sprintf("%d", v.Interface())
}
