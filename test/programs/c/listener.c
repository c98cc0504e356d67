// Installs a filter with a listener of its own, which would answer for the
// supervisor.
//
// run: verdict=violation syscall=seccomp
// run: policy=observe verdict=violation syscall=seccomp
#include "victim.h"
#include <linux/filter.h>
#include <linux/seccomp.h>

int main(void) {
	struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
	struct sock_fprog prog = {1, &allow};
	report("listener", syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog));
}
