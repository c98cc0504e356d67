// Handles signals of its own and prints what their handlers were told: SIGTRAP
// (which a tracer must not mistake for its own), SIGALRM, a queued signal with
// a value, a fault with its address. The output is the same outside.
//
// run: policy=compile parity=1 verdict=ok contains="SIGTRAP"
#include "victim.h"
#include <sys/time.h>

static volatile sig_atomic_t seen;
static siginfo_t last;

static void handler(int sig, siginfo_t *info, void *context) {
	last = *info;
	seen = sig;
}

static void show(const char *how) {
	printf("%s: SIG%s code %d from %s value %d errno %d\n", how, sigabbrev_np(seen), last.si_code,
	       last.si_code == SI_QUEUE || last.si_code == SI_TKILL || last.si_code == SI_USER
	           ? (last.si_pid == getpid() && last.si_uid == getuid() ? "self" : "other") : "kernel",
	       last.si_code == SI_QUEUE ? last.si_value.sival_int : 0, last.si_errno);
	seen = 0;
}

int main(void) {
	int sigs[] = {SIGTRAP, SIGALRM, SIGUSR1, SIGUSR2, SIGCHLD, SIGRTMIN, SIGWINCH, SIGTTIN};
	struct sigaction act = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	for (size_t i = 0; i < sizeof sigs / sizeof *sigs; i++)
		sigaction(sigs[i], &act, NULL);

	raise(SIGTRAP);
	show("raise");
	raise(SIGUSR1);
	show("raise");
	kill(getpid(), SIGUSR2);
	show("kill");
	sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 4711});
	show("sigqueue");
	sigqueue(getpid(), SIGTRAP, (union sigval){.sival_int = 5});
	show("sigqueue");
	raise(SIGWINCH);
	show("raise");
	raise(SIGTTIN);
	show("raise");
#if defined(__x86_64__)
	__asm__ volatile("int3");
	show("int3");
#endif
	struct itimerval timer = {.it_value = {.tv_usec = 10000}};
	setitimer(ITIMER_REAL, &timer, NULL);
	for (int i = 0; i < 100 && !seen; i++)
		usleep(10000);
	show("timer");
	pid_t pid = fork();
	if (pid == 0)
		_exit(3);
	while (!seen)
		usleep(1000);
	printf("child: SIG%s code %d status %d pid %s\n", sigabbrev_np(seen), last.si_code, last.si_status,
	       last.si_pid == pid ? "right" : "wrong");
	return 0;
}
