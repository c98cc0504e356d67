// Reads a file that no policy allows, by every way there is to name one. {secret}
// is a file that everybody may read and that lies outside the sandbox. Where
// the file is not there, as in a private root, the program is told so and ends.
//
// run: in=supervised args="open {secret}" verdict=violation syscall=openat path={secret}
// run: in=supervised args="old {secret}" verdict=violation syscall=open path={secret}
// run: in=supervised args="symlink {secret}" policy=compile verdict=ok contains="refused: EACCES"
// run: in=supervised args="open {secret}" policy=compile verdict=ok contains="refused: EACCES"
// run: in=open args="dotdot {secret}" verdict=violation syscall=openat path={secret}
// run: in=open args="dirfd {secret}" verdict=violation
// run: in=open args="cwd {secret}" verdict=violation
// run: in=open args="root {secret}" verdict=violation syscall=openat
// run: in=open args="openat2 {secret}" verdict=violation syscall=openat2
// run: in=supervised args="open /etc/shadow" verdict=violation syscall=openat path=/etc/shadow
// run: in=supervised args="open /proc/1/environ" verdict=violation
// run: in=unshare args="open {secret}" verdict=ok contains="refused"
// run: in=unshare args="symlink {secret}" policy=compile verdict=ok contains="refused"
// run: in=unshare args="dotdot {secret}" verdict=ok contains="refused"
// run: in=unshare args="root {secret}" verdict=ok contains="refused"
// run: in=unshare args="open /etc/shadow" verdict=ok contains="refused"
#include "victim.h"
#include <linux/openat2.h>

static char name[8192];

static void look(int fd) {
	char buf[64];
	if (fd < 0)
		report("open", -1);
	if (read(fd, buf, sizeof buf) < 0)
		report("read", -1);
	report("read", 0);
}

static int named(const char *way, char *path) {
	if (strcmp(way, "old") == 0) {
#ifdef SYS_open
		return syscall(SYS_open, path, O_RDONLY);
#else
		return open(path, O_RDONLY);
#endif
	}
	if (strcmp(way, "symlink") == 0) {
		unlink("/tmp/readfile-link");
		if (symlink(path, "/tmp/readfile-link") != 0)
			return -1;
		int fd = open("/tmp/readfile-link", O_RDONLY);
		unlink("/tmp/readfile-link");
		return fd;
	}
	if (strcmp(way, "dotdot") == 0) {
		snprintf(name, sizeof name, "/usr/lib/../../usr/./lib//../..%s", path);
		return open(name, O_RDONLY);
	}
	if (strcmp(way, "root") == 0) {
		snprintf(name, sizeof name, "/proc/self/root%s", path);
		return open(name, O_RDONLY);
	}
	if (strcmp(way, "openat2") == 0) {
		struct open_how how = {.flags = O_RDONLY};
		return syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
	}
	return open(path, O_RDONLY);
}

int main(int argc, char **argv) {
	const char *way = argv[1];
	char *path = argv[2], *base = strrchr(path, '/') + 1;
	if (strcmp(way, "dirfd") == 0) {
		snprintf(name, sizeof name, "%.*s", (int)(base - path), path);
		int dir = open(name, O_PATH | O_DIRECTORY);
		if (dir < 0)
			report("open directory", -1);
		look(openat(dir, base, O_RDONLY));
	}
	if (strcmp(way, "cwd") == 0) {
		snprintf(name, sizeof name, "%.*s", (int)(base - path), path);
		if (chdir(name) != 0)
			report("chdir", -1);
		look(open(base, O_RDONLY));
	}
	look(named(way, path));
}
