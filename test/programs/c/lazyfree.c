// Opens a path that lies across two pages of which the kernel may take the second
// away at any moment: then the path is a shorter one. Prints its number, and at the end how
// often what was opened was the shorter one, whose first byte is 's'.
// usage: lazyfree free|drop DIRECTORY SECONDS
//   opens DIRECTORY/secret.not and never means DIRECTORY/secret
// usage: lazyfree outside PID
//   stands for a machine that is short of memory: asks the kernel to take that page of
//   another process, until it is gone
//
// build: dynamic static
// run: policy=observe args="free /etc 0.1" verdict=ok contains="wins 0\n"
#include "victim.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>

#define PAGE ((char *)0x10001000)
enum { droppable = 8, madv_free = 8, madv_cold = 20, madv_pageout = 21 };

static int outside(pid_t pid) {
	int fd = syscall(SYS_pidfd_open, pid, 0);
	struct iovec page = {PAGE, 4096};
	if (fd < 0)
		die("pidfd_open");
	for (unsigned n = 0; syscall(440, fd, &page, 1, madv_pageout, 0) >= 0 || errno != ESRCH; n++) // process_madvise
		for (volatile unsigned wait = n % 64 * 50; wait; wait--) // not always the same time after the last
			;
	return 0;
}

int main(int argc, char **argv) {
	struct timespec start, now;
	char c, path[256], *p;
	int wins = 0;
	if (argc == 3)
		return outside(atoi(argv[2]));
	if (argc != 4)
		return 2;
	printf("%d\n", getpid());
	fflush(stdout);
	int drop = strcmp(argv[1], "drop") == 0;
	if (mmap(PAGE - 4096, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		die("mmap");
	if (drop && mmap(PAGE, 4096, PROT_READ | PROT_WRITE, droppable | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		puts("wins -1"); // an older kernel
		return 0;
	}
	snprintf(path, sizeof path, "%s/secret", argv[2]);
	p = PAGE - strlen(path);
	memcpy(p, path, strlen(path));
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		for (int i = 0; i < 50 && !wins; i++) {
			strcpy(PAGE, ".not");
			// Either call also takes the new page from this CPU's list of pages that reclaim does not
			// see yet. MADV_COLD of another page changes nothing else.
			if (drop)
				madvise(PAGE - 4096, 4096, madv_cold);
			else
				madvise(PAGE, 4096, madv_free);
			int fd = open(p, O_RDONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			wins += read(fd, &c, 1) == 1 && c == 's';
			close(fd);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!wins && now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) / 1e9 < atof(argv[3]));
	printf("wins %d\n", wins);
	return 0;
}
