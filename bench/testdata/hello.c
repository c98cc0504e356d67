#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
	char line[256] = "hello";
	for (int i = 1; i < argc; i++)
		strncat(line, argv[i], sizeof line - strlen(line) - 1);
	return puts(line) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
