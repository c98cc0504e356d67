// Copies standard input to standard output.
//
// run: stdin="one\ntwo\n" verdict=ok stdout="one\ntwo\n"
// run: verdict=ok stdout=""
// run: stdin="x" args="3" verdict=nonzero-exit exit=3 stdout="x"
#include "victim.h"

int main(int argc, char **argv) {
	char buf[4096];
	size_t n;
	while ((n = fread(buf, 1, sizeof buf, stdin)) > 0)
		fwrite(buf, 1, n, stdout);
	return argc > 1 ? atoi(argv[1]) : 0;
}
