package trace

// stringsVector is a vector of strings that ends with NULL, such as argv.
var stringsVector = in(func(v *view, i int) {
	addr := v.arg(i)
	if addr == 0 {
		v.add("NULL")
		return
	}
	v.add("[")
	for n := 0; ; n++ {
		p := v.words(addr+uint64(8*n), 1)
		switch {
		case p == nil:
			v.add("...")
		case p[0] == 0:
		case n == 32:
			v.add(", ...")
		default:
			if n > 0 {
				v.add(", ")
			}
			v.string(p[0], v.text)
			continue
		}
		v.add("]")
		return
	}
})

// environment is such a vector of which only the length is shown.
var environment = in(func(v *view, i int) {
	addr, n := v.arg(i), 0
	v.pointer(addr)
	if addr == 0 {
		return
	}
	for n < 1<<16 {
		p := v.words(addr+uint64(8*n), 1)
		if p == nil {
			return
		}
		if p[0] == 0 {
			break
		}
		n++
	}
	v.printf(" /* %d var%s */", n, plural(n))
})

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// vectors is an array of struct iovec whose length is the next argument; what
// was moved is known from before for a write and from the result for a read.
func (v *view) vectors(addr, n, moved uint64) {
	w := v.words(addr, int(min(2*n, 2*16)))
	if w == nil {
		v.pointer(addr)
		return
	}
	v.add("[")
	for k := 0; k+1 < len(w); k += 2 {
		if k > 0 {
			v.add(", ")
		}
		length := w[k+1]
		v.add("{iov_base=")
		v.buffer(w[k], min(length, moved))
		v.printf(", iov_len=%d}", length)
		moved -= min(length, moved)
	}
	if n > 16 {
		v.add(", ...")
	}
	v.add("]")
}

var (
	vectorsIn  = in(func(v *view, i int) { v.vectors(v.arg(i), v.arg(i+1), ^uint64(0)) })
	vectorsOut = out(func(v *view, i int) { v.filled(i, func() { v.vectors(v.arg(i), v.arg(i+1), v.result) }) })
)
