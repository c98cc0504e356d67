package supervise

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/belljar/belljar/internal/sys"
)

const (
	scriptHead = 256 // BINPRM_BUF_SIZE: how much of a file the kernel looks at
	maxScripts = 5   // how many interpreters of interpreters it accepts
)

// decideInterpreters says whether the programs that the kernel runs in place of
// o, or maps beside it, may be executed: the "#!" interpreter and its own, and
// PT_INTERP. What binfmt_misc would start is seen only by VerifyExec.
func (e *Engine) decideInterpreters(th thread, o *object, who *actor) Decision {
	cur := *o // the caller closes o itself
	var uses []Use
	for depth := 0; ; depth++ {
		who.raise() // the kernel reads a program that its user may not
		next, script, errno := interpreter(&cur)
		if depth > 0 {
			cur.close()
		}
		if errno != 0 {
			return Decision{Kind: Fail, Errno: errno, Path: cur.path, Uses: uses}
		}
		if next == "" {
			return Decision{Kind: Allow, Uses: uses}
		}
		if script && depth == maxScripts {
			return Decision{Kind: Fail, Errno: syscall.ELOOP, Path: cur.path, Uses: uses}
		}
		p := pathRequest{dir: atFDCWD, path: next, want: exec}
		cur = e.resolver.resolve(th, &p, who)
		var d Decision
		if script {
			d = e.rules.decide(&cur, &p)
		} else {
			d = e.rules.decideMapped(&cur, &p)
		}
		e.used(&d, &cur, &p)
		uses = append(uses, d.Uses...)
		if d.Kind != Allow || !script || fileType(cur.stat) != syscall.S_IFREG {
			cur.close()
			d.Uses = uses
			return d
		}
	}
}

// interpreter returns the program that the kernel needs to execute o, "" where
// it needs none, and whether o is a script. It reads the pinned file itself.
func interpreter(o *object) (path string, script bool, errno syscall.Errno) {
	fd, errno := sys.OpenFile(sys.AT_FDCWD, "/proc/thread-self/fd/"+strconv.Itoa(o.fd),
		sys.O_RDONLY|sys.O_NONBLOCK|sys.O_NOCTTY)
	if errno != 0 {
		return "", false, errno
	}
	defer sys.CloseFile(fd)
	var buf [scriptHead]byte
	n, errno := sys.ReadFileAt(fd, buf[:], 0)
	if errno != 0 {
		return "", false, errno
	}
	head := buf[:n]
	if bytes.HasPrefix(head, []byte("#!")) {
		return scriptInterpreter(head), true, 0
	}
	return elfInterpreter(head, func(b []byte, off int64) bool {
		n, errno := sys.ReadFileAt(fd, b, off)
		return errno == 0 && n == len(b)
	}), false, 0
}

// scriptInterpreter reads a "#!" line as load_script of the kernel's
// fs/binfmt_script.c does; "" where that answers ENOEXEC.
func scriptInterpreter(head []byte) string {
	line, _, complete := bytes.Cut(head[2:], []byte("\n"))
	// The kernel's buffer is filled with NUL bytes, which end a name too.
	complete = complete || len(head) < scriptHead
	line = bytes.TrimLeft(line, " \t")
	end := bytes.IndexAny(line, " \t\x00")
	if end < 0 {
		if !complete {
			return "" // the name may have been cut off
		}
		end = len(line)
	}
	return string(line[:end])
}

// elfLayout says where the headers of 32-bit and 64-bit ELF files keep what
// leads to PT_INTERP; see elf(5).
type elfLayout struct {
	phoff, phentsize, phnum int // in the file's header
	entry                   int // size of a program header
	offset, size            int // in a program header
	wide                    bool
}

var (
	elf32 = elfLayout{phoff: 28, phentsize: 42, phnum: 44, entry: 32, offset: 4, size: 16}
	elf64 = elfLayout{phoff: 32, phentsize: 54, phnum: 56, entry: 56, offset: 8, size: 32, wide: true}
)

// elfMachines are the machines whose programs these kernels run. The kernel
// chooses the layout by e_machine and ignores EI_CLASS, so we do too.
var elfMachines = map[uint16]*elfLayout{
	3: &elf32, 6: &elf32, 40: &elf32, // EM_386, EM_486, EM_ARM
	62: &elf64, 183: &elf64, // EM_X86_64, EM_AARCH64
}

const (
	elfHeaderSize = 64
	elfMachine    = 18
	ptInterp      = 3
	maxHeaders    = 65536 // ELF_MIN_ALIGN: size of all program headers together
)

// elfInterpreter returns an ELF file's PT_INTERP, "" where it has none or the
// kernel would not load it.
func elfInterpreter(head []byte, readAt func([]byte, int64) bool) string {
	if len(head) < elfHeaderSize || !bytes.HasPrefix(head, []byte("\x7fELF")) {
		return ""
	}
	l := elfMachines[binary.LittleEndian.Uint16(head[elfMachine:])]
	if l == nil {
		return ""
	}
	count := int(binary.LittleEndian.Uint16(head[l.phnum:]))
	if int(binary.LittleEndian.Uint16(head[l.phentsize:])) != l.entry || count*l.entry > maxHeaders {
		return ""
	}
	headers := make([]byte, count*l.entry)
	if !readAt(headers, int64(l.word(head[l.phoff:]))) {
		return ""
	}
	for ; len(headers) > 0; headers = headers[l.entry:] {
		if binary.LittleEndian.Uint32(headers) != ptInterp {
			continue
		}
		// Only the first counts.
		size := l.word(headers[l.size:])
		if size < 2 || size > pathMax {
			return ""
		}
		name := make([]byte, size)
		if !readAt(name, int64(l.word(headers[l.offset:]))) || name[size-1] != 0 {
			return ""
		}
		path, _, _ := bytes.Cut(name, []byte{0})
		return string(path)
	}
	return ""
}

func (l *elfLayout) word(b []byte) uint64 {
	if l.wide {
		return binary.LittleEndian.Uint64(b)
	}
	return uint64(binary.LittleEndian.Uint32(b))
}

// VerifyExec decides what a thread is about to run, when it has executed a
// program but not one of its instructions (PTRACE_EVENT_EXEC): the executable,
// which needs Exec, and every other file that is mapped: a loader need not be executable
// where it says that the program's own code is its first. Names cannot lie any more then.
func (e *Engine) VerifyExec(pid, tid int) Decision {
	th := thread{pid, tid}
	// Also for calls that are decided without a tracer's stop.
	if _, _, errno := e.resolver.runRoot(th); errno != 0 {
		return Decision{Kind: Fail, Errno: gone(errno)}
	}
	if !e.judges {
		return Decision{Kind: Allow}
	}
	o := e.resolver.linked(th, "exe")
	d := e.rules.decide(&o, &pathRequest{want: exec})
	if !e.stays || o.path != e.rules.program {
		e.opens(&o, exec)
	}
	o.close()
	if d.Kind != Allow {
		return d
	}
	maps, err := e.resolver.proc.Maps(tid)
	if err != nil {
		return Decision{Kind: Kill, Path: d.Path}
	}
	seen := ""
	for _, m := range maps {
		if !strings.HasPrefix(m.Path, "/") || m.Path == seen {
			continue
		}
		seen = m.Path
		o := e.resolver.mapped(th, m.Start, m.End, m.Path)
		got := e.rules.decideMapped(&o, &pathRequest{})
		if !e.stays || o.path != e.rules.program {
			e.opens(&o, exec)
		}
		o.close()
		if got.Kind != Allow {
			return got
		}
	}
	return d
}

// mapped is the object behind a mapping. Without CAP_CHECKPOINT_RESTORE the
// kernel does not open it (Linux 5.9), and its name must do.
func (r *resolver) mapped(th thread, start, end uint64, name string) object {
	o := r.linked(th, fmt.Sprintf("map_files/%x-%x", start, end))
	if o.errno != syscall.EPERM && o.errno != syscall.EACCES {
		return o
	}
	root, errno := readLink(sys.AT_FDCWD, r.proc.Path(th.tid, "root"))
	if errno != 0 {
		return failed("", gone(errno))
	}
	path, ok := below(root, name)
	if !ok {
		return failed(unreachable+name, syscall.EACCES)
	}
	return r.resolve(th, &pathRequest{dir: atFDCWD, path: path, last: nofollow}, nil)
}
