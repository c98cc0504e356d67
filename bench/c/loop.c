// Makes one kind of system call over and over, in one thread or several, and
// prints the nanoseconds that one round took, whoever made it.
// usage: loop getppid|open|stat|refused PATH MILLISECONDS THREADS
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const char *path;
static double end;

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void check(int ok) {
	if (!ok) {
		perror(path);
		exit(1);
	}
}

static void one_getppid(void) { syscall(SYS_getppid); }

static void one_open(void) {
	int fd = open(path, O_RDONLY);
	check(fd >= 0);
	close(fd);
}

static void one_stat(void) {
	struct stat st;
	check(stat(path, &st) == 0);
}

// A file that a private root leaves out is not there, which refuses as well.
static void one_refused(void) { check(open(path, O_RDONLY) < 0 && (errno == EACCES || errno == ENOENT)); }

static const struct {
	const char *name;
	void (*one)(void);
} kinds[] = {{"getppid", one_getppid}, {"open", one_open}, {"stat", one_stat}, {"refused", one_refused}};

static void (*one)(void);

static void *work(void *rounds) {
	long n = 0;
	do {
		for (int i = 0; i < 64; i++)
			one();
		n += 64;
	} while (now() < end);
	*(long *)rounds = n;
	return NULL;
}

int main(int argc, char **argv) {
	pthread_t threads[64];
	long rounds[64], total = 0;
	if (argc != 5)
		return 2;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(argv[1], kinds[i].name) == 0)
			one = kinds[i].one;
	int n = atoi(argv[4]);
	if (!one || n < 1 || n > 64)
		return 2;
	path = argv[2];
	double start = now();
	end = start + atof(argv[3]) * 1e6;
	for (int i = 1; i < n; i++)
		if ((errno = pthread_create(&threads[i], NULL, work, &rounds[i])) != 0)
			check(0);
	work(&rounds[0]);
	for (int i = 1; i < n; i++)
		pthread_join(threads[i], NULL);
	double took = now() - start;
	for (int i = 0; i < n; i++)
		total += rounds[i];
	printf("%.1f\n", took / total);
	return 0;
}
