// Starts threads that each fork children, all of them alive at once. The
// children wait until the last is there, then all end.
//
// run: policy=compile args="8 10" verdict=ok stdout="children 80\n" peak_processes=89
// run: policy=compile args="1 0" verdict=ok stdout="children 0\n" peak_processes=2
// run: policy=compile args="8 10" processes=40 verdict=nonzero-exit exit=11
#include "victim.h"
#include <pthread.h>

static int children, total, gate[2];
static pthread_barrier_t all;

static void *work(void *arg) {
	pid_t *pids = calloc(children + 1, sizeof *pids);
	for (int i = 0; i < children; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			_exit(errno == EAGAIN ? 11 : 98);
		if (pids[i] == 0) {
			char c;
			close(gate[1]);
			_exit(read(gate[0], &c, 1) == 0 ? 0 : 97);
		}
	}
	pthread_barrier_wait(&all);
	for (int i = 0; i < children; i++) {
		int status;
		if (waitpid(pids[i], &status, 0) == pids[i] && status == 0)
			__atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

int main(int argc, char **argv) {
	int threads = atoi(argv[1]);
	children = atoi(argv[2]);
	pthread_t ids[64];
	if (pipe(gate) != 0)
		die("pipe");
	pthread_barrier_init(&all, NULL, threads + 1);
	for (int i = 0; i < threads; i++)
		if ((errno = pthread_create(&ids[i], NULL, work, NULL)) != 0)
			_exit(errno == EAGAIN ? 11 : 96);
	pthread_barrier_wait(&all);
	close(gate[1]); // lets the children end: they see the end of the pipe
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	printf("children %d\n", total);
	return 0;
}
