// Burns CPU time: in itself, in two threads, in a child that it waits for, in
// a grandchild that nobody waits for, or inside system calls.
//
// run: args="self 0.1" verdict=ok cpu_used=95ms..400ms
// run: args="self 100" cpu=150ms verdict=time-limit limit=cpu cpu_used=150ms..450ms
// run: policy=compile args="threads 0.05" verdict=ok cpu_used=95ms..400ms
// run: policy=compile args="threads 100" cpu=150ms verdict=time-limit limit=cpu cpu_used=150ms..450ms
// run: policy=compile args="child 0.1" verdict=ok cpu_used=95ms..400ms
// run: policy=compile args="child 100" cpu=150ms verdict=time-limit limit=cpu cpu_used=150ms..450ms
// run: policy=compile args="orphan 0.1" verdict=ok cpu_used=95ms..400ms
// run: policy=compile args="orphan 100" cpu=150ms verdict=time-limit limit=cpu cpu_used=150ms..450ms
// run: policy=compile args="many 100" cpu=300ms verdict=time-limit limit=cpu cpu_used=300ms..700ms
// run: args="calls 100" cpu=150ms verdict=time-limit limit=cpu
// run: args="ignore 100" cpu=150ms policy=compile verdict=time-limit limit=cpu
#include "victim.h"
#include <pthread.h>

static double seconds;

static void *thread(void *arg) {
	burn(seconds);
	return NULL;
}

static void threads(void) {
	pthread_t a, b;
	if (pthread_create(&a, NULL, thread, NULL) || pthread_create(&b, NULL, thread, NULL))
		die("pthread_create");
	pthread_join(a, NULL);
	pthread_join(b, NULL);
}

static void child(void) {
	pid_t pid = fork();
	if (pid == 0) {
		burn(seconds);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
}

// orphan waits for its grandchild by a pipe, never by wait.
static void orphan(void) {
	int p[2];
	char c;
	if (pipe(p) != 0)
		die("pipe");
	if (fork() == 0) {
		if (fork() == 0) {
			burn(seconds);
			_exit(0);
		}
		_exit(0);
	}
	close(p[1]);
	if (read(p[0], &c, 1) != 0)
		die("read");
}

// many spreads the work over processes so short that each alone is far from
// any limit.
static void many(void) {
	double end = now(CLOCK_MONOTONIC) + seconds;
	while (now(CLOCK_MONOTONIC) < end) {
		pid_t pid = fork();
		if (pid == 0) {
			burn(0.01);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

int main(int argc, char **argv) {
	const char *mode = argv[1];
	seconds = atof(argv[2]);
	if (strcmp(mode, "threads") == 0)
		threads();
	else if (strcmp(mode, "child") == 0)
		child();
	else if (strcmp(mode, "orphan") == 0)
		orphan();
	else if (strcmp(mode, "many") == 0)
		many();
	else if (strcmp(mode, "calls") == 0)
		for (double end = now(CLOCK_MONOTONIC) + seconds; now(CLOCK_MONOTONIC) < end;)
			for (int i = 0; i < 1000; i++)
				syscall(SYS_read, -1, NULL, 0);
	else {
		if (strcmp(mode, "ignore") == 0) // the limit must not depend on SIGXCPU
			signal(SIGXCPU, SIG_IGN);
		burn(seconds);
	}
	return 0;
}
