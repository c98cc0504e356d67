// Signals a process whose one thread waits in a call, while all others block the
// signal: the handler runs there, and the call goes on afterwards with SA_RESTART
// and ends with EINTR without. The calls are an open of a FIFO and a connect to a
// server with a full queue.
//
// run: policy=observe parity=1 args="fifo" verdict=ok stdout="3 signals, opened\nInterrupted system call\n"
// run: policy=observe box=deny args="fifo" verdict=ok stdout="3 signals, opened\nInterrupted system call\n"
// run: policy=observe parity=1 args="connect" verdict=ok stdout="3 signals, connected\nInterrupted system call\n"
// run: policy=observe box=deny args="connect" verdict=ok stdout="3 signals, connected\nInterrupted system call\n"
#include "victim.h"
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

static volatile int signals, done;

static void handler(int sig) { signals++; }

static void mask(int how) {
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(how, &set, NULL);
}

static char name[64];

static int opens(void) { return open(name, O_RDONLY); }

// meet lets the thread's open return.
static void meet(void) { close(open(name, O_WRONLY)); }

static struct sockaddr_un server = {.sun_family = AF_UNIX};
static int listener;

static int connects(void) {
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	return connect(fd, (void *)&server, sizeof server) == 0 ? fd : -1;
}

static void fill(void) {
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	strcpy(server.sun_path, name);
	if (bind(listener, (void *)&server, sizeof server) != 0 || listen(listener, 0) != 0)
		die("listen");
	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(fd, (void *)&server, sizeof server) == 0)
			continue;
		if (errno == EAGAIN)
			break;
		die("fill");
	}
}

// drain leaves the queue as full as it was.
static void drain(void) { close(accept(listener, NULL, NULL)); }

static int (*call)(void);

static void *waits(void *result) {
	mask(SIG_UNBLOCK);
	*(int *)result = call() < 0 ? errno : 0;
	mask(SIG_BLOCK);
	done = 1;
	return NULL;
}

// one lets a thread wait and sends signals until it is told to stop.
static int one(int flags, void (*release)(void)) {
	pthread_t id;
	int result = -1;
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};
	sigaction(SIGUSR1, &sa, NULL);
	signals = done = 0;
	pthread_create(&id, NULL, waits, &result);
	usleep(100000);
	while (!done && (!release || signals < 3)) {
		int before = signals;
		kill(getpid(), SIGUSR1);
		while (signals == before && !done)
			usleep(1000);
		usleep(20000);
	}
	if (release)
		release();
	pthread_join(id, NULL);
	return result;
}

int main(int argc, char **argv) {
	int fifo = strcmp(argv[1], "fifo") == 0;
	snprintf(name, sizeof name, "/tmp/belljar-restarts-%d-%ld", getpid(), (long)time(NULL));
	call = fifo ? opens : connects;
	mask(SIG_BLOCK);
	if (!fifo)
		fill();
	else if (mkfifo(name, 0600) != 0)
		die("mkfifo");
	int result = one(SA_RESTART, fifo ? meet : drain);
	printf("%d signals, %s\n", signals, result ? strerror(result) : fifo ? "opened" : "connected");
	puts(strerror(one(0, NULL)));
	unlink(name);
	return 0;
}
