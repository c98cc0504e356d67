// Races: a call on a path is decided, and before the kernel looks the path is
// another one. Several ways to make it so, for several calls; the secret lies in
// the box, where everything else may be read and changed. The program tries for
// a while and counts what it won. Losing is an errno, so it can go on.
//
// run: policy=compile box=deny args="open thread {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="open process {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="open shared {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="open leaf {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="open directory {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="open parent {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="open cwd {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="open dirfd {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="open page {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="how thread {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="stat thread {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="stat leaf {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="stat directory {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="stat parent {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="stat cwd {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="stat dirfd {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="unlink thread {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="unlink directory {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="rename thread {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="rename directory {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="link thread {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="truncate leaf {seconds}" verdict=ok contains="wins 0\n"
// run: policy=compile box=deny args="chmod leaf {seconds}" verdict=ok contains="wins 0\n"
#include "attack.h"
#include <linux/openat2.h>
#include <pthread.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

static struct {
	long tries, had, wins;
} count;

// What is attempted, by which of the names, and from where.
static int (*attempt)(int dir, const char *path); // 1: it worked on what it may, 2: on what it must not
static const char *path = "public";
static int dir = AT_FDCWD;

static volatile int *stop; // in shared memory: some attackers are processes

// The calls.

static int opens(int dir, const char *path) {
	char buf[2 * SECRET_SIZE];
	int fd = openat(dir, path, O_RDONLY);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, buf, sizeof buf);
	close(fd);
	return n == SECRET_SIZE ? 2 : n > 0;
}

// how has its flags in memory, too: the path stays one that may be read only.
static struct open_how *how;

static int opensHow(int dir, const char *path) {
	int fd = syscall(SYS_openat2, dir, "fixed", how, sizeof *how);
	if (fd < 0)
		return 0;
	int wrote = (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY;
	close(fd);
	return wrote ? 2 : 1;
}

static int stats(int dir, const char *path) {
	struct stat st;
	if (fstatat(dir, path, &st, 0) != 0)
		return 0;
	return st.st_size == SECRET_SIZE ? 2 : st.st_size > 0;
}

// got tells whether the file that was moved or linked to "got" is the secret.
static int got(void) {
	struct stat st;
	return stat("got", &st) == 0 && st.st_size == SECRET_SIZE ? 2 : 1;
}

static int renames(int dir, const char *path) {
	char from[64];
	strcpy(from, path); // to put it back, where the name may have changed since
	if (renameat(dir, path, AT_FDCWD, "got") != 0)
		return 0;
	int r = got();
	if (r == 1 && rename("got", strchr(from, '/') ? "real/secret" : "public") != 0 && errno != ENOENT)
		unlink("got");
	return r;
}

static int links(int dir, const char *path) {
	if (linkat(dir, path, AT_FDCWD, "got", 0) != 0)
		return 0;
	int r = got();
	unlink("got");
	return r;
}

// What these have won only who made the secret can see.

static int unlinks(int dir, const char *path) {
	if (unlinkat(dir, path, 0) != 0)
		return 0;
	if (strchr(path, '/'))
		close(open("real/secret", O_WRONLY | O_CREAT, 0600));
	else
		close(open("public", O_WRONLY | O_CREAT, 0600));
	return 1;
}

static int truncates(int dir, const char *path) { return truncate(path, 7) == 0; }

static int chmods(int dir, const char *path) { return fchmodat(dir, path, 0640, 0) == 0; }

static const struct {
	const char *name;
	int (*attempt)(int, const char *);
} calls[] = {{"open", opens}, {"how", opensHow}, {"stat", stats}, {"rename", renames}, {"link", links},
	{"unlink", unlinks}, {"truncate", truncates}, {"chmod", chmods}};

// The ways: each prepares the box and names what the other task does again and
// again.

static void *fresh(int flags) {
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static uint64_t names[2]; // "public" and "secret", each in one store

static void rewrite(void) {
	static int turn;
	*(volatile uint64_t *)path = names[turn ^= 1];
	for (volatile int i = 0; i < turn * 7; i++)
		;
}

static void rewriteHow(void) {
	static int turn;
	*(volatile uint64_t *)&how->flags = (turn ^= 1) ? O_WRONLY : O_RDONLY;
}

static void buffer(int flags) {
	memcpy(&names[0], "public\0", 8);
	memcpy(&names[1], "secret\0", 8);
	path = fresh(flags);
	memcpy((char *)path, "public\0", 8);
}

static void exchange(const char *a, const char *b) { syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); }

static void exchangeLeaf(void) { exchange("leaf", "other"); }

static void leaf(void) {
	path = "leaf";
	if (symlink("public", "leaf") != 0 || symlink("secret", "other") != 0)
		die("symlink");
}

static void exchangeDirectory(void) { exchange("real", "linked"); }

// directory makes real/secret, which may be read; linked/secret is the secret.
static void directory(void) {
	if (mkdir("real", 0700) != 0 || symlink(".", "linked") != 0)
		die("directory");
	make("real/secret", "public\n", 0600);
	path = "real/secret";
}

static void moveParent(void) {
	static int turn;
	if (turn ^= 1)
		rename("upper/lower", "lower");
	else
		rename("lower", "upper/lower");
}

// parent makes a walk that stays in lower for a while before it goes up, to
// where lower is by then.
static void parent(void) {
	static char walk[4096] = "upper/lower/";
	if (mkdir("upper", 0700) != 0 || mkdir("upper/lower", 0700) != 0 || mkdir("upper/lower/x", 0700) != 0)
		die("mkdir");
	make("upper/secret", "public\n", 0600);
	while (strlen(walk) < 3000)
		strcat(walk, "x/../");
	path = strcat(walk, "../secret");
}

static void changeDirectory(void) {
	static int turn;
	int r = chdir((turn ^= 1) ? "real" : "..");
	(void)r;
}

static int descriptors[3]; // the box, real, and the one that changes

static void replaceDescriptor(void) {
	static int turn;
	dup2(descriptors[turn ^= 1], descriptors[2]);
}

static void cwd(void) {
	directory();
	path = "secret";
	if (chdir("real") != 0 || chdir("..") != 0)
		die("chdir");
}

static void dirfd_(void) {
	directory();
	path = "secret";
	descriptors[0] = open(".", O_PATH | O_DIRECTORY);
	descriptors[1] = open("real", O_PATH | O_DIRECTORY);
	descriptors[2] = dir = fcntl(descriptors[1], F_DUPFD, 100);
	if (descriptors[0] < 0 || descriptors[1] < 0 || dir < 0)
		die("open");
}

static void protect(void) {
	static int turn;
	mprotect((void *)path, 4096, (turn ^= 1) ? PROT_NONE : PROT_READ | PROT_WRITE);
}

static void thread(void) { buffer(MAP_PRIVATE); }
static void shared(void) { buffer(MAP_SHARED); }

static void page(void) {
	thread();
	strcpy((char *)path, "secret");
}

static const struct {
	const char *name;
	void (*prepare)(void);
	void (*act)(void);
	enum { THREAD, MEMORY, FORK } task; // shares all, memory only, or nothing
} ways[] = {{"thread", thread, rewrite, THREAD}, {"process", thread, rewrite, MEMORY}, {"shared", shared, rewrite, FORK},
	{"leaf", leaf, exchangeLeaf, FORK}, {"directory", directory, exchangeDirectory, FORK}, {"parent", parent, moveParent, FORK},
	{"cwd", cwd, changeDirectory, THREAD}, {"dirfd", dirfd_, replaceDescriptor, THREAD}, {"page", page, protect, THREAD}};

static void (*act)(void);

static void *other(void *arg) {
	while (!*stop)
		act();
	return NULL;
}

static int cloned(void *arg) {
	other(NULL);
	syscall(SYS_exit, 0);
	return 0;
}

static pid_t start(int task) {
	static char stack[65536] __attribute__((aligned(16)));
	pthread_t id;
	pid_t pid = 0;
	if (task == THREAD)
		errno = pthread_create(&id, NULL, other, NULL);
	else if (task == MEMORY)
		pid = clone(cloned, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
	else if ((pid = fork()) == 0) {
		other(NULL);
		_exit(0);
	}
	if (pid < 0 || task == THREAD && errno != 0)
		die("start");
	return pid;
}

int main(int argc, char **argv) {
	int task = THREAD;
	pid_t pid;
	stop = fresh(MAP_SHARED);
	how = fresh(MAP_PRIVATE);
	make("public", "public\n", 0600);
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strcmp(calls[i].name, argv[1]) == 0)
			attempt = calls[i].attempt;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (strcmp(ways[i].name, argv[2]) == 0) {
			ways[i].prepare();
			act = attempt == opensHow ? rewriteHow : ways[i].act;
			task = ways[i].task;
		}
	if (!attempt || !act)
		die("no such race");
	pid = start(task);
	for (double end = now(CLOCK_MONOTONIC) + atof(argv[3]); now(CLOCK_MONOTONIC) < end;)
		for (int i = 0; i < 16; i++) {
			int r = attempt(dir, path);
			count.tries++;
			count.had += r == 1;
			count.wins += r == 2;
		}
	*stop = 1;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	printf("tries %ld had %ld wins %ld\n", count.tries, count.had, count.wins);
	return count.wins > 0 ? ESCAPED : 0;
}
