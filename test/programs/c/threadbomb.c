// Starts threads without end.
//
// run: policy=compile processes=20 wall=500ms verdict=time-limit limit=wall peak_processes=20
#include "victim.h"
#include <pthread.h>

static void *thread(void *arg) {
	for (;;)
		pause();
	return NULL;
}

int main(void) {
	for (;;) {
		pthread_t id;
		pthread_attr_t attr;
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, 65536);
		if (pthread_create(&id, &attr, thread, NULL) != 0)
			usleep(1000);
	}
}
