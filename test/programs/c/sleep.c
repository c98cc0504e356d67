// Sleeps. A limit on CPU time does not end it; one on wall time does.
//
// run: args="0.1" verdict=ok cpu_used=0s..90ms
// run: args="100" wall=300ms verdict=time-limit limit=wall cpu_used=0s..200ms
// run: args="100" cpu=1s wall=300ms verdict=time-limit limit=wall
#include "victim.h"

int main(int argc, char **argv) {
	double s = atof(argv[1]);
	struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)((s - (time_t)s) * 1e9)};
	return nanosleep(&t, NULL);
}
