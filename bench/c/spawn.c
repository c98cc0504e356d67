// Runs a command again and again by vfork and exec, the least that starting a
// program costs, and prints the nanoseconds that one run took. Several workers
// run it side by side; what is printed then is the time by the number of all
// runs. In the command's arguments @ stands for the worker's number, which keeps
// names apart that must differ.
// usage: spawn MILLISECONDS WORKERS COMMAND ARG...
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { most_workers = 64 };

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

// find looks a program up once, so that no run pays for it.
static char *find(char *name) {
	char *dirs = getenv("PATH");
	if (strchr(name, '/') || !dirs)
		return name;
	dirs = strdup(dirs);
	for (char *dir = strtok(dirs, ":"); dir; dir = strtok(NULL, ":")) {
		char *path;
		if (asprintf(&path, "%s/%s", dir, name) > 0 && access(path, X_OK) == 0)
			return path;
	}
	return name;
}

static char *numbered(const char *text, int worker) {
	char *out = malloc(strlen(text) * 2 + 1), *to = out;
	for (; *text; text++)
		to += *text == '@' ? sprintf(to, "%d", worker) : (*to = *text, 1);
	*to = 0;
	return out;
}

static long work(double end, int worker, char **argv, int quiet) {
	long runs = 0;
	char *path = find(argv[0]);
	for (char **arg = argv; *arg; arg++)
		if (strchr(*arg, '@'))
			*arg = numbered(*arg, worker);
	do {
		int status;
		pid_t pid = vfork();
		if (pid == 0) {
			dup2(quiet, 1);
			execv(path, argv);
			_exit(127);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
			fprintf(stderr, "%s: failed, wait status %#x\n", argv[0], status);
			exit(1);
		}
		runs++;
	} while (now() < end);
	return runs;
}

int main(int argc, char **argv) {
	if (argc < 4)
		return 2;
	int workers = atoi(argv[2]), quiet = open("/dev/null", O_RDWR | O_CLOEXEC), failed = 0;
	if (workers < 1 || workers > most_workers || quiet < 0)
		return 2;
	dup2(quiet, 0);
	long *runs = mmap(NULL, sizeof(long) * most_workers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), total = 0;
	double start = now(), end = start + atof(argv[1]) * 1e6;
	for (int i = 1; i < workers; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			runs[i] = work(end, i, argv + 3, quiet);
			_exit(0);
		}
	runs[0] = work(end, 0, argv + 3, quiet);
	for (int i = 1, status; i < workers; i++)
		failed |= wait(&status) < 0 || status != 0;
	double took = now() - start;
	for (int i = 0; i < workers; i++)
		total += runs[i];
	printf("%.0f\n", took / total);
	return failed;
}
