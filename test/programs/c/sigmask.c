// Starts with every signal at its default and none blocked or pending. Used for
// comparing with a program that is started outside.
//
// run: verdict=ok stdout="ignored 0 handled 0 blocked 0\n"
#include "victim.h"

int main(void) {
	int ignored = 0, handled = 0, blocked = 0;
	sigset_t mask;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (int sig = 1; sig <= 64; sig++) {
		struct sigaction act;
		if (sigaction(sig, NULL, &act) == 0) {
			ignored += act.sa_handler == SIG_IGN;
			handled += act.sa_handler != SIG_IGN && act.sa_handler != SIG_DFL;
		}
		blocked += sigismember(&mask, sig) == 1;
	}
	printf("ignored %d handled %d blocked %d\n", ignored, handled, blocked);
	return 0;
}
