package supervise

import "github.com/belljar/belljar/policy"

// pathCall is a system call that names files.
type pathCall struct {
	name  string
	paths []pathArg
	open  openKind // how its flags decide the access, for calls that open
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
	{name: "open_tree", paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 2, turn: atSymlinkNofollow, empty: true}}},

	{name: "stat", paths: one(0, stat, follow)},
	{name: "stat64", paths: one(0, stat, follow)},
	{name: "oldstat", paths: one(0, stat, follow)},
	{name: "lstat", paths: one(0, stat, nofollow)},
	{name: "lstat64", paths: one(0, stat, nofollow)},
	{name: "oldlstat", paths: one(0, stat, nofollow)},
	// A NULL path is AT_EMPTY_PATH's equal since Linux 6.11.
	{name: "newfstatat", paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 3, turn: atSymlinkNofollow, empty: true}}},
	{name: "fstatat64", paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 3, turn: atSymlinkNofollow, empty: true}}},
	{name: "statx", paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 2, turn: atSymlinkNofollow, empty: true}}},
	{name: "statfs", paths: one(0, stat, follow)},
	{name: "statfs64", paths: one(0, stat, follow)},
	{name: "file_getattr", paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 4, turn: atSymlinkNofollow, empty: true}}},
	{name: "file_setattr", paths: []pathArg{{dir: 0, path: 1, want: write, flags: 4, turn: atSymlinkNofollow, empty: true}}},

	{name: "access", paths: one(0, stat, follow)},
	{name: "faccessat", paths: at(0, 1, stat, follow)}, // the call has no flags; faccessat(3) has
	{name: "faccessat2", paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 3, turn: atSymlinkNofollow, empty: true}}},
	{name: "readlink", paths: one(0, stat, nofollow)},
	// An empty path reads the symlink behind an O_PATH descriptor (2.6.39).
	{name: "readlinkat", paths: []pathArg{{dir: 0, path: 1, want: stat, last: nofollow, flags: none, empty: true}}},
	{name: "name_to_handle_at", paths: []pathArg{{dir: 0, path: 1, want: stat, last: nofollow, flags: 4, turn: atSymlinkFollow, empty: true}}},

	{name: "unlink", paths: one(0, write, entry)},
	{name: "unlinkat", paths: at(0, 1, write, entry)},
	{name: "rmdir", paths: one(0, write, entry)},
	{name: "mkdir", paths: one(0, write, entry)},
	{name: "mkdirat", paths: at(0, 1, write, entry)},
	{name: "mknod", paths: one(0, write, entry)},
	{name: "mknodat", paths: at(0, 1, write, entry)},
	{name: "rename", paths: []pathArg{one(0, write, entry)[0], one(1, write, entry)[0]}},
	{name: "renameat", paths: []pathArg{at(0, 1, write, entry)[0], at(2, 3, write, entry)[0]}},
	{name: "renameat2", paths: []pathArg{at(0, 1, write, entry)[0], at(2, 3, write, entry)[0]}},
	// The text of a symlink is decided when somebody follows it.
	{name: "symlink", paths: one(1, write, entry)},
	{name: "symlinkat", paths: at(1, 2, write, entry)},
	// A second name would give a read-only object the rules of the place where
	// that name is, so both sides need Write.
	{name: "link", paths: []pathArg{one(0, write, nofollow)[0], one(1, write, entry)[0]}},
	{name: "linkat", paths: []pathArg{
		{dir: 0, path: 1, want: write, last: nofollow, flags: 4, turn: atSymlinkFollow, empty: true},
		{dir: 2, path: 3, want: write, last: entry, flags: none}}},

	{name: "chmod", paths: one(0, write, follow)},
	{name: "fchmodat", paths: at(0, 1, write, follow)},
	{name: "fchmodat2", paths: []pathArg{{dir: 0, path: 1, want: write, flags: 3, turn: atSymlinkNofollow, empty: true}}},
	{name: "chown", paths: one(0, write, follow)},
	{name: "chown32", paths: one(0, write, follow)},
	{name: "lchown", paths: one(0, write, nofollow)},
	{name: "lchown32", paths: one(0, write, nofollow)},
	{name: "fchownat", paths: []pathArg{{dir: 0, path: 1, want: write, flags: 4, turn: atSymlinkNofollow, empty: true}}},
	{name: "truncate", paths: one(0, write, follow)},
	{name: "truncate64", paths: one(0, write, follow)},
	{name: "utime", paths: one(0, write, follow)},
	{name: "utimes", paths: one(0, write, follow)},
	{name: "futimesat", paths: []pathArg{{dir: 0, path: 1, want: write, flags: none, nullFD: true}}},
	{name: "utimensat", paths: []pathArg{{dir: 0, path: 1, want: write, flags: 3, turn: atSymlinkNofollow, empty: true, nullFD: true}}},
	{name: "utimensat_time64", paths: []pathArg{{dir: 0, path: 1, want: write, flags: 3, turn: atSymlinkNofollow, empty: true, nullFD: true}}},

	{name: "setxattr", paths: one(0, write, follow)},
	{name: "lsetxattr", paths: one(0, write, nofollow)},
	{name: "removexattr", paths: one(0, write, follow)},
	{name: "lremovexattr", paths: one(0, write, nofollow)},
	{name: "getxattr", paths: one(0, stat, follow)},
	{name: "lgetxattr", paths: one(0, stat, nofollow)},
	{name: "listxattr", paths: one(0, stat, follow)},
	{name: "llistxattr", paths: one(0, stat, nofollow)},
	{name: "setxattrat", paths: []pathArg{{dir: 0, path: 1, want: write, flags: 2, turn: atSymlinkNofollow, empty: true}}},
	{name: "removexattrat", paths: []pathArg{{dir: 0, path: 1, want: write, flags: 2, turn: atSymlinkNofollow, empty: true}}},
	{name: "getxattrat", paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 2, turn: atSymlinkNofollow, empty: true}}},
	{name: "listxattrat", paths: []pathArg{{dir: 0, path: 1, want: stat, flags: 2, turn: atSymlinkNofollow, empty: true}}},

	{name: "execve", paths: one(0, exec, follow)},
	{name: "execveat", paths: []pathArg{{dir: 0, path: 1, want: exec, flags: 4, turn: atSymlinkNofollow, empty: true}}},
	{name: "uselib", paths: one(0, exec, follow)},
	{name: "chdir", paths: one(0, stat, follow)},
	// A new root gives every path a new meaning; see Resolver.
	{name: "chroot", paths: one(0, stat, follow)},
	// Both tell of every later change, so they are reads.
	{name: "inotify_add_watch", paths: []pathArg{{dir: cwd, path: 1, want: read, flags: 2, turn: inDontFollow}}},
	{name: "fanotify_mark", paths: []pathArg{{dir: 3, path: 4, want: read, flags: 1, turn: fanDontFollow, nullFD: true}}},
	{name: "acct", paths: one(0, write, follow)},
	{name: "swapon", paths: one(0, write, follow)},
	{name: "swapoff", paths: one(0, write, follow)},
}

// one is a path relative to the working directory.
func one(path int8, want policy.Access, last last) []pathArg {
	return []pathArg{{dir: cwd, path: path, want: want, last: last, flags: none}}
}

// at is a path relative to a descriptor.
func at(dir, path int8, want policy.Access, last last) []pathArg {
	return []pathArg{{dir: dir, path: path, want: want, last: last, flags: none}}
}
