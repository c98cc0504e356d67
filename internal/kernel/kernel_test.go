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

func TestGaveUpDenying(t *testing.T) {
	for release, want := range map[string]bool{
		"5.10.0-32-amd64": false, "6.1.0": false, "6.10.3": false, "6.11.0": true, "6.12.107+deb13-cloud-amd64": true,
		"6.13.0": false, "6.18.44-x": false, "7.2.13": false, "": true, "x": true,
	} {
		if got := gaveUpDenying(release); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}
