// Included by the programs of this directory.
#ifndef ATTACK_H
#define ATTACK_H

#include "victim.h"

// A secret is this long; everything a program may read is shorter.
enum { SECRET_SIZE = 64 };

// attack is one case of a program: its name on the command line and what it
// does with the arguments behind it.
struct attack {
	const char *name;
	void (*run)(char **args);
};

// play runs the attack that argv names.
static inline int play(const struct attack *all, size_t n, char **argv) {
	setvbuf(stdout, NULL, _IOLBF, 0); // a program that is killed has said what it did
	for (size_t i = 0; i < n; i++)
		if (argv[1] && strcmp(all[i].name, argv[1]) == 0) {
			all[i].run(argv + 2);
			return 0;
		}
	errno = EINVAL;
	die("no such attack");
	return 99;
}

#define PLAY(all) \
	int main(int argc, char **argv) { return play(all, sizeof all / sizeof *all, argv); }

// escape says that the program got what it must not have, and ends.
static inline void escape(const char *what) {
	printf("%s: ESCAPED\n", what);
	fflush(stdout);
	_exit(ESCAPED);
}

// make writes a file that the program may have.
static inline void make(const char *name, const char *text, mode_t mode) {
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0)
		die(name);
}

#endif
