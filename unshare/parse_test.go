package unshare

import (
	"path"
	"path/filepath"
	"strings"
	"testing"
)

func TestParseBind(t *testing.T) {
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		in   string
		want Mount
		err  string
	}{
		{in: "/a", want: Mount{Source: "/a", Target: "/a"}},
		{in: "/a:/b", want: Mount{Source: "/a", Target: "/b"}},
		{in: "/a:rw", want: Mount{Source: "/a", Target: "/a", Writable: true}},
		{in: "/a:/b/../c:ro", want: Mount{Source: "/a", Target: "/c"}},
		{in: "x:/b:rw", want: Mount{Source: here + "/x", Target: "/b", Writable: true}},
		{in: "", err: "no source"},
		{in: ":/b", err: "no source"},
		{in: "/a:b", err: "must be an absolute path"},
		{in: "/a:", err: "must be an absolute path"},
		{in: "/a:/", err: "root directory"},
		{in: "/a:/b:rx", err: `"rx" is neither ro nor rw`},
		{in: "/a:/b:ro:rw", err: "is neither ro nor rw"},
		{in: "/a\x00:/b", err: "NUL"},
	}
	for _, tt := range tests {
		got, err := ParseBind(tt.in)
		check(t, tt.in, got, tt.want, err, tt.err)
	}
}

func TestParseTmpfs(t *testing.T) {
	tests := []struct {
		in   string
		want Mount
		err  string
	}{
		{in: "/t", want: Mount{Kind: Tmpfs, Target: "/t"}},
		{in: "/t/:4096", want: Mount{Kind: Tmpfs, Target: "/t", Size: 4096}},
		{in: "/t:3K", want: Mount{Kind: Tmpfs, Target: "/t", Size: 3 << 10}},
		{in: "/t:3M", want: Mount{Kind: Tmpfs, Target: "/t", Size: 3 << 20}},
		{in: "/t:1G", want: Mount{Kind: Tmpfs, Target: "/t", Size: 1 << 30}},
		{in: "t", err: "must be an absolute path"},
		{in: "/", err: "root directory"},
		{in: "/t:", err: `size ""`},
		{in: "/t:K", err: `size "K"`},
		{in: "/t:0", err: "positive"},
		{in: "/t:-1", err: "positive"},
		{in: "/t:9999999999G", err: "positive"},
		{in: "/t:1T", err: `size "1T"`},
	}
	for _, tt := range tests {
		got, err := ParseTmpfs(tt.in)
		check(t, tt.in, got, tt.want, err, tt.err)
	}
}

func check(t *testing.T, in string, got, want Mount, err error, text string) {
	t.Helper()
	if text != "" {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: error %v, want %q", in, err, text)
		}
		return
	}
	if err != nil || got != want {
		t.Errorf("%q: %+v, %v; want %+v", in, got, err, want)
	}
}

// FuzzParse: whatever is accepted can be mounted without a panic.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"/a", "/a:/b:rw", "x:/b:ro", "/t:64M", "/t:9999999999G", ":", "/a\x00", "/../..:/..", "/tmp:/proc/1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, parse := range []func(string) (Mount, error){ParseBind, ParseTmpfs} {
			m, err := parse(s)
			if err != nil {
				if m != (Mount{}) {
					t.Errorf("an error and a mount: %+v", m)
				}
				continue
			}
			if !path.IsAbs(m.Target) || path.Clean(m.Target) != m.Target || m.Target == "/" || m.Size < 0 {
				t.Errorf("%q is accepted as %+v", s, m)
			}
			DefaultRoot().With(m).steps(nobody, true) // an error for a missing source is fine
		}
	})
}
