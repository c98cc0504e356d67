// Starts processes that open and close a file until time is up, all at once,
// and prints the nanoseconds that one round took, whoever made it.
// usage: crowd PROCESSES PATH MILLISECONDS
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv) {
	int n = atoi(argv[1]), gate[2];
	char go;
	long total = 0, *rounds = mmap(NULL, sizeof(long) * n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double length = atof(argv[3]) * 1e6;
	if (pipe(gate) != 0)
		return 1;
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid < 0)
			return 1;
		if (pid > 0)
			continue;
		close(gate[1]);
		if (read(gate[0], &go, 1) != 0) // ends when the gate opens for all
			_exit(1);
		double end = now() + length;
		do {
			for (int j = 0; j < 8; j++) {
				int fd = open(argv[2], O_RDONLY);
				if (fd < 0)
					_exit(1);
				close(fd);
			}
			rounds[i] += 8;
		} while (now() < end);
		_exit(0);
	}
	double start = now();
	close(gate[1]);
	for (int i = 0, status; i < n; i++)
		if (wait(&status) < 0 || status != 0)
			return 1;
	double took = now() - start;
	for (int i = 0; i < n; i++)
		total += rounds[i];
	printf("%.1f\n", took / total);
	return 0;
}
