// Writes without end: to standard output, to standard error, to a file, or
// makes a file large without writing to it.
//
// run: args="stdout" output=1M verdict=output-limit limit=output output_used=1M..1100K
// run: args="stderr" output=1M verdict=output-limit limit=output output_used=1M..1100K
// run: args="both" output=1M verdict=output-limit limit=output
// run: args="file" output=1M policy=compile verdict=output-limit limit=output
// run: args="truncate" output=1M policy=compile verdict=output-limit limit=output
// run: args="ignore" output=1M policy=compile wall=5s verdict=output-limit limit=output
// run: args="split 600000" output=1M policy=compile verdict=ok output_used=602112
// run: args="split 1100000" output=1M policy=compile verdict=output-limit limit=output
// run: args="exact 4096" output=4096 verdict=ok output_used=4096..4096
// run: args="exact 4097" output=4096 verdict=output-limit limit=output
#include "victim.h"

static char block[4096];

static int file(void) {
	int fd = open("/tmp/flood", O_CREAT | O_TRUNC | O_WRONLY, 0600);
	if (fd < 0)
		die("open");
	unlink("/tmp/flood");
	return fd;
}

int main(int argc, char **argv) {
	const char *to = argv[1];
	int fd;
	memset(block, 'x', sizeof block);
	if (strcmp(to, "exact") == 0) {
		for (int n = atoi(argv[2]); n > 0; n -= sizeof block)
			if (write(1, block, n < (int)sizeof block ? n : (int)sizeof block) < 0)
				die("write");
		return 0;
	}
	if (strcmp(to, "split") == 0) { // both to the pipe and to a file, as much to each
		fd = file();
		for (int n = atoi(argv[2]); n > 0; n -= sizeof block)
			if (write(1, block, sizeof block) < 0 || write(fd, block, sizeof block) < 0)
				die("write");
		return 0;
	}
	int ignore = strcmp(to, "ignore") == 0;
	if (ignore)
		signal(SIGXFSZ, SIG_IGN);
	fd = strcmp(to, "stderr") == 0 ? 2 : 1;
	if (strcmp(to, "file") == 0 || ignore)
		fd = file();
	if (strcmp(to, "truncate") == 0) {
		if (ftruncate(file(), 1L << 40) == 0)
			return ESCAPED;
		die("ftruncate");
	}
	for (;;) {
		if (write(fd, block, sizeof block) < 0)
			return ignore && errno == EFBIG ? 3 : 98;
		if (strcmp(to, "both") == 0)
			fd = 3 - fd;
	}
}
