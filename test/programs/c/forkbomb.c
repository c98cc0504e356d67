// Forks without end; where fork fails it tries again. The limit on processes
// holds and the run ends by its time.
//
// run: verdict=violation syscall=clone
// run: policy=compile processes=20 wall=500ms verdict=time-limit peak_processes=2..20
// run: policy=compile processes=20 cpu=300ms wall=5s verdict=time-limit limit=cpu peak_processes=2..20
#include "victim.h"

int main(void) {
	for (;;)
		fork();
}
