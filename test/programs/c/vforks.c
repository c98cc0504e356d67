// A storm of vfork: children that end at once, and children that exec.
//
// run: policy=compile args="exit 300" verdict=ok stdout="300\n" peak_processes=2..3
// run: policy=compile args="exec 100" verdict=ok stdout="100\n"
#include "victim.h"

static volatile int done;

int main(int argc, char **argv) {
	if (argc == 2)
		return 0; // the child of exec
	for (volatile int i = 0; i < atoi(argv[2]); i++) {
		int status;
		pid_t pid = vfork();
		if (pid == 0) {
			if (strcmp(argv[1], "exec") == 0)
				execl(argv[0], argv[0], "child", (char *)NULL);
			_exit(strcmp(argv[1], "exec") == 0);
		}
		if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
			done++;
	}
	printf("%d\n", done);
	return 0;
}
