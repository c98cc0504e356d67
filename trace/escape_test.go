package trace

import (
	"strings"
	"testing"
)

var hostile = []string{
	"plain", "", "two words", `"quoted"`, `back\slash`, "\x1b[31mred\x1b[0m", "new\nline", "\x00", "\x009", "\x7f", "\xff\xfe", "naïve",
	"<script>alert(1)</script>", "\u202eevil", "tab\tbell\a", "\r\x1b]0;title\a", strings.Repeat("\x1b", 4096), "1\x012",
}

// No control character and no byte beyond ASCII is left, and nothing is lost.
func TestQuote(t *testing.T) {
	for _, s := range hostile {
		q := Quote(s)
		if i := strings.IndexFunc(q, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			t.Errorf("%q: %q is left in %q", s, q[i], q)
		}
		if got := Unquote(q); got != s {
			t.Errorf("%q becomes %q and then %q", s, q, got)
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := Quote(s)
		if strings.ContainsFunc(q, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("%q becomes %q", s, q)
		}
		if got := Unquote(q); got != s {
			t.Errorf("%q becomes %q and then %q", s, q, got)
		}
	})
}
