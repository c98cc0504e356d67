// Tries to change a limit of its parent, which without a PID namespace is
// Belljar: no descriptors, no memory or no CPU time would blind or kill it.
//
// run: policy=observe args="7 1" memory=64M verdict=nonzero-exit exit=1
// run: policy=observe args="9 0" memory=64M verdict=nonzero-exit exit=1
// run: policy=observe args="0 0" memory=64M verdict=nonzero-exit exit=1
#include "victim.h"
#include <sys/resource.h>

int main(int argc, char **argv) {
	struct rlimit limit = {(rlim_t)atoi(argv[2]), (rlim_t)atoi(argv[2])};
	pid_t parent = getppid();
	// In a PID namespace the parent is outside and is 0, which means oneself.
	if (parent == 0)
		return 1;
	return prlimit(parent, (enum __rlimit_resource)atoi(argv[1]), &limit, NULL) != 0;
}
