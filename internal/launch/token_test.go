package launch

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/belljar/belljar/internal/sys"
)

// What the kernel will read at a token's pointers is what it was made of,
// wherever it lies.
func TestTokenLayout(t *testing.T) {
	lists := [][]string{nil, {""}, {"a"}, {"", ""}, {"1234567"}, {"12345678"}, {"sh", "-c", "echo \"\xff\n\""}}
	for _, path := range []string{"", "/bin/true", "/1234567"} {
		for _, argv := range lists {
			for _, envv := range lists {
				for what, lay := range map[string]func(string, []string, []string) (*Token, error){"secret": NewToken, "plain": PlainToken} {
					token, err := lay(path, argv, envv)
					if err != nil {
						t.Fatal(err)
					}
					r := tokenReader{token.memory}
					got := [][]string{{r.text(token.path)}, r.list(token.argv), r.list(token.envp)}
					if diff := cmp.Diff([][]string{{path}, argv, envv}, got); diff != "" {
						t.Errorf("%s: %q %q %q: %s", what, path, argv, envv, diff)
					}
					if err := token.Close(); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
	for _, lay := range []func(string, []string, []string) (*Token, error){NewToken, PlainToken} {
		if _, err := lay("/bin/true", []string{"a\x00b"}, nil); err == nil {
			t.Error("an argument with a NUL byte was taken")
		}
	}
}

// tokenReader reads a token's memory at its addresses; it panics outside of it.
type tokenReader struct{ memory []byte }

func (r tokenReader) at(address uintptr) []byte { return r.memory[address-sys.Address(r.memory):] }

func (r tokenReader) text(address uintptr) string {
	text, _, ok := bytes.Cut(r.at(address), []byte{0})
	if !ok {
		panic("a string has no end")
	}
	return string(text)
}

func (r tokenReader) list(address uintptr) (list []string) {
	if address%8 != 0 {
		panic("an array of pointers is not aligned")
	}
	for ; ; address += 8 {
		p := uintptr(binary.NativeEndian.Uint64(r.at(address)))
		if p == 0 {
			return list
		}
		list = append(list, r.text(p))
	}
}
