// Touches memory: keeps it until it exits, frees it long before, does so in a
// child, or maps a terabyte that it never touches.
//
// run: args="keep 40" verdict=ok peak_memory=40M..48M
// run: args="free 40" verdict=ok peak_memory=40M..48M
// run: policy=compile args="child 40" verdict=ok peak_memory=40M..52M
// run: args="none 0" verdict=ok peak_memory=100K..4M cgroup=off
// run: args="none 0" verdict=ok peak_memory=50K..4M cgroup=on
// run: args="terabyte 0" memory=64M verdict=ok peak_memory=50K..4M
// run: args="keep 400" memory=64M verdict=memory-limit limit=memory
// run: args="free 400" memory=64M verdict=memory-limit limit=memory
// run: policy=compile args="child 400" memory=64M verdict=memory-limit limit=memory
// run: args="keep 40" memory=64M verdict=ok
// run: args="slow 400" memory=64M verdict=memory-limit limit=memory
#include "victim.h"

static void touch(size_t mib, int release, int slow) {
	char *p = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < mib << 20; i += 4096) {
		p[i] = 1;
		if (slow && i % (1 << 20) == 0)
			usleep(2000);
	}
	if (release) {
		munmap(p, mib << 20);
		usleep(50000);
	}
}

int main(int argc, char **argv) {
	size_t mib = atoi(argv[2]);
	if (strcmp(argv[1], "child") == 0) {
		pid_t pid = fork();
		int status;
		if (pid == 0) {
			touch(mib, 0, 0);
			_exit(0);
		}
		return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
	}
	if (strcmp(argv[1], "terabyte") == 0) {
		void *p = mmap(NULL, 1UL << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		return p == MAP_FAILED;
	}
	if (mib > 0)
		touch(mib, strcmp(argv[1], "free") == 0, strcmp(argv[1], "slow") == 0);
	return 0;
}
