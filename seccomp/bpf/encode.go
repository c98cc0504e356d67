package bpf

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// instructionSize is sizeof(struct sock_filter).
const instructionSize = 8

// Raw returns the program as an array of struct sock_filter in little-endian
// order, which is that of every architecture Belljar has a table for.
func (p Program) Raw() []byte {
	b := make([]byte, 0, instructionSize*len(p))
	for _, in := range p {
		b = binary.LittleEndian.AppendUint16(b, in.Op)
		b = append(b, in.Jt, in.Jf)
		b = binary.LittleEndian.AppendUint32(b, in.K)
	}
	return b
}

// ReadRaw reads what Raw writes. It checks no instruction; see Check.
func ReadRaw(b []byte) (Program, error) {
	switch n := len(b) / instructionSize; {
	case len(b) == 0:
		return nil, &SyntaxError{Msg: "there is no instruction"}
	case n > MaxLen:
		return nil, &SyntaxError{Offset: MaxLen * instructionSize, Msg: fmt.Sprintf("the filter is longer than %d instructions", MaxLen)}
	case len(b)%instructionSize != 0:
		return nil, &SyntaxError{Offset: n * instructionSize,
			Msg: fmt.Sprintf("the filter ends within instruction %d: %d of %d bytes", n, len(b)%instructionSize, instructionSize)}
	}
	p := make(Program, len(b)/instructionSize)
	for i := range p {
		at := b[i*instructionSize:]
		p[i] = Instruction{Op: binary.LittleEndian.Uint16(at), Jt: at[2], Jf: at[3], K: binary.LittleEndian.Uint32(at[4:])}
	}
	return p, nil
}

// C returns the program as a C header that defines an array of struct
// sock_filter and a struct sock_fprog with this name.
func (p Program) C(name string) string {
	var b strings.Builder
	guard := strings.ToUpper(name) + "_H"
	fmt.Fprintf(&b, "#ifndef %s\n#define %s\n\n#include <linux/filter.h>\n\nstatic struct sock_filter %s_code[] = {\n", guard, guard, name)
	for i, in := range p {
		fmt.Fprintf(&b, "\t{ 0x%02x, %3d, %3d, 0x%08x }, /* %04d: %s */\n", in.Op, in.Jt, in.Jf, in.K, i, in.text(i))
	}
	fmt.Fprintf(&b, "};\n\nstatic struct sock_fprog %s = { .len = %d, .filter = %s_code };\n\n#endif\n", name, len(p), name)
	return b.String()
}

// SyntaxError is text or bytes that are no filter.
type SyntaxError struct {
	Line, Col int // 1-based; 0 for raw bytes
	Offset    int // in bytes
	Msg       string
}

// Error returns "line:col: message", or "byte N: message" for raw bytes.
func (e *SyntaxError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%d:%d: %s", e.Line, e.Col, e.Msg)
	}
	return fmt.Sprintf("byte %d: %s", e.Offset, e.Msg)
}
