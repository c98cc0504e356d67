package launch

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

// Token is the one execve that starts the program: its path, arguments and
// environment at addresses that were drawn by chance. A filter may allow an
// execve with just these three pointers although the policy forbids the call.
// The program cannot use the permission after it started: it does not know the
// addresses (about 60 bits), which lie in this process and not in its own.
type Token struct {
	region *sys.Region
	path   uintptr
	argv   uintptr
	envp   uintptr
	text   string
}

// NewToken lays out the arguments of execve. Close it when the launch is over.
func NewToken(path string, argv, envv []string) (*Token, error) {
	size := len(path) + 1
	for _, list := range [][]string{argv, envv} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return nil, fmt.Errorf("argument or environment with a NUL byte: %q", s)
			}
			size += len(s) + 1
		}
		size += 8 * (len(list) + 1)
	}
	// Room to move each of the three by chance within the region.
	const slack = 32 << 10
	region, err := sys.NewRegion(size + 3*slack)
	if err != nil {
		return nil, fmt.Errorf("memory for the arguments: %w", err)
	}
	var dice [6]byte
	rand.Read(dice[:])
	skip := func(i int) int { return int(binary.NativeEndian.Uint16(dice[2*i:])) % (slack / 8) * 8 }

	t := &Token{region: region, text: fmt.Sprintf("%q, %q, %d variables", path, argv, len(envv))}
	w := regionWriter{region: region}
	w.at = skip(0)
	t.argv = w.list(argv)
	w.at += skip(1)
	t.envp = w.list(envv)
	w.at += skip(2)
	t.path = w.string(path)
	return t, nil
}

// Pointers returns the three arguments of execve.
func (t *Token) Pointers() [3]uint64 {
	return [3]uint64{uint64(t.path), uint64(t.argv), uint64(t.envp)}
}

// Close frees the memory. The launch must be over.
func (t *Token) Close() error { return t.region.Close() }

func (t *Token) step() Step {
	return Step{Name: "execve", Nr: syscall.SYS_EXECVE, Args: []Arg{Named(t.path, t.text), {n: t.argv, text: "argv"}, {n: t.envp, text: "envp"}}}
}

// regionWriter fills a region; pointer arrays stay aligned.
type regionWriter struct {
	region *sys.Region
	at     int
}

func (w *regionWriter) string(s string) uintptr {
	addr := w.region.Address() + uintptr(w.at)
	w.at += copy(w.region.Bytes()[w.at:], s)
	w.region.Bytes()[w.at] = 0
	w.at++
	return addr
}

func (w *regionWriter) list(list []string) uintptr {
	w.at = (w.at + 7) &^ 7
	start := w.at
	w.at += 8 * (len(list) + 1)
	for i, s := range list {
		addr := w.string(s)
		binary.NativeEndian.PutUint64(w.region.Bytes()[start+8*i:], uint64(addr))
	}
	w.at = (w.at + 7) &^ 7
	return w.region.Address() + uintptr(start)
}
