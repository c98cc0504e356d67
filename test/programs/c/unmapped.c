// Uses memory that no process has mapped, so that no process's own numbers tell
// of it: files in memory, of a tmpfs, in pipes. With a cgroup it counts and has
// an end; without one it passes, and the result says who measured.
//
// run: policy=compile args="memfd 100" memory=32M cgroup=on verdict=memory-limit limit=memory
// run: policy=compile args="memfd 100" memory=32M cgroup=off verdict=ok peak_memory=100K..8M
// run: policy=compile args="memfd 20" memory=32M cgroup=on verdict=ok peak_memory=20M..26M
// run: policy=compile args="freed 20" memory=32M cgroup=on verdict=ok peak_memory=20M..26M
// run: policy=compile args="shm 14" memory=8M in=unshare,both write="/dev/shm/**" cgroup=on verdict=memory-limit limit=memory
// run: policy=compile args="shm 12" in=unshare,both write="/dev/shm/**" cgroup=on verdict=ok peak_memory=12M..18M
// run: policy=compile args="tmpfs 30" memory=20M in=unshare,both cgroup=on verdict=memory-limit limit=memory
// run: policy=compile args="tmpfs 12" in=unshare,both cgroup=on verdict=ok peak_memory=12M..18M
// run: policy=compile args="pipes 40" memory=20M cgroup=on verdict=memory-limit limit=memory
// run: policy=compile args="pipes 12" cgroup=on verdict=ok peak_memory=12M..20M
// run: policy=compile args="children 60" memory=32M cgroup=on verdict=memory-limit limit=memory
// run: policy=compile args="children 60" memory=32M cgroup=off verdict=memory-limit limit=memory
// run: policy=compile args="children 20" memory=32M verdict=ok
#include "victim.h"

static char block[1 << 16];

// fill writes to a file without mapping it.
static int fill(int fd, size_t mib) {
	if (fd < 0)
		die("open");
	for (size_t n = 0; n < mib << 20; n += sizeof block)
		if (write(fd, block, sizeof block) != sizeof block)
			die("write");
	return fd;
}

// pipes fills pipes that nobody reads.
static void pipes(size_t mib) {
	for (size_t n = 0; n < mib << 20; n += sizeof block) {
		int p[2];
		if (pipe2(p, O_NONBLOCK) != 0)
			die("pipe2");
		if (write(p[1], block, sizeof block) <= 0)
			die("write");
	}
}

// children shares the memory out among processes that live at the same time.
static void children(size_t mib) {
	enum { N = 4 };
	int p[2];
	char c;
	if (pipe(p) != 0)
		die("pipe");
	for (int i = 0; i < N; i++)
		if (fork() == 0) {
			close(p[1]);
			size_t size = (mib << 20) / N;
			char *m = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			for (size_t n = 0; m != MAP_FAILED && n < size; n += 4096)
				m[n] = 1;
			_exit(read(p[0], &c, 1) != 0);
		}
	close(p[0]);
	usleep(300000);
	close(p[1]);
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv) {
	size_t mib = atoi(argv[2]);
	memset(block, 'x', sizeof block);
	if (strcmp(argv[1], "memfd") == 0)
		fill(memfd_create("m", 0), mib);
	else if (strcmp(argv[1], "freed") == 0)
		close(fill(memfd_create("m", 0), mib));
	else if (strcmp(argv[1], "shm") == 0)
		fill(open("/dev/shm/m", O_RDWR | O_CREAT, 0600), mib);
	else if (strcmp(argv[1], "tmpfs") == 0)
		fill(open("/tmp/m", O_RDWR | O_CREAT, 0600), mib);
	else if (strcmp(argv[1], "pipes") == 0)
		pipes(mib);
	else
		children(mib);
	return 0;
}
