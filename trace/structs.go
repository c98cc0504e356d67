package trace

import (
	"encoding/binary"
	"fmt"

	"github.com/belljar/belljar/syscalls"
)

var ne = binary.NativeEndian

// structure shows the size bytes that an argument points to.
func structure(size int, show func(v *view, b []byte)) func(*view, int) {
	return func(v *view, i int) { v.at(v.arg(i), size, show) }
}

// at shows the size bytes at an address, or the address if they cannot be read.
func (v *view) at(addr uint64, size int, show func(v *view, b []byte)) {
	b := v.read(addr, size)
	if b == nil {
		v.pointer(addr)
		return
	}
	show(v, b)
}

// structureOut is a structure that the kernel fills in.
func structureOut(size int, show func(v *view, b []byte)) argument {
	return out(func(v *view, i int) { v.filled(i, func() { v.at(v.arg(i), size, show) }) })
}

// stat is struct stat, as far as strace shows it.
var stat = structureOut(144, func(v *view, b []byte) {
	mode, size := ne.Uint32(b[statMode:]), ne.Uint64(b[48:])
	v.add("{st_mode=")
	v.fileMode(mode)
	if t := mode & 0o170000; t == 0o20000 || t == 0o60000 {
		v.add(", st_rdev=")
		v.device(ne.Uint64(b[statRdev:]))
	} else {
		v.add(", st_size=")
		v.int(int64(size))
	}
	v.add(", ...}")
})

func (v *view) fileMode(m uint32) {
	begin := len(v.out)
	if name := fileTypes.name(uint64(m & 0o170000)); name != "" {
		v.add(name)
	}
	for _, s := range [...]constant{{"S_ISUID", 0o4000}, {"S_ISGID", 0o2000}, {"S_ISVTX", 0o1000}} {
		if uint64(m)&s.value != 0 {
			v.out = appendBar(v.out, begin)
			v.add(s.name)
		}
	}
	v.out = appendBar(v.out, begin)
	v.octal(m & 0o777)
}

func (v *view) device(d uint64) {
	major := d>>8&0xfff | d>>32&^0xfff
	minor := d&0xff | d>>12&^0xff
	v.printf("makedev(%#x, ", major)
	v.printf("%#x)", minor)
}

// statx is struct statx in short.
var statx = structureOut(256, func(v *view, b []byte) {
	v.add("{stx_mask=")
	v.out = statxSet.appendFlags(v.out, uint64(ne.Uint32(b)))
	v.add(", stx_attributes=")
	v.out = attrSet.appendFlags(v.out, ne.Uint64(b[8:]))
	v.add(", stx_mode=")
	v.fileMode(uint32(ne.Uint16(b[28:])))
	v.printf(", stx_size=%d, ...}", ne.Uint64(b[40:]))
})

func timespecText(v *view, b []byte) {
	v.printf("{tv_sec=%d, tv_nsec=%d}", int64(ne.Uint64(b)), int64(ne.Uint64(b[8:])))
}

func timevalText(v *view, b []byte) {
	v.printf("{tv_sec=%d, tv_usec=%d}", int64(ne.Uint64(b)), int64(ne.Uint64(b[8:])))
}

// pairText is two structures of 16 bytes, with names.
func pairText(first, second string, show func(*view, []byte)) func(*view, []byte) {
	return func(v *view, b []byte) {
		v.add("{" + first + "=")
		show(v, b[:16])
		v.add(", " + second + "=")
		show(v, b[16:])
		v.add("}")
	}
}

var (
	timespec    = in(structure(16, timespecText))
	timespecOut = structureOut(16, timespecText)
	timeval     = in(structure(16, timevalText))
	timevalOut  = structureOut(16, timevalText)
	itimerval   = in(structure(32, pairText("it_interval", "it_value", timevalText)))
	itimervals  = structureOut(32, pairText("it_interval", "it_value", timevalText))
	itimerspec  = in(structure(32, pairText("it_interval", "it_value", timespecText)))
	itimerspecs = structureOut(32, pairText("it_interval", "it_value", timespecText))
	// The rest of an interrupted sleep is there only then.
	remaining = out(func(v *view, i int) {
		if errnoOf(v.result) != 4 && int64(v.result) != -516 {
			v.pointer(v.arg(i))
			return
		}
		v.at(v.arg(i), 16, timespecText)
	})
	times2 = in(structure(32, func(v *view, b []byte) {
		v.add("[")
		for i := range 2 {
			if i > 0 {
				v.add(", ")
			}
			switch nsec := ne.Uint64(b[16*i+8:]); nsec {
			case 0x3fffffff:
				v.add("UTIME_NOW")
			case 0x3ffffffe:
				v.add("UTIME_OMIT")
			default:
				timespecText(v, b[16*i:])
			}
		}
		v.add("]")
	}))
)

func rlimitText(v *view, b []byte) {
	limit := func(n uint64) {
		switch {
		case n == ^uint64(0):
			v.add("RLIM64_INFINITY")
		case n > 1024 && n%1024 == 0:
			v.printf("%d*1024", n/1024)
		default:
			v.uint(n)
		}
	}
	v.add("{rlim_cur=")
	limit(ne.Uint64(b))
	v.add(", rlim_max=")
	limit(ne.Uint64(b[8:]))
	v.add("}")
}

var (
	rlimit  = in(structure(16, rlimitText))
	rlimits = structureOut(16, rlimitText)
	rusage  = structureOut(144, func(v *view, b []byte) {
		v.add("{ru_utime=")
		timevalText(v, b)
		v.add(", ru_stime=")
		timevalText(v, b[16:])
		v.add(", ...}")
	})
	waitStatus = out(func(v *view, i int) {
		if v.failed || v.result == 0 || v.arg(i) == 0 {
			v.pointer(v.arg(i))
			return
		}
		v.at(v.arg(i), 4, func(v *view, b []byte) { v.status(ne.Uint32(b)) })
	})
	sysinfo = structureOut(112, func(v *view, b []byte) {
		v.printf("{uptime=%d, loads=[%d, %d, %d], totalram=%d, freeram=%d, sharedram=%d, bufferram=%d, totalswap=%d, freeswap=%d, procs=%d, totalhigh=%d, freehigh=%d, mem_unit=%d}",
			ne.Uint64(b), ne.Uint64(b[8:]), ne.Uint64(b[16:]), ne.Uint64(b[24:]), ne.Uint64(b[32:]), ne.Uint64(b[40:]), ne.Uint64(b[48:]),
			ne.Uint64(b[56:]), ne.Uint64(b[64:]), ne.Uint64(b[72:]), ne.Uint16(b[80:]), ne.Uint64(b[88:]), ne.Uint64(b[96:]), ne.Uint32(b[104:]))
	})
	utsname = structureOut(390, func(v *view, b []byte) {
		v.add("{sysname=")
		v.out = appendQuoted(v.out, untilZero(b[:65]), false)
		v.add(", nodename=")
		v.out = appendQuoted(v.out, untilZero(b[65:130]), false)
		v.add(", ...}")
	})
	statfs = structureOut(120, func(v *view, b []byte) {
		v.printf("{f_type=%#x, f_bsize=%d, f_blocks=%d, f_bfree=%d, f_bavail=%d, f_files=%d, f_ffree=%d, f_namelen=%d, ...}", ne.Uint64(b), ne.Uint64(b[8:]),
			ne.Uint64(b[16:]), ne.Uint64(b[24:]), ne.Uint64(b[32:]), ne.Uint64(b[40:]), ne.Uint64(b[48:]), ne.Uint64(b[64:]))
	})
	descriptors = structureOut(8, func(v *view, b []byte) {
		first, second := int32(ne.Uint32(b)), int32(ne.Uint32(b[4:]))
		v.add("[")
		v.newFile(first)
		v.add(", ")
		v.newFile(second)
		v.add("]")
	})
)

func untilZero(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

// status is what wait(2) tells of a process.
func (v *view) status(w uint32) {
	switch sig := int(w & 0x7f); {
	case w == 0xffff:
		v.add("[{WIFCONTINUED(s)}]")
	case w&0xff == 0x7f:
		v.printf("[{WIFSTOPPED(s) && WSTOPSIG(s) == %s}]", signalName(int(w>>8&0xff)))
	case sig != 0:
		v.printf("[{WIFSIGNALED(s) && WTERMSIG(s) == %s", signalName(sig))
		if w&0x80 != 0 {
			v.add(" && WCOREDUMP(s)")
		}
		v.add("}]")
	default:
		v.printf("[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", w>>8&0xff)
	}
}

// openHow is struct open_how.
var openHow = in(structure(24, func(v *view, b []byte) {
	flags, mode, resolve := ne.Uint64(b), ne.Uint64(b[8:]), ne.Uint64(b[16:])
	v.add("{flags=")
	v.openFlags(flags)
	if mode != 0 {
		v.printf(", mode=%#03o", mode)
	}
	v.add(", resolve=")
	v.out = resolveSet.appendFlags(v.out, resolve)
	v.add("}")
}))

// cloneArgs is struct clone_args.
var cloneArgs = in(func(v *view, i int) {
	w := v.words(v.arg(i), int(min(v.arg(1), 88))/8)
	if len(w) < 8 {
		v.pointer(v.arg(i))
		return
	}
	v.add("{flags=")
	v.out = cloneSet.appendFlags(v.out, w[0])
	for k, name := range [...]string{1: "pidfd", 2: "child_tid", 3: "parent_tid"} {
		if k > 0 && w[k] != 0 {
			v.printf(", %s=%#x", name, w[k])
		}
	}
	v.add(", exit_signal=")
	v.signal(int(w[4]))
	v.add(", stack=")
	v.pointer(w[5])
	v.add(", stack_size=")
	v.hex(w[6])
	if w[7] != 0 {
		v.printf(", tls=%#x", w[7])
	}
	v.add("}")
})

// cloneFlags are clone's: a signal is in the low bits.
var cloneFlags = in(func(v *view, i int) {
	f := v.arg(i)
	begin := len(v.out)
	if f&^0xff != 0 {
		v.out = cloneSet.appendFlags(v.out, f&0xffffffff&^0xff)
	}
	if sig := int(f & 0xff); sig != 0 {
		v.out = appendBar(v.out, begin)
		v.signal(sig)
	}
	if len(v.out) == begin {
		v.add("0")
	}
})

// signalName is a signal's name as strace gives it.
func signalName(n int) string {
	if n >= 34 && n <= 64 {
		return fmt.Sprintf("SIGRT_%d", n-32)
	}
	if n == 33 {
		return "SIGRT_1"
	}
	if n == 32 {
		return "SIGRTMIN"
	}
	if name := syscalls.SignalName(n); name != "" {
		return name
	}
	return fmt.Sprint(n)
}
