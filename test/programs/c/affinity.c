// Does what the letters on its standard input say, and prints a line for each:
// how many CPUs it may use, as the kernel tells it in one way or another.
//
// build: dynamic static
// run: policy=judge args="/etc/ld.so.cache" verdict=ok stdout=""
#include "victim.h"
#include <pthread.h>

static int own(void) {
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set))
		die("sched_getaffinity");
	return CPU_COUNT(&set);
}

static void *thread(void *arg) {
	*(int *)arg = own();
	return NULL;
}

static int of_thread(void) {
	pthread_t t;
	int n;
	if (pthread_create(&t, NULL, thread, &n) || pthread_join(t, NULL))
		die("pthread_create");
	return n;
}

static int of_child(void) {
	int status;
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		_exit(own());
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return WEXITSTATUS(status);
}

static int in_status(void) {
	char line[256];
	int n = 0;
	FILE *f = fopen("/proc/self/status", "r");
	if (!f)
		die("/proc/self/status");
	while (fgets(line, sizeof line, f))
		if (strncmp(line, "Cpus_allowed:", 13) == 0)
			for (char *p = line + 13; *p; p++)
				if (*p != ',' && *p > ' ')
					n += __builtin_popcount(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	fclose(f);
	return n;
}

// restrict_to_one keeps the program on the first of its CPUs.
static int restrict_to_one(void) {
	cpu_set_t set, one;
	sched_getaffinity(0, sizeof set, &set);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &set))
			CPU_SET(i, &one);
	if (sched_setaffinity(0, sizeof one, &one))
		die("sched_setaffinity");
	return own();
}

static int burst(const char *path) {
	for (int i = 0; i < 200; i++)
		close(open(path, O_RDONLY | O_CLOEXEC));
	return getpid();
}

// become_child goes on as a child, for which the parent waits.
static int become_child(void) {
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid > 0) {
		if (waitpid(pid, NULL, 0) != pid)
			die("waitpid");
		exit(0);
	}
	return getppid();
}

int main(int argc, char **argv) {
	char c;
	setlinebuf(stdout);
	while (read(0, &c, 1) == 1)
		switch (c) {
		case 'b': printf("%d\n", burst(argv[1])); break;
		case 'o': printf("%d\n", own()); break;
		case 't': printf("%d\n", of_thread()); break;
		case 'c': printf("%d\n", of_child()); break;
		case 'f': printf("%d\n", become_child()); break;
		case 's': printf("%d\n", in_status()); break;
		case '1': printf("%d\n", restrict_to_one()); break;
		}
	return 0;
}
