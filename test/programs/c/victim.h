// Included by the programs of this directory.
#ifndef VICTIM_H
#define VICTIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A program that got what it must not have exits with this status.
enum { ESCAPED = 42 };

// report prints what a call that should be refused returned, and exits.
static inline void report(const char *what, long result) {
	if (result == -1) {
		printf("%s: refused: %s\n", what, strerrorname_np(errno));
		exit(0);
	}
	printf("%s: ESCAPED: %ld\n", what, result);
	exit(ESCAPED);
}

// die ends a program that could not do its own work.
static inline void die(const char *what) {
	perror(what);
	exit(99);
}

static inline double now(clockid_t clock) {
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

// burn uses CPU time of the calling thread.
static inline void burn(double seconds) {
	double end = now(CLOCK_THREAD_CPUTIME_ID) + seconds;
	volatile unsigned long x = 0;
	while (now(CLOCK_THREAD_CPUTIME_ID) < end)
		for (int i = 0; i < 10000; i++)
			x += i;
}

#endif
