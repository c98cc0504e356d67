// Attacks the page in which a tracer keeps the arguments of open: one thread
// opens a file that is allowed, again and again, while another looks for the
// page, tries to put memory of its own in its place, and writes the path of
// another file there. Prints how often the page gave way, and how often the
// wrong file was opened. With a fourth argument the other thread writes the
// program's own buffer instead, from which the path is read.
//
// build: static
// run: policy=observe args="/etc/passwd /etc/hostname 0.2" verdict=ok stdout="gave way 0, wins 0\n"
// run: policy=observe args="/etc/passwd /etc/passwd 0.2 buffer" verdict=ok stdout="gave way 0, wins 0\n"
#include "victim.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

enum { slot = 4096 + 64, slots = 128, length = slot * slots, how = 24 };

static const char *allowed, *other;
static volatile int stop, gave_way;
static int wins;
static unsigned long size; // of what was found: unsealed pages of two threads may be one

static char *find(void) {
	char line[512];
	unsigned long from, to, inode;
	char perms[5];
	char *found = NULL;
	FILE *f = fopen("/proc/self/maps", "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "%lx-%lx %4s %*s %*s %lu", &from, &to, perms, &inode) == 4 && (to - from) % length == 0 &&
		    strcmp(perms, "r--p") == 0 && inode == 0)
			found = (char *)from, size = to - from;
	if (f)
		fclose(f);
	return found;
}

// Each way to make the page writable or to replace it.
static int take(char *page) {
	if (mprotect(page, size, PROT_READ | PROT_WRITE) == 0)
		return 1;
	madvise(page, size, MADV_DONTNEED);
	mremap(page, size, 2 * size, MREMAP_MAYMOVE);
	munmap(page, size);
	return mmap(page, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page;
}

static char own[4096];

static void *rewrite(void *unused) {
	while (!stop) {
		strcpy(own, other);
		strcpy(own, allowed);
	}
	return unused;
}

static void *attack(void *unused) {
	char *page = NULL;
	while (!stop && !page)
		page = find();
	while (!stop && !gave_way)
		gave_way = take(page);
	while (!stop)
		for (char *p = page; p < page + size; p += length)
			for (int i = 0; i < 4; i++)
				strcpy(p + i * slot + how, other);
	return unused;
}

int main(int argc, char **argv) {
	struct stat a, b;
	struct timespec start, now;
	pthread_t thread;
	if (argc < 4)
		return 2;
	allowed = argv[1], other = argv[2];
	if (stat(allowed, &b))
		return 3;
	clock_gettime(CLOCK_MONOTONIC, &start);
	strcpy(own, allowed);
	close(open(own, O_RDONLY)); // a kernel that seals no memory has a page only from the time before threads
	pthread_create(&thread, NULL, argc > 4 ? rewrite : attack, NULL);
	do {
		int fd = open(own, O_RDONLY);
		if (fd >= 0 && fstat(fd, &a) == 0 && a.st_ino != b.st_ino)
			wins++;
		if (fd >= 0)
			close(fd);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) + (now.tv_nsec - start.tv_nsec) / 1e9 < atof(argv[3]) && !wins);
	stop = 1;
	pthread_join(thread, NULL);
	if (gave_way && find())
		gave_way = 0; // it was taken before it had been sealed, and was not used: there is another
	printf("gave way %d, wins %d\n", gave_way, wins);
	return 0;
}
