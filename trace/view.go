package trace

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"syscall"

	"github.com/belljar/belljar/supervise"
)

// view is one call as decoders see it, first before it is made and, for what
// the kernel fills in, again when it has returned.
type view struct {
	trap   *supervise.Trap
	names  descriptorNames
	peers  peers  // of sockets
	plain  bool   // descriptors are not named
	text   int    // how many bytes of a buffer are shown
	result uint64 // once returned
	// between says that another thread may have changed descriptors while the call
	// was made.
	between bool
	failed  bool   // it returned an error
	out     []byte // decoders append to it
	room    [4096]byte
}

// arg is an argument's raw register.
func (v *view) arg(i int) uint64 { return v.trap.Uint64(i) }

// read returns n bytes of the program's memory, or nil. The next read
// overwrites them.
func (v *view) read(addr uint64, n int) []byte {
	if addr == 0 || n < 0 || n > len(v.room) {
		return nil
	}
	if got, _ := v.trap.Tracee.ReadMemory(addr, v.room[:n]); got != n {
		return nil
	}
	return v.room[:n]
}

// words reads 64-bit numbers into memory of their own.
func (v *view) words(addr uint64, n int) []uint64 {
	b := v.read(addr, 8*n)
	if b == nil {
		return nil
	}
	w := make([]uint64, n)
	for i := range w {
		w[i] = binary.NativeEndian.Uint64(b[8*i:])
	}
	return w
}

func (v *view) add(s string)                   { v.out = append(v.out, s...) }
func (v *view) printf(format string, a ...any) { v.out = fmt.Appendf(v.out, format, a...) }
func (v *view) int(n int64)                    { v.out = strconv.AppendInt(v.out, n, 10) }
func (v *view) uint(n uint64)                  { v.out = strconv.AppendUint(v.out, n, 10) }

// hex appends a number, 0 as "0".
func (v *view) hex(n uint64) {
	if n != 0 {
		v.add("0x")
	}
	v.out = strconv.AppendUint(v.out, n, 16)
}

// octal appends a number of three digits or more that begins with 0.
func (v *view) octal(n uint32) {
	for limit := uint32(0o100); limit > 0 && n < limit; limit >>= 3 {
		v.out = append(v.out, '0')
	}
	if n >= 0o100 {
		v.out = append(v.out, '0')
	}
	if n > 0 {
		v.out = strconv.AppendUint(v.out, uint64(n), 8)
	}
}

func (v *view) pointer(p uint64) {
	if p == 0 {
		v.add("NULL")
		return
	}
	v.hex(p)
}

// string appends the NUL-terminated string at addr: at most max bytes of it, if
// max is not 0.
func (v *view) string(addr uint64, max int) {
	if addr == 0 {
		v.add("NULL")
		return
	}
	limit := max
	if limit == 0 {
		limit = len(v.room)
	}
	// Most strings are short, and long ones are worth the calls.
	have, piece := 0, 256
	for ; have < limit+1 && have < len(v.room); piece = len(v.room) {
		at := addr + uint64(have)
		n := min(4096-int(at%4096), limit+1-have, len(v.room)-have, piece)
		got, _ := v.trap.Tracee.ReadMemory(at, v.room[have:have+n])
		if end := bytes.IndexByte(v.room[have:have+got], 0); end >= 0 {
			v.out = appendQuoted(v.out, v.room[:have+end], false)
			return
		}
		have += got
		if got < n {
			v.hex(addr)
			return
		}
	}
	v.out = appendQuoted(v.out, v.room[:min(have, limit)], true)
}

// buffer appends n bytes at addr, as far as they are shown.
func (v *view) buffer(addr, n uint64) {
	shown := int(min(n, uint64(v.text)))
	if n == 0 {
		v.add(`""`)
		return
	}
	b := v.read(addr, shown)
	if b == nil {
		v.pointer(addr)
		return
	}
	v.out = appendQuoted(v.out, b, uint64(shown) < n)
}

// file appends a descriptor and what it is.
func (v *view) file(fd int32) {
	v.fileName(fd, false)
}

// newFile is file for a descriptor that the call has made.
func (v *view) newFile(fd int32) { v.fileName(fd, true) }

func (v *view) fileName(fd int32, fresh bool) {
	v.int(int64(fd))
	if fd < 0 || v.plain {
		return
	}
	name := v.names.name(v.trap, fd, fresh)
	if name == "" {
		return
	}
	v.out = append(v.out, '<')
	v.out = appendEscaped(v.out, []byte(name), "\"\\<>")
	if peer := v.peers[name]; peer != "" {
		v.add(" " + peer)
	}
	v.out = append(v.out, '>')
}

// errno is the error that the call returned, 0 if none.
func errnoOf(result uint64) syscall.Errno {
	if result > ^uint64(4095) {
		return syscall.Errno(-result)
	}
	return 0
}
