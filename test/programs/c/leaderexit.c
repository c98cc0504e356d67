// The leader's thread ends while another goes on: the program has not ended
// before its last thread has.
//
// run: policy=compile args="0" verdict=ok stdout="last\n"
// run: policy=compile args="5" verdict=nonzero-exit exit=5 stdout="last\n"
// run: policy=compile args="burn" cpu=300ms verdict=time-limit limit=cpu
#include "victim.h"
#include <pthread.h>

static char *arg1;

static void *work(void *arg) {
	usleep(100000);
	if (strcmp(arg1, "burn") == 0)
		burn(100);
	puts("last");
	fflush(stdout);
	_exit(atoi(arg1));
}

int main(int argc, char **argv) {
	pthread_t id;
	arg1 = argv[1];
	if (pthread_create(&id, NULL, work, NULL) != 0)
		die("pthread_create");
	pthread_exit(NULL);
}
