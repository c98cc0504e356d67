// Calls clone3, whose arguments lie in memory where no filter can judge them:
// it must answer ENOSYS, so that C libraries fall back to clone.
//
// run: verdict=ok stdout="clone3: refused: ENOSYS\n"
// run: policy=compile verdict=ok stdout="clone3: refused: ENOSYS\n"
#include "victim.h"
#include <linux/sched.h>

int main(void) {
	struct clone_args args = {.exit_signal = SIGCHLD};
	report("clone3", syscall(SYS_clone3, &args, sizeof args));
}
