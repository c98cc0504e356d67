// Opens the file whose path lies in memory that it has in common with a process
// outside, again and again, while that writes the path of another file there.
// Prints how often the other file was opened, which begins with a zero.
// usage: common MEMORY ALLOWED OTHER SECONDS [write]
//   with "write" it is the process outside, which writes until it is killed
//
// run: policy=observe args="/dev/zero /etc/passwd /etc/hostname 0.1" verdict=ok stdout="wins 0\n"
#include "victim.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

int main(int argc, char **argv) {
	char c;
	struct timespec start, now;
	int wins = 0;
	if (argc < 5)
		return 2;
	int fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(argv[1]);
	char *path = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (path == MAP_FAILED)
		die("mmap");
	strcpy(path, argv[2]);
	while (argc > 5) {
		strcpy(path, argv[3]);
		strcpy(path, argv[2]);
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		for (int i = 0; i < 100 && !wins; i++) {
			int got = open(path, O_RDONLY | O_CLOEXEC);
			if (got < 0)
				continue;
			wins += read(got, &c, 1) == 1 && c == 0;
			close(got);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!wins && now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) / 1e9 < atof(argv[4]));
	printf("wins %d\n", wins);
	return 0;
}
