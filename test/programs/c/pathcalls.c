// Makes the system calls that its standard input lists and prints what came of
// each: package parity compares that inside and outside of a sandbox.
//
// A line is the call's number, "o" for a call that opens or "c" for any other,
// and its arguments: i (a number), s (a string, in hexadecimal), m (bytes), p (a
// string that ends at the end of a page), u (bytes without a NUL up to the end of
// a page, and none mapped behind), b (room for as many bytes, which are printed),
// n (NULL) and x (an address where nothing is).
//
// run: verdict=ok stdout=""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static volatile sig_atomic_t fsize;

static void on_fsize(int sig) { fsize++; }

static int unhex(char *to, const char *from) {
	int n = 0;
	for (; from[0] && from[1]; from += 2) {
		unsigned byte;
		sscanf(from, "%2x", &byte);
		to[n++] = byte;
	}
	return n;
}

// page returns size bytes that end where nothing is mapped.
static char *page(int size) {
	char *p = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(p + 2 * 4096, 4096);
	return p + 2 * 4096 - size;
}

static long argument(const char *word, char **out, int *size) {
	static char buf[1 << 17];
	int n;
	char *p;
	switch (word[0]) {
	case 'i':
		return strtoll(word + 1, 0, 10);
	case 's':
	case 'm':
		n = unhex(buf, word + 1);
		p = calloc(1, n + 1);
		memcpy(p, buf, n);
		return (long)p;
	case 'p':
		n = unhex(buf, word + 1);
		p = page(n + 1);
		memcpy(p, buf, n);
		p[n] = 0;
		return (long)p;
	case 'u':
		n = unhex(buf, word + 1);
		p = page(n);
		memcpy(p, buf, n);
		return (long)p;
	case 'b':
		*size = atoi(word + 1);
		*out = calloc(1, *size + 1);
		return (long)*out;
	case 'x':
		return 16;
	}
	return 0;
}

// describe prints what a descriptor is, and closes it.
static void describe(int fd) {
	struct stat st;
	char text[16] = "";
	fstat(fd, &st);
	int n = S_ISREG(st.st_mode) ? pread(fd, text, 8, 0) : 0;
	printf(" fd mode=%o size=%ld flags=%o cloexec=%d read=%d ", st.st_mode, S_ISREG(st.st_mode) ? (long)st.st_size : 0,
		fcntl(fd, F_GETFL) & ~O_NOFOLLOW, fcntl(fd, F_GETFD), n);
	for (int i = 0; i < n; i++)
		printf("%02x", (unsigned char)text[i]);
	close(fd);
}

static void call(char *line) {
	char *out = 0, *word = strtok(line, " ");
	int size = 0;
	long nr = atol(word), args[6] = {0};
	int opens = *strtok(0, " ") == 'o';
	for (int i = 0; i < 6 && (word = strtok(0, " ")); i++)
		args[i] = argument(word, &out, &size);
	fsize = 0;
	errno = 0;
	long value = syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	int err = errno;
	printf("%ld %d", opens && value >= 0 ? 0 : value, err);
	if (fsize)
		printf(" SIGXFSZ");
	if (opens && value >= 0)
		describe(value);
	if (out) {
		printf(" out ");
		for (int i = 0; i < size; i++)
			printf("%02x", (unsigned char)out[i]);
	}
	printf("\n");
}

int main(int argc, char **argv) {
	if (argc > 1) {
		umask(strtol(argv[1], 0, 8));
		struct rlimit limit = {1 << 20, 1 << 20};
		setrlimit(RLIMIT_FSIZE, &limit);
		signal(SIGXFSZ, on_fsize);
		// Descriptors that calls refer to by number.
		int pair[2];
		open("fifo", O_RDWR); // so that nobody waits for the other end
		dup2(open("d", O_RDONLY | O_DIRECTORY), 20);
		dup2(open("f", O_PATH), 21);
		dup2(open("f", O_RDWR), 22);
		pipe(pair);
		dup2(pair[0], 23);
		dup2(inotify_init1(0), 24);
		dup2(open("link", O_PATH | O_NOFOLLOW), 25);
		dup2(open("f", O_RDONLY), 26);
		dup2(socket(AF_UNIX, SOCK_STREAM, 0), 27);
		dup2(memfd_create("memory", 0), 28);
	}
	// All of it first: calls may change the file.
	static char script[1 << 22];
	int size = fread(script, 1, sizeof script - 1, stdin);
	for (char *line = script, *end; (end = memchr(line, '\n', script + size - line)); line = end + 1) {
		*end = 0;
		call(line);
	}
	return 0;
}
