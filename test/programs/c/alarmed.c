// Opens its own file in two threads until an alarm ends it from the handler,
// wherever the threads are by then.
//
// build: static
// run: policy=compile parity=1 verdict=ok stdout="alarm\n"
#include "victim.h"
#include <pthread.h>

static void handler(int sig) {
	if (write(1, "alarm\n", 6) == 6)
		_exit(0);
}

static void *opens(void *self) {
	for (;;)
		close(open(self, O_RDONLY));
	return NULL;
}

int main(int argc, char **argv) {
	pthread_t id;
	signal(SIGALRM, handler);
	alarm(1);
	if (pthread_create(&id, NULL, opens, argv[0]))
		die("pthread_create");
	opens(argv[0]);
	return 0;
}
