package cgroup

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMembership(t *testing.T) {
	got, err := ParseMembership([]byte("4:memory:/a:b c\n2:cpu,cpuacct:/\n1:name=systemd:/x\n0::/user.slice\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Membership{
		{4, []string{"memory"}, "/a:b c"},
		{2, []string{"cpu", "cpuacct"}, "/"},
		{1, []string{"name=systemd"}, "/x"},
		{0, nil, "/user.slice"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"x", "0:/", "a::/", "-1::/", "0::x", "\n"} {
		if _, err := ParseMembership([]byte(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v, want %v", bad, err, ErrFormat)
		}
	}
}

func TestParseKeyed(t *testing.T) {
	got, err := ParseKeyed([]byte("low 0\noom_kill 12\nmax max\n"))
	if diff := cmp.Diff(map[string]int64{"low": 0, "oom_kill": 12, "max": math.MaxInt64}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, bad := range []string{"x", "x y", " 1", "x 1 2", "x -1"} {
		if _, err := ParseKeyed([]byte(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v, want %v", bad, err, ErrFormat)
		}
	}
}

func TestParseNumber(t *testing.T) {
	for text, want := range map[string]int64{"0\n": 0, "4096\n": 4096, "max\n": math.MaxInt64, "18446744073709551615": math.MaxInt64} {
		if got, err := ParseNumber([]byte(text)); got != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "\n", "-1", "1 2", "1\n2\n", "max1"} {
		if _, err := ParseNumber([]byte(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v, want %v", bad, err, ErrFormat)
		}
	}
}

func TestParsePIDs(t *testing.T) {
	got, err := ParsePIDs([]byte("12\n0\n4194304\n"))
	if diff := cmp.Diff([]int{12, 0, 4194304}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := ParsePIDs([]byte("12\nx\n")); !errors.Is(err, ErrFormat) {
		t.Errorf("%v, want %v", err, ErrFormat)
	}
}

// FuzzParse proves that no text makes a parser panic, and that what is accepted
// is what was written.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "0::/\n", "4:memory:/x\n", "usage_usec 12\n", "max\n", "1\n2\n", "a b c\n", "\x00:\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if members, err := ParseMembership(text); err == nil {
			for _, m := range members {
				if m.Path == "" || m.Path[0] != '/' || m.ID < 0 {
					t.Errorf("%q: %+v", text, m)
				}
			}
		}
		if keyed, err := ParseKeyed(text); err == nil {
			for key, n := range keyed {
				if key == "" || n < 0 {
					t.Errorf("%q: %q %d", text, key, n)
				}
			}
		}
		if n, err := ParseNumber(text); err == nil && n < 0 {
			t.Errorf("%q: %d", text, n)
		}
		if pids, err := ParsePIDs(text); err == nil {
			for _, pid := range pids {
				if pid < 0 {
					t.Errorf("%q: %d", text, pid)
				}
			}
		}
	})
}

// FuzzOwner proves that only names that Belljar gives are taken for its own.
func FuzzOwner(f *testing.F) {
	for _, seed := range []string{"4026531836-12-3456-1", "self", "---", "1-2-3-", "1-2-3-4-5", "a-+2-3-4", "1-02-3-4"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if o, ok := parseOwner(name); ok && (!strings.HasPrefix(name, o.String()) || o.pid <= 0) {
			t.Errorf("%q was read as %+v", name, o)
		}
	})
}

func TestParseCPUs(t *testing.T) {
	for text, want := range map[string][]int{
		"0": {0}, "0-1,3": {0, 1, 3}, "3,1-2,2": {1, 2, 3}, "7-7": {7},
		"": nil, "a": nil, "1-0": nil, "-1": nil, "1-": nil, "0,,1": nil, "0-1-2": nil, "65536": nil, " 1": nil,
	} {
		got, err := ParseCPUs(text)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}
