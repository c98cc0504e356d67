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
// environment.
type Token struct {
	region *sys.Region // nil for one that is no secret
	memory []byte
	path   uintptr
	argv   uintptr
	envp   uintptr
	text   string
}

// slack is the room to move each of the three by chance within a token's memory.
const slack = 32 << 10

// NewToken lays out the arguments of execve at addresses that are drawn by
// chance. A filter may allow an execve with just these three pointers although the
// policy forbids the call. The program cannot use the permission after it
// started: it does not know the addresses (about 60 bits), which lie in this
// process and not in its own. Close it when the launch is over.
func NewToken(path string, argv, envv []string) (*Token, error) {
	size, err := sizeOf(path, argv, envv)
	if err != nil {
		return nil, err
	}
	region, err := sys.NewRegion(size + 3*slack)
	if err != nil {
		return nil, fmt.Errorf("memory for the arguments: %w", err)
	}
	t := &Token{region: region, memory: region.Bytes()}
	var dice [6]byte
	rand.Read(dice[:])
	t.lay(path, argv, envv, func(i int) int { return int(binary.NativeEndian.Uint16(dice[2*i:])) % (slack / 8) * 8 })
	return t, nil
}

// PlainToken lays out the arguments of execve anywhere. It is for a launch whose
// calls carry a standby's pass: the filter does not look at the pointers then, and
// memory at an address of its own costs more than all that is written to it.
func PlainToken(path string, argv, envv []string) (*Token, error) {
	size, err := sizeOf(path, argv, envv)
	if err != nil {
		return nil, err
	}
	t := &Token{memory: sys.Words(make([]uintptr, (size+7)/8))} // aligned
	t.lay(path, argv, envv, func(int) int { return 0 })
	return t, nil
}

// sizeOf is the memory that the arguments take.
func sizeOf(path string, argv, envv []string) (int, error) {
	size := len(path) + 1
	for _, list := range [][]string{argv, envv} {
		for _, s := range list {
			if strings.IndexByte(s, 0) >= 0 {
				return 0, fmt.Errorf("argument or environment with a NUL byte: %q", s)
			}
			size += len(s) + 1
		}
		size += 8 * (len(list) + 2) // the last pointer is null; strings end anywhere
	}
	return size, nil
}

// lay writes the arguments to the memory, each list behind so many bytes that are skipped.
func (t *Token) lay(path string, argv, envv []string, skip func(i int) int) {
	t.text = fmt.Sprintf("%q, %q, %d variables", path, argv, len(envv))
	w := tokenWriter{memory: t.memory}
	w.at = skip(0)
	t.argv = w.list(argv)
	w.at += skip(1)
	t.envp = w.list(envv)
	w.at += skip(2)
	t.path = w.string(path)
}

// Pointers returns the three arguments of execve, for a filter. Those of a plain
// token are no secret that a filter could rely on.
func (t *Token) Pointers() [3]uint64 {
	if t.region == nil {
		panic("launch: a filter for a plain token")
	}
	return [3]uint64{uint64(t.path), uint64(t.argv), uint64(t.envp)}
}

// Close frees the memory. The launch must be over.
func (t *Token) Close() error {
	if t.region == nil {
		return nil
	}
	return t.region.Close()
}

func (t *Token) step() Step {
	return Step{Name: "execve", Nr: syscall.SYS_EXECVE, Args: []Arg{{n: t.path, keep: t, text: t.text}, {n: t.argv, text: "argv"}, {n: t.envp, text: "envp"}}}
}

// tokenWriter fills memory; pointer arrays stay aligned.
type tokenWriter struct {
	memory []byte
	at     int
}

func (w *tokenWriter) address() uintptr { return sys.Address(w.memory) + uintptr(w.at) }

func (w *tokenWriter) string(s string) uintptr {
	addr := w.address()
	w.at += copy(w.memory[w.at:], s)
	w.memory[w.at] = 0
	w.at++
	return addr
}

func (w *tokenWriter) list(list []string) uintptr {
	w.at = (w.at + 7) &^ 7
	start, addr := w.at, w.address()
	w.at += 8 * (len(list) + 1)
	for i, s := range list {
		binary.NativeEndian.PutUint64(w.memory[start+8*i:], uint64(w.string(s)))
	}
	w.at = (w.at + 7) &^ 7
	return addr
}
