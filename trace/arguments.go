package trace

import "syscall"

// argument says how one argument of a call is shown. An argument that the
// kernel fills in is shown when the call has returned.
type argument struct {
	show func(v *view, i int)
	out  bool
}

func in(show func(*view, int)) argument  { return argument{show: show} }
func out(show func(*view, int)) argument { return argument{show: show, out: true} }

// Arguments that need no more than their register.
var (
	number  = in(func(v *view, i int) { v.int(int64(v.trap.Int(i))) })
	long    = in(func(v *view, i int) { v.int(int64(v.arg(i))) })
	size    = in(func(v *view, i int) { v.uint(v.arg(i)) })
	count   = in(func(v *view, i int) { v.uint(uint64(v.trap.Flags(i))) })
	address = in(func(v *view, i int) { v.pointer(v.arg(i)) })
	bits    = in(func(v *view, i int) { v.hex(v.arg(i)) })
	bits32  = in(func(v *view, i int) { v.hex(uint64(v.trap.Flags(i))) })
	mode    = in(func(v *view, i int) { v.mode(v.trap.Flags(i)) })
	statxAt = in(func(v *view, i int) {
		// That neither way of synchronising is asked for has a name of its own.
		if v.trap.Flags(i)&0x6000 == 0 {
			v.add("AT_STATX_SYNC_AS_STAT")
			if rest := v.trap.Flags(i); rest != 0 {
				v.add("|")
				v.out = atStatxSet.appendFlags(v.out, uint64(rest))
			}
			return
		}
		v.out = atStatxSet.appendFlags(v.out, uint64(v.trap.Flags(i)))
	})
	id     = in(func(v *view, i int) { v.int(int64(v.trap.Int(i))) })
	file   = in(func(v *view, i int) { v.file(v.trap.Int(i)) })
	path   = in(func(v *view, i int) { v.string(v.arg(i), 0) })
	text   = in(func(v *view, i int) { v.string(v.arg(i), v.text) })
	signal = in(func(v *view, i int) { v.signal(int(v.trap.Int(i))) })
	open   = in(func(v *view, i int) { v.openFlags(uint64(v.trap.Flags(i))) })

	directory = in(func(v *view, i int) {
		if v.trap.Int(i) == -100 {
			v.add("AT_FDCWD")
			return
		}
		v.file(v.trap.Int(i))
	})
	// createMode counts only where the flags before it create something.
	createMode = in(func(v *view, i int) {
		if v.arg(i-1)&(syscall.O_CREAT|0x400000) != 0 {
			v.mode(v.trap.Flags(i))
		}
	})
)

// flags are the bits of a 32-bit argument, flags64 those of a wider one.
func flags(s *set) argument {
	return in(func(v *view, i int) { v.out = s.appendFlags(v.out, uint64(v.trap.Flags(i))) })
}

func flags64(s *set) argument {
	return in(func(v *view, i int) { v.out = s.appendFlags(v.out, v.arg(i)) })
}

// one is an argument that has one of a set's values.
func one(s *set) argument {
	return in(func(v *view, i int) { v.out = s.appendOne(v.out, uint64(v.trap.Flags(i))) })
}

// input is a buffer whose length is in another argument.
func input(length int) argument {
	return in(func(v *view, i int) { v.buffer(v.arg(i), v.arg(length)) })
}

// output is a buffer that the call has filled as far as its result says.
var output = out(func(v *view, i int) { v.filled(i, func() { v.buffer(v.arg(i), v.result) }) })

// filled shows what an argument points to if the call has succeeded, and
// otherwise only where.
func (v *view) filled(i int, show func()) {
	if v.failed || v.arg(i) == 0 {
		v.pointer(v.arg(i))
		return
	}
	show()
}

// mode is permissions, in octal.
func (v *view) mode(m uint32) {
	v.octal(m)
}

func (v *view) signal(n int) {
	if n == 0 {
		v.add("0")
		return
	}
	v.add(signalName(n))
}

func (v *view) openFlags(f uint64) {
	v.out = accessModes.appendOne(v.out, f&3)
	if rest := f &^ 3; rest != 0 {
		v.add("|")
		v.out = openSet.appendFlags(v.out, rest)
	}
}

// result says how what a call returns is shown.
type result func(v *view)

func decimal(v *view) { v.int(int64(v.result)) }
func hexadecimal(v *view) {
	if v.result == 0 {
		v.add("0")
		return
	}
	v.hex(v.result)
}
func opened(v *view) { v.newFile(int32(v.result)) }

// duplicated is a copy of the descriptor that the call names first.
func duplicated(v *view) {
	if fd := int32(v.result); !v.between && !v.plain {
		v.names.duplicate(v.trap, v.trap.Int(0), fd)
		v.file(fd)
		return
	}
	opened(v)
}

func octal(v *view) { v.printf("%03o", v.result) }
