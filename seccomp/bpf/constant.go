package bpf

// ConstantAllow reports whether the kernel keeps, when the filter is
// installed, that a call is always allowed, and never runs the filter for it
// (since 5.11). It follows seccomp_is_const_allow (kernel/seccomp.c), which
// gives up where the program looks at anything but number and architecture or
// uses an operation that few filters use.
func (p Program) ConstantAllow(nr int32, arch uint32) bool {
	var a uint32
	for pc := 0; pc < len(p); pc++ {
		in := p[pc]
		switch in.Op {
		case LD | W | ABS:
			switch in.K {
			case OffNr:
				a = uint32(nr)
			case OffArch:
				a = arch
			default:
				return false
			}
		case RET | K:
			return in.K == Allow
		case JMP | JA:
			pc += int(in.K)
		case JMP | JEQ | K, JMP | JGT | K, JMP | JGE | K, JMP | JSET | K:
			m := machine{a: a}
			pc += m.jump(in)
		case ALU | AND | K:
			a &= in.K
		default:
			return false
		}
	}
	return false
}
