// Every way to name a file, for every call that takes a path: none reaches the
// secret, and each answers as if it were not known whether it exists. With
// files of its own the same calls work.
//
// run: in=supervised policy=compile box=deny args="matrix {secret} hidden" verdict=ok stdout="got 0\n"
// run: in=supervised policy=compile box=deny args="matrix {inner} box" verdict=ok stdout="got 0\n"
// run: in=unshare policy=compile box=deny args="matrix {secret} hidden" verdict=ok contains="got 0\n"
// run: policy=compile box=deny args="new {hidden}" verdict=ok contains="got 0\n"
// run: policy=compile box=deny args="oracle {secret}" verdict=ok stdout="told 0\n"
//
// With hard rules the first try ends the run; the evidence names the object
// that the kernel would have reached.
//
// run: in=supervised policy=judge box=kill allow="symlink" args="hard link {secret}" verdict=violation syscall=openat path={secret}
// run: in=supervised policy=compile box=kill args="hard relative ../box/./secret" verdict=violation syscall=openat path={inner}
// run: in=supervised policy=compile box=kill args="hard dirfd secret" verdict=violation syscall=openat path={inner}
// run: in=supervised policy=compile box=kill args="hard root {inner}" verdict=violation syscall=openat path={inner}
// run: in=supervised policy=compile box=kill args="hard openat2 {inner}" verdict=violation syscall=openat2 path={inner}
// run: in=supervised policy=compile box=kill args="hard stat {inner}" verdict=violation syscall=newfstatat path={inner}
// run: in=supervised policy=compile box=kill args="hard unlink {inner}" verdict=violation syscall=unlinkat path={inner}
// run: in=supervised policy=compile box=kill args="hard rename {inner}" verdict=violation syscall=renameat path={inner}
// run: in=supervised policy=compile box=kill args="hard over {inner}" verdict=violation syscall=renameat path={inner}
// run: in=supervised policy=compile box=kill args="hard hardlink {inner}" verdict=violation syscall=linkat path={inner}
// run: in=supervised policy=compile box=kill args="hard exec {inner}" verdict=violation syscall=execve path={inner}
//
// Memory through files.
//
// run: in=supervised policy=compile,observe args="open /proc/self/mem" verdict=violation syscall=openat contains=""
// run: in=supervised policy=compile,observe args="open /proc/thread-self/mem" verdict=violation syscall=openat
// run: in=supervised policy=compile,observe args="open /proc/self/task/../mem" verdict=violation syscall=openat
// run: in=supervised policy=compile,observe args="mem" verdict=violation syscall=openat
// run: policy=judge args="processes" verdict=violation|ok
// run: policy=compile args="processes" verdict=ok contains="got 0\n"
//
// Descriptors that may be read only stay so.
//
// run: policy=compile box=deny args="reopen" verdict=ok stdout="got 0\n"
//
// Names are bytes.
//
// run: policy=compile box=deny args="names" verdict=ok stdout="names 12\n"
// run: policy=compile box=deny args="errors" verdict=ok stdout="ELOOP ELOOP ENOTDIR ENOTDIR EISDIR EEXIST ENOENT EINVAL EFAULT ENAMETOOLONG EBADF ENOTEMPTY\n"
//
// Each thread has its own working directory, and its own descriptors, if it
// wants.
//
// run: policy=compile box=deny args="threads" verdict=ok stdout="thread: public, leader: refused\n"
#include "attack.h"
#include <linux/openat2.h>
#include <linux/stat.h>
#include <sys/inotify.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <utime.h>

static int got;

static void note(const char *call, const char *way, long r, int errnum) {
	if (r >= 0) {
		got++;
		printf("%s, %s: ESCAPED\n", call, way);
	}
}

static int statx_(int dir, const char *path) {
	char buf[512];
	return syscall(SYS_statx, dir, path, 0, 0x7ff, buf);
}

static int openHow(int dir, const char *path, uint64_t flags, uint64_t resolve) {
	struct open_how how = {.flags = flags, .resolve = resolve};
	return syscall(SYS_openat2, dir, path, &how, sizeof how);
}

// at makes a path of one argument from two, for calls without a directory.
static const char *at(int dir, const char *path) {
	static char buf[8192];
	if (dir == AT_FDCWD || path[0] == '/')
		return path;
	snprintf(buf, sizeof buf, "/proc/self/fd/%d/%s", dir, path);
	return buf;
}

static int watch(const char *path) {
	int fd = inotify_init1(0), r = inotify_add_watch(fd, path, IN_ALL_EVENTS);
	int saved = errno;
	close(fd);
	errno = saved;
	return r;
}

static char xattr[256], text[4096];
static struct stat st;
static struct statfs fs;

// The calls. Those that do not follow a link at the end are tried with other
// names only: a link of the program's own is its own.
#define CALLS \
	X("open", 1, openat(d, p, O_RDONLY)) \
	X("open for writing", 1, openat(d, p, O_WRONLY)) \
	X("open to truncate", 1, openat(d, p, O_RDONLY | O_TRUNC)) \
	X("open or create", 1, openat(d, p, O_RDWR | O_CREAT, 0600)) \
	X("open O_PATH", 1, openat(d, p, O_PATH)) \
	X("open O_PATH itself", 0, openat(d, p, O_PATH | O_NOFOLLOW)) \
	X("openat2", 1, openHow(d, p, O_RDONLY, 0)) \
	X("openat2 for writing", 1, openHow(d, p, O_RDWR, 0)) \
	X("openat2 beneath", 1, openHow(d, p, O_RDONLY, RESOLVE_BENEATH)) \
	X("creat", 1, creat(at(d, p), 0600)) \
	X("stat", 1, fstatat(d, p, &st, 0)) \
	X("lstat", 0, fstatat(d, p, &st, AT_SYMLINK_NOFOLLOW)) \
	X("statx", 1, statx_(d, p)) \
	X("statfs", 1, statfs(at(d, p), &fs)) \
	X("access", 1, faccessat(d, p, F_OK, 0)) \
	X("access for reading", 1, faccessat(d, p, R_OK, 0)) \
	X("faccessat2", 1, faccessat(d, p, R_OK, AT_EACCESS)) \
	X("truncate", 1, truncate(at(d, p), 3)) \
	X("chmod", 1, fchmodat(d, p, 0777, 0)) \
	X("chown", 1, fchownat(d, p, -1, getgid(), 0)) \
	X("lchown", 0, fchownat(d, p, getuid(), -1, AT_SYMLINK_NOFOLLOW)) \
	X("utimensat", 1, utimensat(d, p, NULL, 0)) \
	X("utime", 1, utime(at(d, p), NULL)) \
	X("setxattr", 1, setxattr(at(d, p), "user.x", "y", 1, 0)) \
	X("removexattr", 1, removexattr(at(d, p), "user.x")) \
	X("getxattr", 1, getxattr(at(d, p), "user.x", xattr, sizeof xattr)) \
	X("listxattr", 1, listxattr(at(d, p), xattr, sizeof xattr)) \
	X("readlink", 0, readlinkat(d, p, text, sizeof text)) \
	X("inotify_add_watch", 1, watch(at(d, p))) \
	X("link", 0, linkat(d, p, AT_FDCWD, "stolen", 0)) \
	X("link behind a link", 1, linkat(d, p, AT_FDCWD, "stolen", AT_SYMLINK_FOLLOW)) \
	X("rename", 0, renameat(d, p, AT_FDCWD, "stolen")) \
	X("rename over it", 0, renameat(AT_FDCWD, "mine", d, p)) \
	X("exchange", 0, syscall(SYS_renameat2, AT_FDCWD, "mine", d, p, 2)) \
	X("unlink", 0, unlinkat(d, p, 0)) \
	X("execve", 1, execve(at(d, p), (char *[]){"x", NULL}, (char *[]){NULL})) \
	X("execveat", 1, syscall(SYS_execveat, d, p, (char *[]){"x", NULL}, (char *[]){NULL}, 0))

static void attempt(const char *way, int d, const char *p, int link) {
#define X(name, follows, call) \
	if (follows || !link) { \
		make("mine", "mine\n", 0600); \
		long r = call; \
		note(name, way, r, errno); \
		if (r > 2) \
			close(r); \
		unlink("stolen"); \
	}
	CALLS
#undef X
}

// matrix tries every call with every way. hidden is the name, beside the box, of
// the directory that the target is in.
static void matrix(char **args) {
	const char *target = args[0], *base = strrchr(target, '/') + 1;
	char name[8192], dir[4096];
	snprintf(dir, sizeof dir, "%.*s", (int)(base - target - 1), target);
	attempt("absolute", AT_FDCWD, target, 0);
	snprintf(name, sizeof name, "//.///%s", target);
	attempt("slashes", AT_FDCWD, name, 0);
	snprintf(name, sizeof name, "/usr/lib/../../..%s", target);
	attempt("dots", AT_FDCWD, name, 0);
	snprintf(name, sizeof name, "../%s/secret", args[1]);
	attempt("relative", AT_FDCWD, name, 0);
	if (symlink(name, "relative") != 0 || symlink(target, "absolute") != 0 || symlink("absolute", "chain") != 0 ||
	    symlink(dir, "up") != 0)
		die("symlink");
	attempt("relative link", AT_FDCWD, "relative", 1);
	attempt("absolute link", AT_FDCWD, "absolute", 1);
	attempt("chain of links", AT_FDCWD, "chain", 1);
	attempt("link to its directory", AT_FDCWD, "up/secret", 0);
	int box = open(".", O_PATH | O_DIRECTORY), root = open("/", O_PATH | O_DIRECTORY), up = open("up", O_PATH | O_DIRECTORY);
	attempt("from the box's descriptor", box, name, 0);
	attempt("link from the box's descriptor", box, "chain", 1);
	if (root >= 0)
		attempt("from the root's descriptor", root, target + 1, 0);
	if (up >= 0)
		attempt("from its directory's descriptor", up, "secret", 0);
	const char *magic[] = {"/proc/self/root", "/proc/thread-self/root", "/proc/self/task/../root"};
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "%s%s", magic[i], target);
		attempt(magic[i], AT_FDCWD, name, 0);
	}
	snprintf(name, sizeof name, "/proc/self/cwd/../%s/secret", args[1]);
	attempt("/proc/self/cwd", AT_FDCWD, name, 0);
	snprintf(name, sizeof name, "/proc/self/fd/%d/../%s/secret", box, args[1]);
	attempt("/proc/self/fd", AT_FDCWD, name, 0);
	snprintf(name, sizeof name, "/dev/fd/%d/chain", box);
	attempt("/dev/fd", AT_FDCWD, name, 1);
	if (chdir(dir) == 0) {
		fchdir(box);
		attempt("back from its directory", AT_FDCWD, target, 0);
	}
	printf("got %d\n", got);
}

// new tries to make names where none may be made.
static void new(char **args) {
	char name[4200];
	snprintf(name, sizeof name, "%s/new", args[0]);
	int dir = open(args[0], O_PATH | O_DIRECTORY);
	make("mine", "mine\n", 0600);
	note("open", "new", open(name, O_WRONLY | O_CREAT, 0600), errno);
	note("O_EXCL", "new", open(name, O_WRONLY | O_CREAT | O_EXCL, 0600), errno);
	note("O_TMPFILE", "new", open(args[0], O_WRONLY | O_TMPFILE, 0600), errno);
	note("creat", "new", creat(name, 0600), errno);
	note("mkdir", "new", mkdir(name, 0700), errno);
	note("mknod", "new", mknod(name, S_IFIFO | 0600, 0), errno);
	note("mknod regular", "new", mknod(name, S_IFREG | 0600, 0), errno);
	note("symlink", "new", symlink("x", name), errno);
	note("symlinkat", "new", symlinkat("x", AT_FDCWD, name), errno); // the directory is in the middle
	note("symlinkat", "new", symlinkat(name, AT_FDCWD, name), errno);
	note("link", "new", link("mine", name), errno);
	note("rename", "new", rename("mine", name), errno);
	note("rmdir", "new", rmdir(args[0]), errno);
	note("rename directory", "new", rename(args[0], "stolen"), errno);
	note("chmod directory", "new", chmod(args[0], 0700), errno);
	note("list", "new", open(args[0], O_RDONLY | O_DIRECTORY), errno);
	if (dir >= 0) {
		note("openat", "new", openat(dir, "new", O_WRONLY | O_CREAT, 0600), errno);
		note("mkdirat", "new", mkdirat(dir, "new", 0700), errno);
		note("renameat", "new", renameat(AT_FDCWD, "mine", dir, "new"), errno);
	}
	printf("got %d\n", got);
}

// oracle compares what is said about the secret with what is said about a name
// beside it that does not exist.
static void oracle(char **args) {
	char absent[4200];
	int told = 0;
	snprintf(absent, sizeof absent, "%s.not", args[0]);
#define X(name, follows, call) { \
		const char *p = args[0]; \
		int d = AT_FDCWD; \
		long r1 = call; \
		int e1 = errno; \
		p = absent; \
		long r2 = call; \
		if (r1 >= 0 || r2 >= 0 || e1 != errno) { \
			told++; \
			printf("%s tells: %s, %s\n", name, strerrorname_np(r1 < 0 ? e1 : 0), strerrorname_np(r2 < 0 ? errno : 0)); \
		} \
	}
	make("mine", "mine\n", 0600);
	CALLS
#undef X
	printf("told %d\n", told);
}

static void hard(char **args) {
	const char *how = args[0], *p = args[1];
	char name[8192], *argv[] = {"x", NULL};
	struct stat st;
	long r = -1;
	if (strcmp(how, "link") == 0) {
		if (symlink(p, "l") != 0)
			die("symlink");
		r = open("l", O_RDONLY);
	} else if (strcmp(how, "relative") == 0)
		r = open(p, O_RDONLY);
	else if (strcmp(how, "dirfd") == 0)
		r = openat(open(".", O_PATH), p, O_RDONLY);
	else if (strcmp(how, "root") == 0) {
		snprintf(name, sizeof name, "/proc/self/root%s", p);
		r = open(name, O_RDONLY);
	} else if (strcmp(how, "openat2") == 0)
		r = openHow(AT_FDCWD, p, O_RDONLY, RESOLVE_NO_MAGICLINKS);
	else if (strcmp(how, "stat") == 0)
		r = fstatat(AT_FDCWD, p, &st, 0);
	else if (strcmp(how, "unlink") == 0)
		r = unlinkat(AT_FDCWD, p, 0);
	else if (strcmp(how, "rename") == 0)
		r = renameat(AT_FDCWD, p, AT_FDCWD, "stolen");
	else if (strcmp(how, "over") == 0) {
		make("mine", "mine\n", 0600);
		r = renameat(AT_FDCWD, "mine", AT_FDCWD, p);
	} else if (strcmp(how, "hardlink") == 0)
		r = linkat(AT_FDCWD, p, AT_FDCWD, "stolen", 0);
	else if (strcmp(how, "exec") == 0)
		r = execve(p, argv, argv + 1);
	report(how, r);
}

static void opens(char **args) {
	if (open(args[0], O_RDWR) >= 0)
		escape("open");
	report("open", -1);
}

// mem writes, by a descriptor of its memory, where mprotect says that nobody may.
static void mem(char **args) {
	char name[64];
	snprintf(name, sizeof name, "/proc/%d/task/%ld/mem", getpid(), syscall(SYS_gettid));
	opens((char *[]){name});
}

// processes looks at what other processes show.
static void processes(char **args) {
	static const char *files[] = {"environ", "mem", "maps", "root/etc/hostname", "cwd/x", "fd/0", "auxv", "stack", "syscall",
		"task/1/environ", "map_files", "io", "fdinfo/0", "pagemap"};
	char name[128], buf[16];
	pid_t pids[] = {1, getppid()};
	for (int i = 0; i < 2; i++)
		for (size_t j = 0; j < sizeof files / sizeof *files; j++) {
			snprintf(name, sizeof name, "/proc/%d/%s", pids[i], files[j]);
			int fd = open(name, O_RDONLY);
			if (fd >= 0 && read(fd, buf, sizeof buf) > 0)
				note("open", name, fd, 0);
			close(fd);
		}
	printf("got %d\n", got);
}

// reopen tries to write to a file that it has open for reading.
static void reopen(char **args) {
	char name[64];
	int flags[] = {O_RDONLY, O_PATH};
	for (int i = 0; i < 2; i++) {
		int fd = open("fixed", flags[i]);
		if (fd < 0)
			die("open");
		for (int j = 0; j < 2; j++) {
			snprintf(name, sizeof name, j ? "/dev/fd/%d" : "/proc/self/fd/%d", fd);
			note("write", name, open(name, O_WRONLY), errno);
			note("read and write", name, open(name, O_RDWR), errno);
			note("truncate on open", name, open(name, O_RDONLY | O_TRUNC), errno);
			note("truncate", name, truncate(name, 0), errno);
			note("chmod", name, chmod(name, 0777), errno);
			note("utime", name, utime(name, NULL), errno);
			note("setxattr", name, setxattr(name, "user.x", "y", 1, 0), errno);
			note("link", name, linkat(AT_FDCWD, name, AT_FDCWD, "stolen", AT_SYMLINK_FOLLOW), errno);
		}
		note("ftruncate", "", ftruncate(fd, 0), errno);
		note("link of a descriptor", "", linkat(fd, "", AT_FDCWD, "stolen", AT_EMPTY_PATH), errno);
		note("chown of a descriptor", "", fchownat(fd, "", -1, getgid(), AT_EMPTY_PATH), errno);
		note("chmod of a descriptor", "", syscall(452 /* fchmodat2 */, fd, "", 0777, AT_EMPTY_PATH), errno);
		close(fd);
	}
	note("write", "", open("fixed", O_WRONLY | O_APPEND), errno);
	note("rename", "", rename("fixed", "moved"), errno);
	note("unlink", "", unlink("fixed"), errno);
	printf("got %d\n", got);
}

// names makes, writes and reads files with names that could be taken for
// something else.
static void names(char **args) {
	static const char *names[] = {"pipe:[1]", "socket:[2]", "anon_inode:[eventfd]", "x (deleted)", "memfd:x (deleted)", "a\nb", "\xff\xfe", "*", "**",
		"...", " ", "(unreachable)"};
	char buf[16];
	int n = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int fd = open(names[i], O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd < 0 || write(fd, "mine", 4) != 4 || lseek(fd, 0, SEEK_SET) != 0)
			die(names[i]);
		close(fd);
		fd = open(names[i], O_RDONLY);
		n += read(fd, buf, sizeof buf) == 4 && unlink(names[i]) == 0;
		close(fd);
	}
	printf("names %d\n", n);
}

static void say(long r) { printf("%s%s", r < 0 ? strerrorname_np(errno) : "done", ""); }

// errors are the kernel's own.
static void errors(char **args) {
	static char longName[5000];
	memset(longName, 'x', sizeof longName - 1);
	for (int i = 0; i < 2500; i++)
		longName[2 * i + 1] = '/';
	longName[sizeof longName - 1] = 0;
	if (symlink("loop", "loop") != 0 || mkdir("d", 0700) != 0)
		die("errors");
	make("mine", "mine\n", 0600);
	make("d/mine", "mine\n", 0600);
	say(open("loop", O_RDONLY)), putchar(' ');
	say(open("loop", O_RDONLY | O_NOFOLLOW)), putchar(' ');
	say(open("mine/", O_RDONLY)), putchar(' ');
	say(open("mine", O_RDONLY | O_DIRECTORY)), putchar(' ');
	say(open("d", O_WRONLY)), putchar(' ');
	say(open("mine", O_WRONLY | O_CREAT | O_EXCL, 0600)), putchar(' ');
	say(open("", O_RDONLY)), putchar(' ');
	say(openHow(AT_FDCWD, "mine", 1UL << 60, 0)), putchar(' ');
	say(open((char *)8, O_RDONLY)), putchar(' ');
	say(open(longName, O_RDONLY)), putchar(' ');
	say(openat(999, "mine", O_RDONLY)), putchar(' ');
	say(rmdir("d")), putchar('\n');
}

static volatile int done;
static char seen[128];

// apart has memory in common with the leader, and nothing else.
static int apart(void *arg) {
	if (chdir("d") == 0) {
		int fd = open("secret", O_RDONLY);
		if (fd >= 0 && read(fd, seen, sizeof seen) < 0)
			seen[0] = '?';
	}
	__atomic_store_n(&done, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_exit, 0);
	return 0;
}

static void threads(char **args) {
	static char stack[65536] __attribute__((aligned(16)));
	if (mkdir("d", 0700) != 0)
		die("mkdir");
	make("d/secret", "public\n", 0600);
	if (clone(apart, stack + sizeof stack, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, NULL) < 0)
		die("clone");
	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST))
		usleep(1000);
	char buf[128];
	int fd = open("secret", O_RDONLY);
	long n = fd < 0 ? -1 : read(fd, buf, sizeof buf);
	printf("thread: %.6s, leader: %s\n", seen, n <= 0 ? "refused" : "ESCAPED");
}

static const struct attack all[] = {{"matrix", matrix}, {"new", new}, {"oracle", oracle}, {"hard", hard}, {"open", opens}, {"mem", mem},
	{"processes", processes}, {"reopen", reopen}, {"names", names}, {"errors", errors}, {"threads", threads}};

PLAY(all)
