package parity

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/belljar/belljar/syscalls"
)

// A script is a list of calls for the program that makes them.
type script struct {
	r     *rand.Rand
	table *syscalls.Table
	dir   string // of the tree, for absolute paths
	lines []string
	names []string // of the calls, by line, with their arguments for people
}

// arg is one argument, as the program reads it and as people do.
type arg struct{ word, text string }

func num(n int64) arg      { return arg{fmt.Sprintf("i%d", n), fmt.Sprint(n)} }
func str(s string) arg     { return arg{"s" + hex.EncodeToString([]byte(s)), fmt.Sprintf("%.60q", s)} }
func mem(b []byte) arg     { return arg{"m" + hex.EncodeToString(b), fmt.Sprintf("{%x}", b)} }
func room(n int) arg       { return arg{fmt.Sprintf("b%d", n), fmt.Sprintf("[%d]", n)} }
func words(n ...int64) arg { return mem(le(n...)) }

func le(n ...int64) []byte {
	var b []byte
	for _, w := range n {
		b = binary.LittleEndian.AppendUint64(b, uint64(w))
	}
	return b
}

var (
	null     = arg{"n", "NULL"}
	nowhere  = arg{"x", "0x10"}
	unended  = arg{"u" + hex.EncodeToString([]byte("ffff")), `"ffff"+EFAULT`}
	fdCwd    = num(-100)
	fdCwd32  = num(0xffffff9c)
	longName = strings.Repeat("n", 256)
)

// add appends a call, if this architecture has it.
func (s *script) add(name string, args ...arg) {
	nr, ok := s.table.Number(name)
	if !ok {
		return
	}
	kind := "c"
	if strings.HasPrefix(name, "open") || name == "creat" {
		kind = "o"
	}
	line, text := fmt.Sprintf("%d %s", nr, kind), []string{}
	for _, a := range args {
		line += " " + a.word
		text = append(text, a.text)
	}
	s.lines = append(s.lines, line)
	s.names = append(s.names, name+"("+strings.Join(text, ", ")+")")
}

// plainNames lead to what the tree has, oddNames are all that makes trouble.
var (
	plainNames = []string{"f", "d", "d/g", "link", "dirlink", "dirlink/g", "d/e/h", "fifo", "sticky/theirs", "sticky/mine",
		"sticky/theirlink", "new1", "new2", "d/new3", "dangling", "exec", "second", "secret", "locked/x", "locked", "readonly"}
	oddNames = []string{"", "/", ".", "..", "//", "d/", "f/", "d/.", "d/..", "./f", "d//g", "d/../f", "d/e/../../f", "d/./g",
		"link/", "dirlink/", "dirlink/.", "dirlink/..", "dangling/", "loop", "loop/x", "loop/", "none/x", "f/x", "new1/", "d/new4/",
		"bytes\xff\xfe\n", "long/" + longName, longName, "chain", "deep", "up", "d/e/../../d/e/../g", "/proc/self", "/proc/self/cwd/f",
		"/proc/self/root/proc/self/comm", "/proc/self/fd/22", "/proc/self/fd/26", "/proc/self/fd/23",
		"/proc/self/fd/99", "/proc/thread-self", "/proc/self/exe", "/proc/self/cwd", "/proc/self/fd/", "/dev/null", "/dev/tty",
		"/dev/fd/22", "/dev/stdin", "/etc/shadow", "/etc/passwd", "/root/x", "/proc/self/fd/28", "/proc/1/cwd", "/proc/1/root/etc",
		"/proc/self/maps/", "/proc/self/task", "/proc/sys/kernel/hostname", "/sys"}
)

// path is a path for any call: most often one that leads somewhere.
func (s *script) path() arg {
	switch n := s.r.IntN(40); {
	case n == 0:
		return null
	case n == 1:
		return nowhere
	case n == 2:
		return unended
	case n == 3:
		return str(strings.Repeat("./", 2047) + "f")
	case n == 4:
		return str(strings.Repeat("./", 2048) + "f")
	case n == 5:
		a := str("d/g")
		return arg{"p" + a.word[1:], a.text}
	case n < 22:
		return str(plainNames[s.r.IntN(len(plainNames))])
	case n < 26:
		return str(s.dir + "/" + plainNames[s.r.IntN(len(plainNames))])
	}
	return str(oddNames[s.r.IntN(len(oddNames))])
}

// dirfd is a descriptor that a path may count from.
func (s *script) dirfd() arg {
	return []arg{fdCwd, fdCwd, fdCwd32, num(20), num(20), num(22), num(99), num(-1), num(25), num(23), num(21), num(28)}[s.r.IntN(12)]
}

func (s *script) one(of ...int64) arg { return num(of[s.r.IntN(len(of))]) }

func (s *script) mode() arg {
	return s.one(0, 0o644, 0o600, 0o777, 0o4755, 0o2775, 0o1777, 0o444, 0o170777)
}

const (
	emptyPath, noFollow, symFollow = 0x1000, 0x100, 0x400
	unknownFlag                    = 0x40000
)

func (s *script) atFlags() arg {
	return s.one(0, 0, emptyPath, noFollow, emptyPath|noFollow, unknownFlag)
}

func (s *script) openFlags() arg {
	access := []int64{0, 0, 1, 2, 2, 3}[s.r.IntN(6)]
	more := []int64{0, 0, syscall.O_CREAT, syscall.O_CREAT | syscall.O_EXCL, syscall.O_TRUNC, syscall.O_CREAT | syscall.O_TRUNC,
		syscall.O_DIRECTORY, syscall.O_NOFOLLOW, syscall.O_NOFOLLOW | syscall.O_DIRECTORY, 0o10000000, 0o10000000 | syscall.O_NOFOLLOW,
		syscall.O_APPEND, syscall.O_CLOEXEC, 0o20000000 | syscall.O_DIRECTORY, 0o20000000, syscall.O_CREAT | syscall.O_DIRECTORY,
		0o1000000, syscall.O_SYNC, 1 << 30, syscall.O_EXCL, syscall.O_CREAT | syscall.O_NOFOLLOW}
	// Nobody is at the other end of a FIFO.
	return num(access | more[s.r.IntN(len(more))] | syscall.O_NONBLOCK)
}

func (s *script) how() (arg, arg) {
	flags := []int64{0, 1, 2, syscall.O_CREAT | 1, syscall.O_NOFOLLOW, syscall.O_DIRECTORY, 1 << 40, 0o10000000 | 2}[s.r.IntN(8)]
	mode := []int64{0, 0, 0o644, 0o10000}[s.r.IntN(4)]
	resolve := []int64{0, 0, 1, 2, 4, 8, 16, 24, 1 << 20}[s.r.IntN(9)]
	b := le(flags|syscall.O_NONBLOCK, mode, resolve)
	switch s.r.IntN(8) {
	case 0:
		return mem(append(b, make([]byte, 8)...)), num(32)
	case 1:
		return mem(append(b, 1)), num(25)
	case 2:
		return mem(b), num(8)
	case 3:
		return nowhere, num(24)
	}
	return mem(b), num(24)
}

func (s *script) buffer(sizes ...int) arg {
	switch s.r.IntN(12) {
	case 0:
		return null
	case 1:
		return nowhere
	}
	return room(sizes[s.r.IntN(len(sizes))])
}

func (s *script) times(kind int) arg {
	if s.r.IntN(6) == 0 {
		return []arg{null, nowhere}[s.r.IntN(2)]
	}
	sec := func() int64 { return int64(1000 + s.r.IntN(100000)) }
	switch kind {
	case 0:
		return words(sec(), sec())
	case 1:
		return words(sec(), []int64{5, 999999, 1000000, -1}[s.r.IntN(4)], sec(), 6)
	}
	part := func() int64 { return []int64{7, 1<<30 - 2, 1 << 29, 1000000000}[s.r.IntN(4)] }
	return words(sec(), part(), sec(), part())
}

func (s *script) attr() arg {
	return []arg{str("user.a"), str("user.a"), str("user.b"), str("trusted.a"), str("security.x"), str("none"), str(""),
		str("user." + strings.Repeat("a", 250)), str("user." + strings.Repeat("a", 251)), nowhere}[s.r.IntN(10)]
}

// value is the value of an attribute and its size.
func (s *script) value() (arg, arg) {
	switch s.r.IntN(8) {
	case 0:
		return null, num(0)
	case 1:
		return nowhere, num(4)
	case 2:
		return mem([]byte("abcd")), num(1 << 20)
	}
	return mem([]byte("abcd")), num(int64(s.r.IntN(5)))
}

// makers append one call each, with every argument at random.
var makers = []struct {
	name string
	make func(s *script, name string)
}{
	{"open", func(s *script, n string) { s.add(n, s.path(), s.openFlags(), s.mode()) }},
	{"openat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.openFlags(), s.mode()) }},
	{"openat", func(s *script, n string) { s.add(n, fdCwd, s.path(), s.openFlags(), s.mode()) }},
	{"openat2", func(s *script, n string) {
		how, size := s.how()
		s.add(n, s.dirfd(), s.path(), how, size)
	}},
	{"creat", func(s *script, n string) { s.add(n, s.path(), s.mode()) }},
	{"stat", func(s *script, n string) { s.add(n, s.path(), s.buffer(144)) }},
	{"lstat", func(s *script, n string) { s.add(n, s.path(), s.buffer(144)) }},
	{"newfstatat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.buffer(144), s.atFlags()) }},
	{"newfstatat", func(s *script, n string) {
		s.add(n, s.one(-100, 20, 21, 22, 23, 25, 27, 28, 99), str(""), room(144), num(emptyPath))
	}},
	{"statx", func(s *script, n string) {
		s.add(n, s.dirfd(), s.path(), s.one(0, emptyPath, noFollow, 0x2000, 0x6000, 1), s.one(0x7ff, 0x17ff, 0, 1<<31), s.buffer(256))
	}},
	{"statfs", func(s *script, n string) { s.add(n, s.path(), s.buffer(120)) }},
	{"access", func(s *script, n string) { s.add(n, s.path(), s.one(0, 1, 2, 4, 6, 7, 8)) }},
	{"faccessat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.one(0, 1, 2, 4, 6, 7, -1)) }},
	{"faccessat2", func(s *script, n string) {
		s.add(n, s.dirfd(), s.path(), s.one(0, 1, 2, 4, 7, 9), s.one(0, 0x200, noFollow, emptyPath, 0x200|emptyPath, unknownFlag))
	}},
	{"readlink", func(s *script, n string) { s.add(n, s.path(), s.buffer(100), s.one(100, 3, 0, -1)) }},
	{"readlinkat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.buffer(100), s.one(100, 2)) }},
	{"unlink", func(s *script, n string) { s.add(n, s.path()) }},
	{"unlinkat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.one(0, 0x200, unknownFlag)) }},
	{"rmdir", func(s *script, n string) { s.add(n, s.path()) }},
	{"mkdir", func(s *script, n string) { s.add(n, s.path(), s.mode()) }},
	{"mkdirat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.mode()) }},
	{"mknod", func(s *script, n string) {
		s.add(n, s.path(), s.one(0o644, 0o100666, 0o140777, 0o20666, 0o40755), num(0x103))
	}},
	{"mknodat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.one(0o644, 0o60666), num(0)) }},
	{"rename", func(s *script, n string) { s.add(n, s.path(), s.path()) }},
	{"renameat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.dirfd(), s.path()) }},
	{"renameat2", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.dirfd(), s.path(), s.one(0, 1, 2, 3, 4, 8)) }},
	{"symlink", func(s *script, n string) { s.add(n, s.path(), s.path()) }},
	{"symlinkat", func(s *script, n string) { s.add(n, s.path(), s.dirfd(), s.path()) }},
	{"link", func(s *script, n string) { s.add(n, s.path(), s.path()) }},
	{"linkat", func(s *script, n string) {
		s.add(n, s.dirfd(), s.path(), s.dirfd(), s.path(), s.one(0, 0, symFollow, unknownFlag))
	}},
	{"chmod", func(s *script, n string) { s.add(n, s.path(), s.mode()) }},
	{"fchmodat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.mode()) }},
	{"fchmodat2", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.mode(), s.atFlags()) }},
	{"chown", func(s *script, n string) { s.add(n, s.path(), s.owner(), s.owner()) }},
	{"lchown", func(s *script, n string) { s.add(n, s.path(), s.owner(), s.owner()) }},
	{"fchownat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.owner(), s.owner(), s.atFlags()) }},
	{"truncate", func(s *script, n string) { s.add(n, s.path(), s.one(0, 3, 100, 1<<20, 1<<20+1, -1, 1<<40)) }},
	{"utime", func(s *script, n string) { s.add(n, s.path(), s.times(0)) }},
	{"utimes", func(s *script, n string) { s.add(n, s.path(), s.times(1)) }},
	{"futimesat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.times(1)) }},
	{"utimensat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.times(2), s.atFlags()) }},
	{"setxattr", func(s *script, n string) {
		value, size := s.value()
		s.add(n, s.path(), s.attr(), value, size, s.one(0, 0, 1, 2, 4))
	}},
	{"lsetxattr", func(s *script, n string) {
		value, size := s.value()
		s.add(n, s.path(), s.attr(), value, size, num(0))
	}},
	{"getxattr", func(s *script, n string) { s.add(n, s.path(), s.attr(), s.buffer(64), s.one(0, 2, 64)) }},
	{"lgetxattr", func(s *script, n string) { s.add(n, s.path(), s.attr(), s.buffer(64), s.one(0, 2, 64)) }},
	{"listxattr", func(s *script, n string) { s.add(n, s.path(), s.buffer(64), s.one(0, 2, 64)) }},
	{"llistxattr", func(s *script, n string) { s.add(n, s.path(), s.buffer(64), s.one(0, 2, 64)) }},
	{"removexattr", func(s *script, n string) { s.add(n, s.path(), s.attr()) }},
	{"lremovexattr", func(s *script, n string) { s.add(n, s.path(), s.attr()) }},
	{"setxattrat", func(s *script, n string) {
		// The value's address is not known before: an empty one.
		s.add(n, s.dirfd(), s.path(), s.atFlags(), s.attr(), words(0, s.r.Int64N(3)<<32), s.one(16, 8, 5000))
	}},
	{"getxattrat", func(s *script, n string) {
		s.add(n, s.dirfd(), s.path(), s.atFlags(), s.attr(), words(0, 0), s.one(16, 16, 8))
	}},
	{"listxattrat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.atFlags(), s.buffer(64), s.one(0, 2, 64)) }},
	{"removexattrat", func(s *script, n string) { s.add(n, s.dirfd(), s.path(), s.atFlags(), s.attr()) }},
	{"file_getattr", func(s *script, n string) {
		s.add(n, s.dirfd(), s.path(), s.buffer(64), s.one(24, 32, 8, 5000), s.atFlags())
	}},
	{"file_setattr", func(s *script, n string) {
		s.add(n, s.dirfd(), s.path(), words(0, 0, 0), s.one(24, 8, 5000), s.atFlags())
	}},
	{"inotify_add_watch", func(s *script, n string) {
		s.add(n, s.one(24, 24, 24, 22, 99, -1), s.path(), s.one(2, 2|0x02000000, 2|0x01000000, 0, 2|0x10000000))
	}},
	{"chdir", func(s *script, n string) {
		// Not to procfs, where a thread's own permissions are its own.
		s.add(n, str(plainNames[s.r.IntN(len(plainNames))]))
		s.add(n, str(s.dir))
	}},
}

// owner is a user or group for chown(2).
func (s *script) owner() arg { return s.one(-1, -1, 0, int64(programID()), 12345) }

// generate fills a script with n calls at random, and every call once first.
func generate(t *testing.T, seed uint64, n int, dir string, table *syscalls.Table) *script {
	t.Helper()
	s := &script{r: rand.New(rand.NewPCG(seed, 1)), table: table, dir: dir}
	for _, m := range makers {
		m.make(s, m.name)
	}
	for range n {
		m := makers[s.r.IntN(len(makers))]
		m.make(s, m.name)
	}
	// Last, since nothing may wait for its other end.
	s.add("mknodat", fdCwd, str("pipe"), num(0o10666), num(0))
	return s
}
