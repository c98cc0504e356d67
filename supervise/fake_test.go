package supervise

import (
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/syscalls"
)

// fakeTracee is a tracee whose memory is one region; its files are those of
// this process.
type fakeTracee struct {
	base uint64
	mem  []byte
}

const fakeBase = 0x10000

func (f *fakeTracee) ReadMemory(addr uint64, buf []byte) (int, error) {
	if addr < f.base || addr >= f.base+uint64(len(f.mem)) {
		return 0, syscall.EFAULT
	}
	return copy(buf, f.mem[addr-f.base:]), nil
}

func (f *fakeTracee) WriteMemory(addr uint64, data []byte) (int, error) {
	if addr < f.base || addr >= f.base+uint64(len(f.mem)) {
		return 0, syscall.EFAULT
	}
	return copy(f.mem[addr-f.base:], data), nil
}

// Valid is always true: the tracee is this process.
func (f *fakeTracee) Valid() bool { return true }

// put adds bytes to the memory and returns their address.
func (f *fakeTracee) put(b string) uint64 {
	addr := f.base + uint64(len(f.mem))
	f.mem = append(f.mem, b...)
	return addr
}

// arch is whose calls traps are: amd64's on every machine, since it has all.
var arch = syscalls.AMD64

// Flags of open that have other numbers elsewhere.
const (
	amd64Nofollow  = 0o400000
	amd64Directory = 0o200000
)

// ownArch makes traps this machine's until the test ends: what is done for them in
// earnest has its numbers.
func ownArch(t *testing.T) {
	arch = syscalls.ForGOARCH(runtime.GOARCH)
	t.Cleanup(func() { arch = syscalls.AMD64 })
}

// trapOf makes a trap of this process. Strings become pointers.
func trapOf(name string, args ...any) *Trap {
	tracee := &fakeTracee{base: fakeBase}
	trap := &Trap{Arch: arch, PID: os.Getpid(), TID: os.Getpid(), Tracee: tracee}
	var ok bool
	if trap.Nr, ok = trap.Arch.Number(name); !ok {
		panic("no call " + name)
	}
	for i, arg := range args {
		switch a := arg.(type) {
		case string:
			trap.Args[i] = tracee.put(a + "\x00")
		case int:
			trap.Args[i] = uint64(a)
		case uint64:
			trap.Args[i] = a
		}
	}
	return trap
}

func newEngine(t testing.TB, c EngineConfig) *Engine {
	t.Helper()
	if c.Table == nil {
		c.Table = arch
	}
	if c.Policy.Default.Kind == policy.Unset {
		c.Policy.Default = policy.Action{Kind: policy.Allow}
	}
	e, err := NewEngine(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func itoa(n int) string { return strconv.Itoa(n) }

// fdName is the magic link to one of this process's own descriptors.
func fdName(f *os.File) string { return "/proc/self/fd/" + itoa(int(f.Fd())) }
