// Signals every process it may, or its parent. Where no PID namespace holds it,
// the policy must stop the call: the signal is then a harmless one. In a PID
// namespace it is SIGKILL, which reaches the program's own processes only.
//
// run: in=open args="all" verdict=violation|ok contains=""
// run: in=open args="parent" verdict=violation|ok contains=""
// run: in=unshare policy=compile args="all" verdict=ok|signaled
// run: in=both policy=compile args="all" verdict=ok|signaled|violation
#include "victim.h"

int main(int argc, char **argv) {
	int all = strcmp(argv[1], "all") == 0;
	// A PID namespace of Belljar's holds few processes.
	int signal = getpid() < 50 ? SIGKILL : SIGCONT;
	pid_t target = all ? -1 : getppid();
	if (target == 0)
		return 0;
	if (kill(target, signal) != 0)
		printf("refused: %s\n", strerrorname_np(errno));
	return 0;
}
