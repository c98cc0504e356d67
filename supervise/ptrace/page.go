package ptrace

import (
	"encoding/binary"
	"math/bits"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/supervise"
)

// The argument page is memory of a tracee into which only the tracer can
// write: the path of an open call that the tracer has judged lies there when
// the kernel reads it. It is private, read-only and sealed against mapping
// anything else in its place (mseal, Linux 6.10). What could still write into
// it is /proc/PID/mem, which no policy that gets here lets a program write (the
// root package refuses others). A fork copies the page with its seal, and a
// clone that shares memory shares it, so only exec needs a new one.
//
// A page is made of slots, so that several threads can be in a call at once.
// Slots are numbered over the whole run: two processes that share memory never
// use the same one.
const (
	slotSize   = 4096 + 64 // struct open_how and a path of PATH_MAX
	slotCount  = 128
	pageLength = (slotSize*slotCount + 4095) &^ 4095
)

// page is the argument page of one process.
type page struct {
	addr uint64 // 0: there is none
	safe bool   // nobody can map anything else there
	mem  int    // /proc/PID/mem; -1: not open
}

// slots are those in use.
type slots [slotCount / 64]uint64

// taken are those that a test takes from a run before it begins.
var taken slots

func (s *slots) take() (int, bool) {
	for i, w := range s {
		if free := ^w; free != 0 {
			n := bits.TrailingZeros64(free)
			s[i] |= 1 << n
			return i*64 + n, true
		}
	}
	return -1, false
}

func (s *slots) release(slot int) {
	if slot >= 0 {
		s[slot/64] &^= 1 << (slot % 64)
	}
}

// freeSlots takes the slots of those that need them no more. A task that sleeps in its opening,
// such as one of a FIFO, has read what is in its own: the kernel copies a call's
// arguments before it looks anything up, and waits for memory without being
// interruptible, which is another state.
func (t *Tracer) freeSlots() {
	for tid, k := range t.tasks {
		if k.made.what != openFile || k.made.slot < 0 {
			continue
		}
		if st, err := hostProc.Stat(tid); err == nil && st.State == 'S' {
			t.slots.release(k.made.slot)
			k.made.slot = -1
		}
	}
}

// close forgets the page, which is another process's or gone with its memory.
func (p *page) close() {
	if p.mem >= 0 {
		sys.CloseFile(p.mem)
	}
	*p = page{mem: -1}
}

// inherit takes over the page of the process that forked this one. It is not
// safe before it was sealed and looked at in this process: madvise may have kept
// it out of the fork, or the fork may have come before the seal.
func (p *page) inherit(parent *page) {
	if parent.safe {
		p.addr = parent.addr
	}
}

// openHow is struct open_how of openat2(2).
type openHow struct{ flags, mode, resolve uint64 }

const openHowSize = 24

// write puts the arguments of openat2 into a slot and returns their addresses.
func (p *page) write(tid, slot int, name string, how openHow) (pathAt, howAt uint64, errno syscall.Errno) {
	var buf [slotSize]byte
	b := binary.NativeEndian.AppendUint64(buf[:0], how.flags)
	b = binary.NativeEndian.AppendUint64(b, how.mode)
	b = binary.NativeEndian.AppendUint64(b, how.resolve)
	if len(b)+len(name)+1 > slotSize {
		return 0, 0, syscall.ENAMETOOLONG
	}
	b = append(append(b, name...), 0)
	at := p.addr + uint64(slot)*slotSize
	if p.mem >= 0 {
		errno = p.writeAt(b, at)
	}
	if p.mem < 0 || errno != 0 {
		// Since 6.12 a kernel may let only the tracer of a task write to what is read-only
		// (proc_mem.force_override=ptrace), and asks for the task by which the file was opened,
		// which may have ended.
		if errno = p.open(tid); errno == 0 {
			errno = p.writeAt(b, at)
		}
	}
	return at + openHowSize, at, errno
}

// open opens the memory that task tid has.
func (p *page) open(tid int) (errno syscall.Errno) {
	if p.mem >= 0 {
		sys.CloseFile(p.mem)
	}
	if p.mem, errno = sys.OpenFile(sys.AT_FDCWD, hostProc.Path(tid, "mem"), sys.O_RDWR); errno != 0 {
		p.mem = -1
	}
	return errno
}

func (p *page) writeAt(b []byte, at uint64) syscall.Errno {
	n, errno := sys.WriteFileAt(p.mem, b, int64(at))
	if errno == 0 && n != len(b) {
		return syscall.EFAULT
	}
	return errno
}

// GuardCalls are the calls that must be trapped where the kernel cannot seal
// memory: they could put other memory in the place of an argument page.
var GuardCalls = []string{"munmap", "mremap", "mprotect", "pkey_mprotect", "madvise", "mmap", "shmat", "remap_file_pages"}

// guard is switched off by a test that shows what it is good for.
var guard = true

// touchesPage reports whether the trapped call, one of GuardCalls, reaches into
// an argument page. All its arguments are registers. The pages of all
// processes count, since who shares memory with whom is not known here.
func (t *Tracer) touchesPage(trap *supervise.Trap) bool {
	if !guard {
		return false
	}
	a := &trap.Args
	start, length := a[0], a[1]
	switch trap.Name() {
	case "mmap":
		if a[3]&syscall.MAP_FIXED == 0 {
			return false // a hint takes no memory away
		}
	case "mremap":
		if t.overlapsPage(a[4], a[2]) {
			return true
		}
	case "shmat":
		// The segment's size is not in the call; only SHM_REMAP replaces memory.
		const shmRemap = 0o40000
		start, length = a[1], 0
		if a[2]&shmRemap != 0 {
			length = ^uint64(0) - start
		}
	}
	return t.overlapsPage(start, length)
}

// overlapsPage reports whether a range reaches into an argument page. The
// kernel rounds the range's end up to whole pages, and no further: a library may
// lie next to an argument page, since the kernel places maps without gaps.
func (t *Tracer) overlapsPage(start, length uint64) bool {
	last := start + max(length, 1) - 1
	if last < start {
		last = ^uint64(0)
	}
	last |= 4095
	for _, p := range t.procs {
		if a := p.page.addr; a != 0 && start < a+pageLength && a <= last {
			return true
		}
	}
	return false
}

// isPage reports whether the memory at addr is what the tracer had mapped: the
// process's other threads may have put something else there meanwhile.
func (t *Tracer) isPage(tid int, addr uint64) bool {
	maps, err := hostProc.Maps(tid)
	if err != nil {
		return false
	}
	for _, m := range maps {
		if m.Start <= addr && addr < m.End {
			return addr+pageLength <= m.End && m.Perms == "r--p" && m.Path == "" && m.Inode == 0
		}
	}
	return false
}
