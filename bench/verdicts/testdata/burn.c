// Uses CPU time or memory, and says how much: "burn self|threads|child|calls SECONDS"
// prints the nanoseconds that getrusage(2) counted, "burn spin|crowd N" never ends,
// "burn touch BYTES" and "burn nothing" do what they say.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds;

static double used(int who) {
	struct rusage u;
	getrusage(who, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void *burn(void *who) {
	double end = used((intptr_t)who) + seconds;
	while (used((intptr_t)who) < end)
		for (volatile int i = 0; i < 100000; i++)
			;
	return NULL;
}

static void *spin(void *arg) {
	for (volatile unsigned i = 0;; i++)
		;
}

static void threads(int n, void *(*f)(void *), void *arg) {
	pthread_t t[64];
	for (int i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, f, arg) != 0)
			exit(1);
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

static void crowd(void) {
	for (;;)
		fork();
}

static void child(void) {
	if (fork() == 0) {
		burn((void *)RUSAGE_SELF);
		_exit(0);
	}
	wait(NULL);
}

static void calls(void) {
	double end = used(RUSAGE_SELF) + seconds;
	while (used(RUSAGE_SELF) < end)
		for (int i = 0; i < 1000; i++)
			syscall(SYS_read, -1, NULL, 0);
}

static int touch(size_t bytes) {
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < bytes; i += 4096)
		p[i] = 1;
	return 0;
}

int main(int argc, char **argv) {
	const char *what = argv[1], *n = argc > 2 ? argv[2] : "1";
	seconds = atof(n);
	if (strcmp(what, "nothing") == 0)
		return 0;
	if (strcmp(what, "touch") == 0)
		return touch(strtoull(n, NULL, 10));
	if (strcmp(what, "spin") == 0)
		threads(atoi(n), spin, NULL);
	else if (strcmp(what, "crowd") == 0)
		crowd();
	else if (strcmp(what, "threads") == 0)
		threads(2, burn, (void *)RUSAGE_THREAD);
	else if (strcmp(what, "child") == 0)
		child();
	else if (strcmp(what, "calls") == 0)
		calls();
	else
		burn((void *)RUSAGE_SELF);
	printf("%.0f\n", (used(RUSAGE_SELF) + used(RUSAGE_CHILDREN)) * 1e9);
	return 0;
}
