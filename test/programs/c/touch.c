// Does one thing to the file systems that are its own ("file", "removed",
// "unnamed", "memory", "list", "beside", "nothing"), or tells what it finds there ("look"):
// whether a file was left, and what number the next one gets.
//
// build: static
//
// run: in=unshare policy=observe args="look" verdict=ok contains="nothing left"
#include "victim.h"
#include <dirent.h>
#include <libgen.h>

// make returns the file's inode number.
static long make(const char *name, int flags) {
	struct stat st;
	int fd = open(name, O_RDWR | flags, 0600);
	if (fd < 0 || fstat(fd, &st) != 0)
		die(name);
	close(fd);
	return st.st_ino;
}

static void list(const char *name) {
	DIR *d = opendir(name);
	if (!d)
		die(name);
	while (readdir(d))
		;
	closedir(d);
}

static void drop(const char *name) {
	make(name, O_CREAT | O_EXCL);
	if (unlink(name) != 0)
		die(name);
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "file") == 0)
		make("/tmp/left", O_CREAT | O_EXCL);
	else if (strcmp(what, "removed") == 0)
		drop("/tmp/gone");
	else if (strcmp(what, "memory") == 0)
		drop("/dev/shm/gone");
	else if (strcmp(what, "unnamed") == 0)
		make("/tmp", O_TMPFILE);
	else if (strcmp(what, "list") == 0)
		list("/tmp");
	else if (strcmp(what, "beside") == 0)
		list(dirname(argv[0]));
	else if (strcmp(what, "look") == 0)
		printf("%s, next %ld\n", access("/tmp/left", F_OK) == 0 ? "left" : "nothing left", make("/tmp", O_TMPFILE));
	else if (strcmp(what, "nothing") != 0)
		return 2;
	return 0;
}
