package kernel

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// release returns the running kernel's version as two numbers.
func release(t *testing.T) (major, minor int) {
	t.Helper()
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	if _, err := fmt.Sscanf(string(b), "%d.%d", &major, &minor); err != nil {
		t.Fatalf("release %q: %v", b, err)
	}
	return major, minor
}

// A kernel of the version that brought a feature has it. Landlock can be
// switched off at boot.
func TestFeaturesMatchRelease(t *testing.T) {
	major, minor := release(t)
	for _, f := range All {
		a, b, _ := strings.Cut(f.Since, ".")
		wantMajor, _ := strconv.Atoi(a)
		wantMinor, _ := strconv.Atoi(b)
		should := major > wantMajor || major == wantMajor && minor >= wantMinor
		if should && !f.Have() && f != Landlock {
			t.Errorf("Linux %d.%d should have %s (since %s)", major, minor, f.Name, f.Since)
		}
	}
}
