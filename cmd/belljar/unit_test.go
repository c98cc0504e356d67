package main

import (
	"os/exec"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int64 // 0: an error
	}{
		{"1", 1}, {"512B", 512}, {"4K", 4096}, {"4k", 4096}, {"4KiB", 4096}, {"256M", 256 << 20}, {"1GiB", 1 << 30},
		{"2T", 2 << 40}, {"8388607T", 8388607 << 40},
		{"", 0}, {"0", 0}, {"-1", 0}, {"K", 0}, {"1KB", 0}, {"1.5G", 0}, {"1X", 0}, {"1KK", 0}, {"8388608T", 0},
		{"9223372036854775808", 0}, {"M1", 0},
	} {
		got, err := parseSize(c.in)
		if (err != nil) != (c.want == 0) || err == nil && got != c.want {
			t.Errorf("parseSize(%q) = %d, %v; want %d", c.in, got, err, c.want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for _, c := range []struct {
		in   string
		want time.Duration // 0: an error
	}{
		{"1s", time.Second}, {"500ms", 500 * time.Millisecond}, {"2", 2 * time.Second}, {"0.25", 250 * time.Millisecond},
		{"1m30s", 90 * time.Second},
		{"", 0}, {"0", 0}, {"0s", 0}, {"-1", 0}, {"1x", 0}, {"inf", 0}, {"NaN", 0}, {"999999999999", 0},
	} {
		got, err := parseDuration(c.in)
		if (err != nil) != (c.want == 0) || err == nil && got != c.want {
			t.Errorf("parseDuration(%q) = %v, %v; want %v", c.in, got, err, c.want)
		}
	}
}

// TestClean proves that no byte which a terminal acts on survives, and that
// ordinary text is left alone.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain text, ü 世界": "plain text, ü 世界",
		"a\x1b[31mb":       `a\x1b[31mb`,
		"two\nlines\r":     `two\nlines\r`,
		"bad \xff\xfe":     `bad \xff\xfe`,
		"bidi \u202etxt":   `bidi \u202etxt`,
		"c1 \u009b":        `c1 \u009b`,
		`say "x"` + "\x07": `say "x"\a`,
		"\uFFFD":           "\uFFFD",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestByteSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0B", 1023: "1023B", 1024: "1.0K", 1536: "1.5K", 5 << 20: "5.0M", 3 << 40: "3.0T", 5 << 50: "5120.0T"} {
		if got := byteSize(n); got != want {
			t.Errorf("byteSize(%d) = %q, want %q", n, got, want)
		}
	}
}

// A shell reads the word that was meant, and a terminal no control character.
func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"ls": "ls", "--color=auto": "--color=auto", "": "''", "a b": "'a b'", "*": "'*'", "it's": `'it'\''s'`, "a;b": "'a;b'", `a\b`: `'a\b'`,
		"a\x1b[31m'\\": `$'a\033[31m\'\\'`, "\xff1": `$'\3771'`, "~": "'~'", "$HOME": "'$HOME'",
	} {
		got := shellWord(word)
		if got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
		out, err := exec.Command("bash", "-c", "printf %s "+got).Output()
		if err == nil && string(out) != word {
			t.Errorf("%s: bash reads %q", got, out)
		}
	}
}
