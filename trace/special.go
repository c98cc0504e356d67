package trace

import (
	"strconv"
	"syscall"
)

// Arguments that depend on other arguments of their call. One that shows
// nothing is left out.

func itoa(n int) string { return strconv.Itoa(n) }

// createModeAfter is createMode for open, whose flags are at another place.
var createModeAfter = createMode

var fileMode = in(func(v *view, i int) { v.fileMode(v.trap.Flags(i)) })

// open3 are the flags of dup3 and pipe2, which have no access mode.
var (
	open3     = in(func(v *view, i int) { v.out = openSet.appendFlags(v.out, uint64(v.trap.Flags(i))) })
	pipeFlags = open3
)

// offset is a pointer to an offset.
var offset = in(structure(8, func(v *view, b []byte) { v.printf("[%d]", int64(ne.Uint64(b))) }))

var idOut = structureOut(4, func(v *view, b []byte) { v.printf("[%d]", int32(ne.Uint32(b))) })

func cwdText(v *view, i int) {
	v.filled(i, func() { v.string(v.arg(i), 0) })
}

// entries counts struct linux_dirent64.
func entries(v *view, i int) {
	if v.failed {
		v.pointer(v.arg(i))
		return
	}
	n := v.countEntries(v.arg(i), v.result)
	v.pointer(v.arg(i))
	if n == 1 {
		v.add(" /* 1 entry */")
		return
	}
	v.add(" /* ")
	v.int(int64(n))
	v.add(" entries */")
}

// countEntries walks along the lengths in struct linux_dirent64.
func (v *view) countEntries(addr, size uint64) (n int) {
	const lengthAt, least = 16, 24 // bytes
	for at := uint64(0); size-at >= least && at < size; {
		b := v.read(addr+at, int(min(size-at, uint64(len(v.room)))))
		used := 0
		for used+least <= len(b) {
			length := int(ne.Uint16(b[used+lengthAt:]))
			if length < least {
				return n
			}
			used += length
			n++
		}
		if used == 0 {
			return n
		}
		at += uint64(used)
	}
	return n
}

// fcntlValue is fcntl's third argument, which not every command has.
var fcntlValue = in(func(v *view, i int) {
	switch v.trap.Int(1) {
	case syscall.F_GETFD, syscall.F_GETFL, syscall.F_GETOWN, 11, 1025, 1032, 1034:
	case syscall.F_SETFD:
		v.out = fdSet.appendFlags(v.out, v.arg(i))
	case syscall.F_SETFL:
		v.openFlags(v.arg(i))
	case 5, 6, 7, 36, 37, 38:
		v.at(v.arg(i), 32, lockText)
	case 1033:
		v.out = sealSet.appendFlags(v.out, v.arg(i))
	case syscall.F_DUPFD, syscall.F_DUPFD_CLOEXEC, 1031:
		v.int(int64(v.trap.Int(i)))
	default:
		v.hex(v.arg(i))
	}
})

// lockText is struct flock.
func lockText(v *view, b []byte) {
	kind, whence, start, length := ne.Uint16(b), ne.Uint16(b[2:]), ne.Uint64(b[8:]), ne.Uint64(b[16:])
	v.add("{l_type=")
	v.out = lockTypes.appendOne(v.out, uint64(kind))
	v.add(", l_whence=")
	v.out = whenceSet.appendOne(v.out, uint64(whence))
	v.printf(", l_start=%d, l_len=%d}", int64(start), int64(length))
}

func fcntlResult(v *view) {
	switch v.trap.Int(1) {
	case syscall.F_DUPFD, syscall.F_DUPFD_CLOEXEC:
		duplicated(v)
	case syscall.F_GETFD:
		hexadecimal(v)
		if v.result != 0 {
			v.add(" (flags ")
			v.out = fdSet.appendFlags(v.out, v.result)
			v.add(")")
		}
	case syscall.F_GETFL:
		hexadecimal(v)
		v.add(" (flags ")
		v.openFlags(v.result)
		v.add(")")
	default:
		decimal(v)
	}
}

// ioctlValue is ioctl's third argument.
var ioctlValue = out(func(v *view, i int) {
	number := func() {
		v.filled(i, func() { v.at(v.arg(i), 4, func(v *view, b []byte) { v.printf("[%d]", int32(ne.Uint32(b))) }) })
	}
	switch v.trap.Flags(1) {
	case 0x5450, 0x5451, 0x5422: // FIONCLEX, FIOCLEX, TIOCNOTTY
	case syscall.TIOCGPGRP, syscall.TIOCINQ, syscall.TIOCOUTQ, 0x80045430:
		number()
	case 0x5421, 0x5452, syscall.TIOCSPGRP, 0x40045431: // FIONBIO and others that read a number
		v.at(v.arg(i), 4, func(v *view, b []byte) { v.printf("[%d]", int32(ne.Uint32(b))) })
	case 0x40049409: // FICLONE
		v.int(int64(v.trap.Int(i)))
	case syscall.TIOCGWINSZ:
		v.filled(i, func() {
			v.at(v.arg(i), 8, func(v *view, b []byte) {
				v.printf("{ws_row=%d, ws_col=%d, ws_xpixel=%d, ws_ypixel=%d}", ne.Uint16(b), ne.Uint16(b[2:]), ne.Uint16(b[4:]), ne.Uint16(b[6:]))
			})
		})
	default:
		v.hex(v.arg(i))
	}
})

// mapFlags are mmap's: a type and flags.
var mapFlags = in(func(v *view, i int) {
	f := uint64(v.trap.Flags(i))
	v.out = mapTypes.appendOne(v.out, f&0xf)
	rest := f &^ 0xf
	const hugeShift = 26
	if huge := rest >> hugeShift; rest&0x40000 != 0 && huge != 0 {
		v.add("|")
		v.out = mapSet.appendFlags(v.out, rest&(1<<hugeShift-1))
		v.printf("|%d<<MAP_HUGE_SHIFT", huge)
		return
	}
	if rest != 0 {
		v.add("|")
		v.out = mapSet.appendFlags(v.out, rest)
	}
})

// movedTo is where mremap moves to, if told.
var movedTo = in(func(v *view, i int) {
	if v.arg(3)&2 != 0 {
		v.pointer(v.arg(i))
	}
})

// clone's arguments are named, and not all are there. Their order is that of
// strace, the registers' differs.

func namedStack(v *view, _ int) {
	v.add("child_stack=")
	v.pointer(v.arg(1))
}

func namedFlags(v *view, _ int) {
	v.add("flags=")
	cloneFlags.show(v, 0)
}

func namedParent(v *view, _ int) {
	if v.arg(0)&(syscall.CLONE_PARENT_SETTID|syscall.CLONE_PIDFD) != 0 {
		v.add("parent_tid=")
		v.at(v.arg(2), 4, func(v *view, b []byte) { v.printf("[%d]", int32(ne.Uint32(b))) })
	}
}

func namedTLS(v *view, _ int) {
	if v.arg(0)&syscall.CLONE_SETTLS != 0 {
		v.add("tls=")
		v.pointer(v.arg(cloneTLS))
	}
}

func namedChild(v *view, _ int) {
	if v.arg(0)&(syscall.CLONE_CHILD_SETTID|syscall.CLONE_CHILD_CLEARTID) != 0 {
		v.add("child_tidptr=")
		v.pointer(v.arg(cloneChild))
	}
}

func futexOp(v *view, i int) {
	op := v.trap.Flags(i)
	v.out = futexSet.appendOne(v.out, uint64(op&^(0x80|0x100)))
	if op&0x80 != 0 {
		v.add("_PRIVATE")
	}
	if op&0x100 != 0 {
		v.add("|FUTEX_CLOCK_REALTIME")
	}
}

// futexArgs says which arguments each operation has: v a value, t a time, n a
// number, a an address, b a set of bits.
var futexArgs = map[uint32]string{0: "vt", 1: "n", 3: "nna", 4: "nnav", 5: "nnav", 6: " t", 7: "", 8: "", 9: "vt b", 10: "n  b",
	11: "vta", 12: "nnav", 13: " t"}

func futexValue(n int) argument {
	return in(func(v *view, i int) {
		shape, known := futexArgs[v.trap.Flags(1)&^(0x80|0x100)]
		if !known {
			v.hex(v.arg(n))
			return
		}
		if n-2 >= len(shape) {
			return
		}
		switch shape[n-2] {
		case 'v':
			v.uint(uint64(v.trap.Flags(n)))
		case 'n':
			v.int(int64(v.trap.Int(n)))
		case 't':
			timespec.show(v, n)
		case 'a':
			v.pointer(v.arg(n))
		case 'b':
			if v.trap.Flags(n) == 0xffffffff {
				v.add("FUTEX_BITSET_MATCH_ANY")
				return
			}
			v.hex(uint64(v.trap.Flags(n)))
		}
	})
}

// prctlValue is what prctl's option takes.
func prctlValue(v *view, i int) {
	switch v.trap.Int(0) {
	case 15: // PR_SET_NAME
		v.string(v.arg(i), 15)
	case 3, 7, 21, 27, 30, 39, 42: // those that only ask
	case 1: // PR_SET_PDEATHSIG
		v.signal(int(v.arg(i)))
	case 4, 23, 24, 36, 38: // numbers
		v.uint(v.arg(i))
	default:
		v.hex(v.arg(i))
	}
}

func randomBytes(v *view, i int) {
	v.filled(i, func() {
		n := min(v.result, uint64(v.text))
		b := v.read(v.arg(i), int(n))
		v.out = appendHex(v.out, b, n < v.result)
	})
}

func groups(v *view, i int) {
	if v.failed || v.result == 0 || v.trap.Int(0) == 0 {
		v.pointer(v.arg(i))
		return
	}
	v.at(v.arg(i), 4*int(min(v.result, 32)), func(v *view, b []byte) {
		v.add("[")
		for n := 0; n+4 <= len(b); n += 4 {
			if n > 0 {
				v.add(", ")
			}
			v.int(int64(int32(ne.Uint32(b[n:]))))
		}
		v.add("]")
	})
}

func capHeader(v *view, i int) {
	v.at(v.arg(i), 8, func(v *view, b []byte) {
		v.add("{version=")
		version, pid := ne.Uint32(b), int32(ne.Uint32(b[4:]))
		v.out = capVersion.appendOne(v.out, uint64(version))
		v.printf(", pid=%d}", pid)
	})
}

func capData(v *view, i int) {
	v.filled(i, func() {
		v.at(v.arg(i), 24, func(v *view, b []byte) {
			word := func(at int) uint64 { return uint64(ne.Uint32(b[at:])) | uint64(ne.Uint32(b[at+12:]))<<32 }
			v.printf("{effective=%#x, permitted=%#x, inheritable=%#x}", word(0), word(4), word(8))
		})
	})
}

// childInfo is the siginfo_t of waitid.
func childInfo(v *view, i int) {
	v.filled(i, func() {
		v.at(v.arg(i), 28, func(v *view, b []byte) {
			code, ok := signalCodes["SIGCHLD"][int32(ne.Uint32(b[8:]))]
			if !ok {
				v.add("{}")
				return
			}
			v.printf("{si_signo=SIGCHLD, si_code=%s, si_pid=%d, si_uid=%d, si_status=%d}", code, int32(ne.Uint32(b[16:])),
				int32(ne.Uint32(b[20:])), int32(ne.Uint32(b[24:])))
		})
	})
}

func schedResult(v *view) {
	decimal(v)
	v.add(" (")
	v.out = schedSet.appendOne(v.out, v.result)
	v.add(")")
}

// sigframe is what rt_sigreturn restores; the frame's address is in no
// argument.
func sigframe(*view, int) {}
