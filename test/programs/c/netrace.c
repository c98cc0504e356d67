// Races for a peer that network rules refuse: an address is decided, and before
// the kernel looks it is another one, or the descriptor is another socket. Tests
// of network rules start the peers: what the forbidden one says, or gets, is a
// win, and so is to be where it is forbidden. "toggle" races for a call that waits and holds up who makes it: the
// allowed peer lets nobody in. Arguments: KIND SECONDS ALLOWED FORBIDDEN.
//
// run: policy=observe args="memory 0.1 1 2" verdict=ok contains="wins 0,"
#include "victim.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_un un;
} addr;
static socklen_t size;
static const char *allowed, *forbidden;
static volatile int stop;
static long tries, had, wins;

static void local(struct sockaddr_in *in, const char *port) {
	*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	size = sizeof *in;
}

// The attackers.

static void *flipPort(void *arg) {
	volatile in_port_t *port = &addr.in.sin_port;
	in_port_t one = htons(atoi(allowed)), other = htons(atoi(forbidden));
	while (!stop) {
		*port = other;
		*port = one;
	}
	return arg;
}

// The last byte of the name tells the sockets apart.
static void *flipName(void *arg) {
	volatile char *last = &addr.un.sun_path[strlen(allowed) - 1];
	char one = *last, other = forbidden[strlen(forbidden) - 1];
	while (!stop) {
		*last = other;
		*last = one;
	}
	return arg;
}

static void *flipLink(void *arg) {
	char spare[2][200];
	const char *to[2] = {allowed, forbidden};
	for (int i = 0; i < 2; i++) {
		snprintf(spare[i], sizeof spare[i], "%s.%d", (char *)arg, i);
		unlink(spare[i]);
		if (symlink(to[i], spare[i]) < 0)
			die("symlink");
	}
	while (!stop)
		if (syscall(SYS_renameat2, AT_FDCWD, spare[1], AT_FDCWD, arg, 2 /* RENAME_EXCHANGE */) < 0)
			die("renameat2");
	return arg;
}

static int socks[2], shared;

static void *flipSocket(void *arg) {
	while (!stop) {
		dup2(socks[1], shared);
		dup2(socks[0], shared);
	}
	return arg;
}

// Whether connect waits is the socket's to say, and so any descriptor's.
static void *flipNonblock(void *arg) {
	while (!stop) {
		fcntl(shared, F_SETFL, O_NONBLOCK);
		fcntl(shared, F_SETFL, 0);
	}
	return arg;
}

// The attempts.

static int connects(int family) {
	char answer[100] = "";
	int fd = socket(family, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket");
	int got = connect(fd, &addr.any, size) == 0 && read(fd, answer, sizeof answer - 1) > 0;
	close(fd);
	return got ? strstr(answer, "forbidden") ? 2 : 1 : 0;
}

// binds has won where the socket has the wrong port.
static int binds(void) {
	struct sockaddr_in own;
	socklen_t len = sizeof own;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket");
	int got = bind(fd, &addr.any, size) == 0 && getsockname(fd, (void *)&own, &len) == 0;
	close(fd);
	return got ? own.sin_port == htons(atoi(forbidden)) ? 2 : 1 : 0;
}

// bindsName has won where the wrong file was made.
static int bindsName(void) {
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		die("socket");
	int got = bind(fd, &addr.any, size) == 0;
	close(fd);
	if (unlink(forbidden) == 0)
		return 2;
	unlink(allowed);
	return got;
}

static int connectsInet(void) { return connects(AF_INET); }
static int connectsUnix(void) { return connects(AF_UNIX); }

static void nothing(int sig) {}

// waits is interrupted where it waits.
static int waits(void) { return connect(shared, &addr.any, size) < 0 && errno == EINTR; }

// sends has won where the wrong server answers.
static int sends(void) {
	static int fd = -1;
	struct iovec iov = {"?", 1};
	struct msghdr m = {.msg_name = &addr, .msg_namelen = size, .msg_iov = &iov, .msg_iovlen = 1};
	char answer[100];
	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (sendmsg(fd, &m, 0) < 0)
		return 0;
	ssize_t n = recv(fd, answer, sizeof answer, 0);
	return n > 0 ? memmem(answer, n, "forbidden", 9) ? 2 : 1 : 0;
}

// mixes has won where the datagram socket has the stream's peer.
static int mixes(void) {
	struct sockaddr_in peer;
	socklen_t len = sizeof peer;
	int ok = connect(shared, &addr.any, size) == 0;
	if (getpeername(socks[1], (void *)&peer, &len) == 0)
		return 2;
	if (ok) {
		close(socks[0]);
		socks[0] = socket(AF_INET, SOCK_STREAM, 0);
	}
	return ok;
}

// mixesNames has won where the datagram socket was bound.
static int mixesNames(void) {
	struct sockaddr_in own;
	socklen_t len = sizeof own;
	int ok = bind(shared, &addr.any, size) == 0;
	if (getsockname(socks[1], (void *)&own, &len) == 0 && own.sin_port != 0)
		return 2;
	if (ok) {
		close(socks[0]);
		socks[0] = socket(AF_INET, SOCK_STREAM, 0);
	}
	return ok;
}

int main(int argc, char **argv) {
	if (argc != 5)
		die("arguments");
	char *kind = argv[1], *name = NULL;
	double seconds = atof(argv[2]);
	allowed = argv[3], forbidden = argv[4];
	void *(*attacker)(void *) = flipPort;
	int (*attempt)(void) = connectsInet;
	if (strcmp(kind, "memory") == 0) {
		local(&addr.in, allowed);
	} else if (strcmp(kind, "send") == 0) {
		local(&addr.in, allowed);
		attempt = sends;
	} else if (strcmp(kind, "bind") == 0) {
		local(&addr.in, allowed);
		attempt = binds;
	} else if (strcmp(kind, "socket") == 0 || strcmp(kind, "bindsocket") == 0) {
		local(&addr.in, allowed);
		socks[0] = socket(AF_INET, SOCK_STREAM, 0), socks[1] = socket(AF_INET, SOCK_DGRAM, 0);
		shared = dup(socks[0]);
		attacker = flipSocket, attempt = *kind == 'b' ? mixesNames : mixes;
	} else if (strcmp(kind, "toggle") == 0) {
		struct itimerval timer = {{0, 5000}, {0, 5000}};
		struct sigaction sa = {.sa_handler = nothing};
		sigaction(SIGALRM, &sa, NULL);
		setitimer(ITIMER_REAL, &timer, NULL);
		addr.un.sun_family = AF_UNIX;
		strcpy(addr.un.sun_path, allowed);
		size = sizeof addr.un;
		shared = socket(AF_UNIX, SOCK_STREAM, 0);
		attacker = flipNonblock, attempt = waits;
	} else {
		name = strcmp(kind, "link") == 0 ? "racelink" : (char *)allowed;
		addr.un.sun_family = AF_UNIX;
		strcpy(addr.un.sun_path, name);
		size = sizeof addr.un;
		attempt = strcmp(kind, "bindname") == 0 ? bindsName : connectsUnix;
		attacker = name == allowed ? flipName : flipLink;
		if (attacker == flipLink && ((unlink(name) < 0 && errno != ENOENT) || symlink(allowed, name) < 0))
			die("symlink");
	}
	pthread_t thread;
	if (pthread_create(&thread, NULL, attacker, name))
		die("pthread_create");
	for (double end = now(CLOCK_MONOTONIC) + seconds; now(CLOCK_MONOTONIC) < end && wins == 0; tries++) {
		int got = attempt();
		had += got == 1;
		wins += got == 2;
	}
	stop = 1;
	pthread_join(thread, NULL);
	printf("wins %ld, had %ld, tries %ld\n", wins, had, tries);
	return wins ? ESCAPED : 0;
}
