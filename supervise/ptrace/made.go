package ptrace

import (
	"slices"
	"strconv"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
	"github.com/belljar/belljar/policy"
	"github.com/belljar/belljar/supervise"
	"github.com/belljar/belljar/syscalls"
)

// made is a call that the tracer makes a task make in place of its own.
type made struct {
	what madeCall
	own  sys.Regs // before the task's own call
	slot int      // of the page; -1: none
	path string   // of openFile, as it was decided
	// Errors of openFile that say that the path was changed meanwhile: a link
	// was put into it, or it leaves the directory that it begins in.
	links, leaves bool
}

type madeCall uint8

const (
	noCall    madeCall = iota
	mapPage            // mmap of the argument page, then the own call anew
	sealPage           // mseal of it, then the own call anew
	openFile           // openat2 instead of the own open
	dupFile            // fcntl instead of the own open
	noRoom             // a call that fails, then the own call anew, behind a signal
	interrupt          // a call that fails, then the own call as a signal ends it
)

// MadeCalls returns the calls that the tracer makes programs make and that a
// policy does not allow them: the filter must trap these instead.
func MadeCalls(p *policy.Policy, table *syscalls.Table) []string {
	var refused []string
	for _, c := range []struct {
		name string
		args [6]uint64
	}{
		{"openat2", [6]uint64{atCWD, 0, 0, openHowSize}},
		{"mmap", mapArgs},
		{"mseal", [6]uint64{0, pageLength}},
		{"fcntl", [6]uint64{0, syscall.F_DUPFD}},
		{"fcntl", [6]uint64{0, syscall.F_DUPFD_CLOEXEC}},
	} {
		nr, ok := table.Number(c.name)
		if !ok {
			continue
		}
		if action, _ := p.Decide(table, nr, c.args); action.Kind != policy.Allow && !slices.Contains(refused, c.name) {
			refused = append(refused, c.name)
		}
	}
	return refused
}

const atCWD = ^uint64(99) // AT_FDCWD, -100

// mapArgs are those of the mmap that makes an argument page.
var mapArgs = [6]uint64{0, pageLength, syscall.PROT_READ, syscall.MAP_PRIVATE | syscall.MAP_ANON, ^uint64(0), 0}

// maxAgain is how often a call is decided anew because the directories on its
// way were changed before the kernel looked.
const maxAgain = 100

// make lets the task make another call than the one it is stopped before, and
// stops it when that returns.
func (t *Tracer) make(tid int, k *task, nr int, args [6]uint64) {
	regs := k.made.own.Call(nr, args)
	if err := sys.WriteRegs(tid, &regs); err != nil {
		t.forgetCall(k)
		syscall.Kill(tid, syscall.SIGKILL) // it must not make its own call
		return
	}
	sys.ContToReturn(tid)
}

// refuse makes the task's own call fail and lets it go on.
func (t *Tracer) refuse(tid int, k *task, errno syscall.Errno) {
	t.forgetCall(k)
	t.answer(tid, k, failure(errno))
	sys.Cont(tid, 0)
}

func (t *Tracer) forgetCall(k *task) {
	if k.made.what == openFile {
		t.slots.release(k.made.slot)
	}
	k.made.what = noCall
}

// open answers a call that opens a file which the program may open. Canonical
// is the path that was decided.
func (t *Tracer) open(tid int, k *task, o *supervise.Opening, canonical string) {
	defer o.Close()
	k.made = made{slot: -1}
	if err := sys.ReadRegs(tid, &k.made.own); err != nil {
		return // it is gone; another event says so
	}
	dir := sys.AT_FDCWD
	path, ok := o.Path()
	if !ok && o.Descriptor() < 0 {
		// The way from the root may be closed to the program, and its own open.
		dir, path, ok = t.fromDirectory(tid, canonical)
	}
	switch {
	case !ok && o.Descriptor() < 0 && isExecutable(tid, canonical):
		t.openMagic(tid, k, o, "exe")
	case !ok:
		t.openDescriptor(tid, k, o)
	case t.pageReady(tid, k):
		t.openPath(tid, k, o, dir, path, canonical)
	}
}

// interrupt ends the task's own call, for which it was stopped, as one that a
// signal interrupts. A call that is not made is none that the kernel would restart,
// so the task makes one that fails.
func (t *Tracer) interrupt(tid int, k *task) {
	k.made = made{what: interrupt, slot: -1}
	if err := sys.ReadRegs(tid, &k.made.own); err != nil {
		return // it is gone; another event says so
	}
	t.make(tid, k, t.number.openat2, [6]uint64{})
}

// openPath makes the task open the judged path, which has no link in it,
// counted from dir if it is relative.
func (t *Tracer) openPath(tid int, k *task, o *supervise.Opening, dir int, path, canonical string) {
	how := openHow{o.Flags(), uint64(o.Mode()), o.Resolve() | sys.RESOLVE_NO_SYMLINKS | sys.RESOLVE_NO_MAGICLINKS}
	m := &k.made
	m.links = k.again == 0 || how.flags&syscall.O_NOFOLLOW == 0 // nobody has looked yet, or there was none
	m.leaves = how.resolve&sys.RESOLVE_NO_XDEV == 0
	m.path = canonical
	if dir != sys.AT_FDCWD || path[0] != '/' {
		how.resolve |= sys.RESOLVE_BENEATH
	}
	t.openat2(tid, k, dir, path, how)
}

// openat2 makes the task open a path that lies in its argument page.
func (t *Tracer) openat2(tid int, k *task, dir int, name string, how openHow) {
	if len(t.starved) == 0 {
		if slot, ok := t.slots.take(); ok {
			t.openIn(slot, tid, k, dir, name, how)
			return
		}
	}
	t.starve(starved{tid, k, dir, name, how})
}

// openIn makes the task open a path that is put into a slot.
func (t *Tracer) openIn(slot, tid int, k *task, dir int, name string, how openHow) {
	k.made.what, k.made.slot = openFile, slot
	pathAt, howAt, errno := k.proc.page.write(tid, slot, name, how)
	if errno != 0 {
		t.refuse(tid, k, syscall.EACCES)
		return
	}
	t.make(tid, k, t.number.openat2, [6]uint64{uint64(dir), pathAt, howAt, openHowSize})
}

// openDescriptor opens what has no path, through the program's own descriptor.
// While another task may put something else in the descriptor's place, a copy
// of it is all that can be given: it lets do no more than the descriptor does.
func (t *Tracer) openDescriptor(tid int, k *task, o *supervise.Opening) {
	fd := o.Descriptor()
	if fd < 0 {
		t.refuse(tid, k, syscall.EACCES)
		return
	}
	if !t.shared(tid, sys.ShareFiles) {
		t.openMagic(tid, k, o, "fd/"+strconv.Itoa(fd))
		return
	}
	if errno := mayCopy(tid, fd, o.Flags()); errno != 0 {
		t.refuse(tid, k, errno)
		return
	}
	command := uint64(syscall.F_DUPFD)
	if o.Flags()&syscall.O_CLOEXEC != 0 {
		command = syscall.F_DUPFD_CLOEXEC
	}
	k.made.what = dupFile
	t.make(tid, k, t.number.fcntl, [6]uint64{uint64(fd), command})
}

// seal is switched off by a test that shows what it is good for.
var seal = true

// openMagic opens what one of the program's own magic links refers to, where
// nobody can change what that is.
func (t *Tracer) openMagic(tid int, k *task, o *supervise.Opening, link string) {
	if t.pageReady(tid, k) {
		t.openat2(tid, k, sys.AT_FDCWD, "/proc/self/"+link, openHow{o.Flags() &^ syscall.O_NOFOLLOW, uint64(o.Mode()), 0})
	}
}

// pageReady reports whether the task's process has an argument page. If not,
// the task is made to map or to seal one, and to make its own call anew.
func (t *Tracer) pageReady(tid int, k *task) bool {
	p := &k.proc.page
	switch {
	case p.safe:
		return true
	case p.addr == 0 && t.cfg.Guard && !t.ownsMemory(tid, k):
		// Without a seal only a process that is alone in its memory can map a
		// page that nobody else has touched. Its creator may have done so before.
		if p.addr = t.pageInMemoryOf(tid); p.addr != 0 {
			return t.pageReady(tid, k)
		}
		t.refuse(tid, k, syscall.ENOMEM)
	case p.addr != 0 && t.cfg.Guard:
		// Inherited, and nothing to seal it with: what is there is looked at.
		if p.safe = t.isPage(tid, p.addr); p.safe {
			return true
		}
		p.addr = 0
		t.refuse(tid, k, syscall.ENOMEM)
	case p.addr == 0:
		k.made.what = mapPage
		t.make(tid, k, t.number.mmap, mapArgs)
	case !seal:
		p.safe = true
		return true
	default:
		k.made.what = sealPage
		t.make(tid, k, t.number.mseal, [6]uint64{p.addr, pageLength, 0})
	}
	return false
}

// pageInMemoryOf returns the page of a process that shares tid's memory, 0 if
// there is none: a child that borrows its creator's memory may be stopped at a call
// before the creator has reported it.
func (t *Tracer) pageInMemoryOf(tid int) uint64 {
	for other, k := range t.tasks {
		if other == tid || !k.proc.page.safe {
			continue
		}
		if same, err := sys.Shares(tid, other, sys.ShareMemory); err == nil && same {
			return k.proc.page.addr
		}
	}
	return 0
}

// mapsFirst makes a process that maps memory map its argument page before, where
// the kernel cannot seal one: what it maps may be a thread's stack, and with
// threads it is too late. It reports whether the task has been let go on.
func (t *Tracer) mapsFirst(tid int, k *task) bool {
	if !t.cfg.Guard || t.trap.Name() != "mmap" || k.proc.page.addr != 0 || !t.ownsMemory(tid, k) {
		return false
	}
	k.made = made{slot: -1}
	if err := sys.ReadRegs(tid, &k.made.own); err != nil {
		return true // it is gone; another event says so
	}
	return !t.pageReady(tid, k)
}

// returned handles the stop after a call that the tracer made the task make.
func (t *Tracer) returned(tid int, k *task) {
	m := k.made
	t.forgetCall(k)
	if m.what == noCall {
		t.leave(tid, k)
		sys.Cont(tid, 0)
		return
	}
	var now sys.Regs
	if err := sys.ReadRegs(tid, &now); err != nil {
		return
	}
	next, again := t.after(tid, k, &m, now.Result())
	if err := sys.WriteRegs(tid, &next); err != nil {
		syscall.Kill(tid, syscall.SIGKILL) // it must not go on with the tracer's arguments
		return
	}
	if again {
		k.anew = m.own.Nr() + 1
	}
	if k.call.repeats = again; !again {
		t.left(tid, k, next.Result())
	}
	sys.Cont(tid, 0)
}

// after says how the task goes on: its own call has returned, or is made again.
func (t *Tracer) after(tid int, k *task, m *made, result uint64) (next sys.Regs, again bool) {
	errno := errnoOf(result)
	p := &k.proc.page
	switch m.what {
	case mapPage:
		if errno != 0 {
			return m.own.Done(failure(syscall.ENOMEM)), false
		}
		if p.addr == 0 { // else another thread was quicker
			p.addr = result
			p.safe = t.cfg.Guard && t.isPage(tid, result)
		}
		return m.own.Again(), true
	case sealPage:
		if p.safe = errno == 0 && t.isPage(tid, p.addr); !p.safe {
			p.addr = 0
			return m.own.Done(failure(syscall.ENOMEM)), false
		}
		return m.own.Again(), true
	case noRoom:
		return m.own.Again(), true
	case interrupt:
		// Should another thread take the signal: nothing but the kernel's look
		// for signals makes of this what the program is to see.
		sys.StopTracee(tid)
		return m.own.Done(failure(supervise.Restart)), false
	}
	if errno == syscall.ELOOP && k.again == 1 && t.cfg.Outdated != nil {
		t.cfg.Outdated(m.path) // it was not only decided by its name
	}
	if k.again < maxAgain && (m.links && errno == syscall.ELOOP || m.leaves && errno == syscall.EXDEV) {
		k.again++
		return m.own.Again(), true
	}
	k.again = 0
	return m.own.Done(result), false
}

// errnoOf is the error in what a call returned.
func errnoOf(result uint64) syscall.Errno {
	if result > ^uint64(4095) {
		return syscall.Errno(-result)
	}
	return 0
}
