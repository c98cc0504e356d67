// Makes descriptor 3 its working directory and reads files, by names relative
// to it or not. Without a descriptor 3 it stays where it is.
//
// run: policy=observe args="/nonexistent/x" verdict=ok stdout="/nonexistent/x: No such file or directory\n"
#include "victim.h"

int main(int argc, char **argv) {
	fchdir(3);
	for (int i = 1; i < argc; i++) {
		char buf[256];
		int fd = open(argv[i], O_RDONLY);
		ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf);
		if (n < 0)
			printf("%s: %s\n", argv[i], strerror(errno));
		else
			printf("%s: %.*s", argv[i], (int)n, buf);
	}
	return 0;
}
