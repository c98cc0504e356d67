// Lets a file grow beyond RLIMIT_FSIZE by its name: the call fails, and a signal
// says so that the process seems to have sent itself.
//
// run: policy=observe parity=1 verdict=ok stdout="truncate: EFBIG, signals 1, code 0, own 1\nignored: EFBIG, signals 1, code 0, own 1\nwithin: ok\n"
// run: policy=observe args="die" verdict=signaled signal=SIGXFSZ
// A limit that the program gave itself is not the output limit.
// run: policy=observe args="die" output=2M verdict=signaled signal=SIGXFSZ
// run: policy=observe args="write" output=2M verdict=signaled signal=SIGXFSZ
#include "victim.h"

static siginfo_t got;
static int signals;

static void handler(int sig, siginfo_t *info, void *context) {
	got = *info;
	signals++;
}

static void grow(const char *what, const char *name) {
	int failed = truncate(name, 2 << 20) < 0;
	printf("%s: %s, signals %d, code %d, own %d\n", what, failed ? strerrorname_np(errno) : "ok", signals, got.si_code,
		got.si_pid == getpid() && got.si_uid == getuid());
}

int main(int argc, char **argv) {
	char name[64];
	struct sigaction sa = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
	snprintf(name, sizeof name, "/tmp/belljar-fsize-%d", getpid());
	close(open(name, O_CREAT | O_WRONLY, 0600));
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
	if (argc > 1 && strcmp(argv[1], "write") == 0) {
		int fd = open(name, O_WRONLY);
		unlink(name);
		return pwrite(fd, "x", 1, 1 << 20) == 1;
	}
	if (argc > 1) {
		int fd = open(name, O_RDONLY);
		char link[64];
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		unlink(name);
		truncate(link, 2 << 20);
		return 1;
	}
	sigaction(SIGXFSZ, &sa, NULL);
	grow("truncate", name);
	signal(SIGXFSZ, SIG_IGN);
	grow("ignored", name);
	printf("within: %s\n", truncate(name, 1 << 20) < 0 ? strerrorname_np(errno) : "ok");
	unlink(name);
	return 0;
}
