// Calls with paths at the borders of what a path may be. The errors are the
// kernel's, and the program goes on.
//
// run: policy=observe parity=1 verdict=ok contains="ENAMETOOLONG"
#include "victim.h"

static char page[16384] __attribute__((aligned(4096)));

static void try(const char *what, const char *path) {
	int fd = open(path, O_RDONLY);
	printf("%s: %s\n", what, fd < 0 ? strerrorname_np(errno) : "opened");
	close(fd);
}

int main(void) {
	struct stat st;
	memset(page, '/', 4095);
	try("4095 slashes", page);
	memset(page, 'x', 4095);
	try("4095 letters", page);
	memset(page, '/', 4096);
	try("4096 slashes", page);
	char *end = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(end + 4096, 4096);
	strcpy(end + 4096 - 5, "/usr");
	try("to the end of a page", end + 4096 - 5);
	memset(end + 4096 - 5, 'x', 5);
	try("over the end of a page", end + 4096 - 5);
	try("null", NULL);
	try("empty", "");
	try("root", "/");
	try("two slashes", "//usr//");
	try("file as directory", "/dev/null/x");
	try("not there", "/usr/nonexistent\n\xff");
	printf("stat: %s\n", stat(page, &st) < 0 ? strerrorname_np(errno) : "done");
	printf("fstat: %s\n", syscall(SYS_newfstatat, 0, "", &st, AT_EMPTY_PATH) < 0 ? strerrorname_np(errno) : "done");
	return 0;
}
