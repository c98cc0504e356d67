package supervise

import (
	"slices"
	"syscall"

	"github.com/belljar/belljar/policy"
)

// pathCall is a system call that names files.
type pathCall struct {
	name  string
	paths []pathArg
	open  openKind // how its flags decide the access, for calls that open
	by    maker    // how it is made in the tracee's place

	// continues says that the kernel makes the call, whatever its path has
	// become: what was executed is verified afterwards (VerifyExec), and a
	// directory to start from gives no access.
	continues bool
	moves     bool // it gives the first object, with all below it, another path
}

// own reports whether a call that the tracee makes itself does the same as one
// that is made in its place, where nothing changes what its path means.
func (c *pathCall) own() bool { return c.open != notOpen || c.continues || c.by.own }

// looks reports whether the call does no more with a path than to look, and the
// tracee's own call does the same as one made in its place: where everything may
// be looked at there is nothing to decide.
func (c *pathCall) looks() bool {
	return c.by.own && !slices.ContainsFunc(c.paths, func(p pathArg) bool { return p.want != stat })
}

// pathArg says where a call keeps one path, what it does to the object, and
// which of its flags change how the path is followed.
type pathArg struct {
	dir  int8 // argument with the directory's descriptor, or cwd
	path int8 // argument with the path
	want policy.Access
	last last // what the last component means

	flags  int8   // argument with the flags below, or none
	turn   uint32 // the flag that turns follow into nofollow, or the other way round
	empty  bool   // AT_EMPTY_PATH means the descriptor itself
	nullFD bool   // a NULL path means the descriptor itself, without any flag
	null   bool   // a NULL path is as good as an empty one (Linux 6.11)
}

// last is the meaning of a path's last component.
type last uint8

const (
	follow   last = iota // an object; a symlink there is followed
	nofollow             // an object; a symlink there is the object
	entry                // a name in a directory, which may be free; never followed
)

// openKind says where an opening call keeps its flags.
type openKind uint8

const (
	notOpen   openKind = iota
	openFlags          // in the argument behind the path
	openCreat          // creat(2): O_CREAT|O_WRONLY|O_TRUNC
	openHow            // struct open_how behind the path, its size behind that
)

const (
	cwd  = -1 // pathArg.dir: relative to the working directory
	none = -1 // pathArg.flags: the call has none
)

// Flags whose numbers are the same on every architecture.
const (
	atFDCWD           = -100
	atSymlinkNofollow = 0x100
	atSymlinkFollow   = 0x400
	atEmptyPath       = 0x1000
	inDontFollow      = 0x02000000
	fanDontFollow     = 0x4
)

const (
	stat  = policy.Stat
	read  = policy.Read
	write = policy.Write
	exec  = policy.Exec
)

// pathCalls is every call that reaches an object by its path, except those
// that need privileges which no sandboxed program has (mount and its kin) and
// sockets. Access to metadata alone is Stat, also of extended attributes and
// a symlink's text; a change of metadata is Write. The names of all three
// architectures are here: what a table lacks never traps.
var pathCalls = []pathCall{
	{name: "open", open: openFlags, paths: []pathArg{{dir: cwd, path: 0, flags: none}}},
	{name: "openat", open: openFlags, paths: []pathArg{{dir: 0, path: 1, flags: none}}},
	{name: "openat2", open: openHow, paths: []pathArg{{dir: 0, path: 1, flags: none}}},
	{name: "creat", open: openCreat, paths: []pathArg{{dir: cwd, path: 0, flags: none}}},
	{name: "open_tree", by: refused(syscall.EPERM), paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 2, turn: atSymlinkNofollow, empty: true}}},

	{name: "stat", by: fstat(1), paths: one(0, stat, follow)},
	{name: "stat64", paths: one(0, stat, follow)},
	{name: "oldstat", paths: one(0, stat, follow)},
	{name: "lstat", by: fstat(1), paths: one(0, stat, nofollow)},
	{name: "lstat64", paths: one(0, stat, nofollow)},
	{name: "oldlstat", paths: one(0, stat, nofollow)},
	{name: "newfstatat", by: fstat(2).flags(3, statFlags), paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 3, turn: atSymlinkNofollow, empty: true, null: true}}},
	{name: "fstatat64", paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 3, turn: atSymlinkNofollow, empty: true, null: true}}},
	{name: "statx", by: statx.flags(2, statFlags), paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 2, turn: atSymlinkNofollow, empty: true, null: true}}},
	{name: "statfs", by: statfs, paths: one(0, stat, follow)},
	{name: "statfs64", paths: one(0, stat, follow)},
	{name: "file_getattr", by: fileAttr(false), paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 4, turn: atSymlinkNofollow, empty: true, null: true}}},
	{name: "file_setattr", by: fileAttr(true), paths: []pathArg{{dir: 0, path: 1, want: write, flags: 4, turn: atSymlinkNofollow, empty: true, null: true}}},

	{name: "access", by: access(1), paths: one(0, stat, follow)},
	{name: "faccessat", by: access(2), paths: at(0, 1, stat, follow)}, // the call has no flags; faccessat(3) has
	{name: "faccessat2", by: access(2).flags(3, atEaccess|pathFlags), paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 3, turn: atSymlinkNofollow, empty: true}}},
	{name: "readlink", by: readlink(1), paths: one(0, stat, nofollow)},
	// An empty path reads the symlink behind an O_PATH descriptor (2.6.39).
	{name: "readlinkat", by: readlink(2), paths: []pathArg{{dir: 0, path: 1, want: stat, last: nofollow, flags: none, empty: true}}},
	{name: "name_to_handle_at", by: refused(syscall.EOPNOTSUPP), paths: []pathArg{{dir: 0, path: 1, want: stat, last: nofollow, flags: 4, turn: atSymlinkFollow, empty: true}}},

	{name: "unlink", by: unlink(0), paths: one(0, write, entry)},
	{name: "unlinkat", by: unlinkat, paths: at(0, 1, write, entry)},
	{name: "rmdir", by: unlink(atRemovedir), paths: one(0, write, entry)},
	{name: "mkdir", by: mkdir(1), paths: one(0, write, entry)},
	{name: "mkdirat", by: mkdir(2), paths: at(0, 1, write, entry)},
	{name: "mknod", by: mknod(1), paths: one(0, write, entry)},
	{name: "mknodat", by: mknod(2), paths: at(0, 1, write, entry)},
	{name: "rename", moves: true, by: rename, paths: []pathArg{one(0, write, entry)[0], one(1, write, entry)[0]}},
	{name: "renameat", moves: true, by: rename, paths: []pathArg{at(0, 1, write, entry)[0], at(2, 3, write, entry)[0]}},
	{name: "renameat2", moves: true, by: renameat2, paths: []pathArg{at(0, 1, write, entry)[0], at(2, 3, write, entry)[0]}},
	// The text of a symlink is decided when somebody follows it.
	{name: "symlink", by: symlink, paths: one(1, write, entry)},
	{name: "symlinkat", by: symlink, paths: at(1, 2, write, entry)},
	// A second name would give a read-only object the rules of the place where
	// that name is, so both sides need Write.
	{name: "link", by: link, paths: []pathArg{one(0, write, nofollow)[0], one(1, write, entry)[0]}},
	{name: "linkat", by: link.flags(4, atSymlinkFollow|atEmptyPath), paths: []pathArg{
		{dir: 0, path: 1, want: write, last: nofollow, flags: 4, turn: atSymlinkFollow, empty: true},
		{dir: 2, path: 3, want: write, last: entry, flags: none}}},

	{name: "chmod", by: chmod(1), paths: one(0, write, follow)},
	{name: "fchmodat", by: chmod(2), paths: at(0, 1, write, follow)},
	{name: "fchmodat2", by: chmod(2).flags(3, pathFlags), paths: []pathArg{{dir: 0, path: 1, want: write, flags: 3, turn: atSymlinkNofollow, empty: true}}},
	{name: "chown", by: chown(1), paths: one(0, write, follow)},
	{name: "chown32", paths: one(0, write, follow)},
	{name: "lchown", by: chown(1), paths: one(0, write, nofollow)},
	{name: "lchown32", paths: one(0, write, nofollow)},
	{name: "fchownat", by: chown(2).flags(4, pathFlags), paths: []pathArg{{dir: 0, path: 1, want: write, flags: 4, turn: atSymlinkNofollow, empty: true}}},
	{name: "truncate", by: truncate, paths: one(0, write, follow)},
	{name: "truncate64", paths: one(0, write, follow)},
	{name: "utime", by: utime(1, timesUtimbuf), paths: one(0, write, follow)},
	{name: "utimes", by: utime(1, timesTimeval), paths: one(0, write, follow)},
	{name: "futimesat", by: utime(2, timesTimeval), paths: []pathArg{{dir: 0, path: 1, want: write, flags: none, nullFD: true}}},
	{name: "utimensat", by: utime(2, timesTimespec), paths: []pathArg{{dir: 0, path: 1, want: write, flags: 3, turn: atSymlinkNofollow, empty: true, nullFD: true}}},
	{name: "utimensat_time64", paths: []pathArg{{dir: 0, path: 1, want: write, flags: 3, turn: atSymlinkNofollow, empty: true, nullFD: true}}},

	{name: "setxattr", by: setxattr(xattrPlain), paths: one(0, write, follow)},
	{name: "lsetxattr", by: setxattr(xattrPlain), paths: one(0, write, nofollow)},
	{name: "removexattr", by: removexattr(1), paths: one(0, write, follow)},
	{name: "lremovexattr", by: removexattr(1), paths: one(0, write, nofollow)},
	{name: "getxattr", by: getxattr(xattrPlain.reads()), paths: one(0, stat, follow)},
	{name: "lgetxattr", by: getxattr(xattrPlain.reads()), paths: one(0, stat, nofollow)},
	{name: "listxattr", by: listxattr(1), paths: one(0, stat, follow)},
	{name: "llistxattr", by: listxattr(1), paths: one(0, stat, nofollow)},
	{name: "setxattrat", by: setxattr(xattrAt), paths: []pathArg{{dir: 0, path: 1, want: write, flags: 2, turn: atSymlinkNofollow, empty: true, null: true}}},
	{name: "removexattrat", by: removexattr(3).flags(2, pathFlags), paths: []pathArg{{dir: 0, path: 1, want: write, flags: 2, turn: atSymlinkNofollow, empty: true, null: true}}},
	{name: "getxattrat", by: getxattr(xattrAt), paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 2, turn: atSymlinkNofollow, empty: true, null: true}}},
	{name: "listxattrat", by: listxattr(3).flags(2, pathFlags), paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 2, turn: atSymlinkNofollow, empty: true, null: true}}},

	{name: "execve", continues: true, paths: one(0, exec, follow)},
	{name: "execveat", continues: true, paths: []pathArg{{dir: 0, path: 1, want: exec, flags: 4, turn: atSymlinkNofollow, empty: true}}},
	{name: "uselib", by: refused(syscall.ENOSYS), paths: one(0, exec, follow)},
	{name: "chdir", continues: true, paths: one(0, stat, follow)},
	// A new root gives every path a new meaning; see Resolver.
	{name: "chroot", continues: true, paths: one(0, stat, follow)},
	// Both tell of every later change, so they are reads.
	{name: "inotify_add_watch", by: inotifyAddWatch, paths: []pathArg{{dir: cwd, path: 1, want: read, flags: 2, turn: inDontFollow}}},
	{name: "fanotify_mark", by: fanotifyMark, paths: []pathArg{{dir: 3, path: 4, want: read, flags: 1, turn: fanDontFollow, nullFD: true}}},
	{name: "acct", by: refused(syscall.EPERM), paths: one(0, write, follow)},
	{name: "swapon", by: refused(syscall.EPERM), paths: one(0, write, follow)},
	{name: "swapoff", by: refused(syscall.EPERM), paths: one(0, write, follow)},
}

// one is a path relative to the working directory.
func one(path int8, want policy.Access, last last) []pathArg {
	return []pathArg{{dir: cwd, path: path, want: want, last: last, flags: none}}
}

// at is a path relative to a descriptor.
func at(dir, path int8, want policy.Access, last last) []pathArg {
	return []pathArg{{dir: dir, path: path, want: want, last: last, flags: none}}
}
