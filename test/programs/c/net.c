// Uses sockets as its arguments say, each KIND,ADDRESS,..., and prints what came
// of each. Tests of network rules start the servers that it asks.
//
// run: args="socket,2,1,0" verdict=violation syscall=socket
// run: args="socket,1,1,0" policy=compile verdict=ok contains="socket,1,1,0: EACCES"
// run: args="pair,1 pair,5" policy=compile verdict=ok contains="pair,5: ok"
// run: args="pair,2" policy=compile verdict=ok contains="pair,2: EACCES"
#include "victim.h"
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

static struct sockaddr_storage addr;
static socklen_t size;
static char *field[8];

// parse reads an address from two fields: of IPv4, of IPv6, or a path or @NAME.
static int parse(int i) {
	struct sockaddr_in *in = (void *)&addr;
	struct sockaddr_in6 *in6 = (void *)&addr;
	struct sockaddr_un *un = (void *)&addr;
	memset(&addr, 0, sizeof addr);
	if (field[i][0] == '/' || field[i][0] == '@' || field[i][0] == '.') {
		un->sun_family = AF_UNIX;
		strncpy(un->sun_path, field[i], sizeof un->sun_path - 1);
		size = offsetof(struct sockaddr_un, sun_path) + strlen(field[i]);
		if (un->sun_path[0] == '@')
			un->sun_path[0] = 0;
		else
			size++;
		return AF_UNIX;
	}
	if (inet_pton(AF_INET6, field[i], &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(atoi(field[i + 1]));
		size = sizeof *in6;
		return AF_INET6;
	}
	if (inet_pton(AF_INET, field[i], &in->sin_addr) != 1)
		die(field[i]);
	in->sin_family = AF_INET;
	in->sin_port = htons(atoi(field[i + 1]));
	size = sizeof *in;
	return AF_INET;
}

static char answer[4096];

// hear reads what a peer says.
static int hear(int fd) {
	ssize_t n = recv(fd, answer, sizeof answer - 1, 0);
	if (n < 0)
		return -1;
	answer[n] = 0;
	return 0;
}

static int tcp(int flags) {
	int fd = socket(parse(1), SOCK_STREAM | flags, 0);
	if (fd < 0 || connect(fd, (void *)&addr, size) < 0)
		return -1;
	return hear(fd);
}

// later connects without waiting and asks afterwards what came of it.
static int later(void) {
	int fd = socket(parse(1), SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(fd, (void *)&addr, size) == 0 || errno != EINPROGRESS)
		return -1;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	poll(&p, 1, -1);
	socklen_t len = sizeof errno;
	int error;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	snprintf(answer, sizeof answer, "in progress, then %s", strerrorname_np(error));
	return 0;
}

// again connects, parts, and connects anew.
static int again(void) {
	int fd = socket(parse(1), SOCK_DGRAM, 0);
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	if (connect(fd, (void *)&addr, size) < 0)
		return -1;
	struct sockaddr_in6 peer;
	socklen_t len = sizeof peer;
	if (connect(fd, &none, sizeof none) < 0)
		return -1;
	if (getpeername(fd, (void *)&peer, &len) == 0 || errno != ENOTCONN)
		return -1;
	return connect(fd, (void *)&addr, size);
}

static ssize_t transmit(int fd, const char *how, const char *text) {
	struct iovec iov[2] = {{(char *)text, 2}, {(char *)text + 2, strlen(text) - 2}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_name = &addr, .msg_namelen = size, .msg_iov = iov, .msg_iovlen = 2}}};
	if (strcmp(how, "to") == 0)
		return sendto(fd, text, strlen(text), 0, (void *)&addr, size);
	if (strcmp(how, "msg") == 0)
		return sendmsg(fd, &m[0].msg_hdr, 0);
	if (strcmp(how, "mmsg") == 0) {
		m[1] = m[0];
		int n = sendmmsg(fd, m, 2, 0);
		if (n == 1) // as a program goes on that was told less than it asked for
			n += sendmmsg(fd, m + 1, 1, 0);
		if (n == 2 && hear(fd) < 0)
			return -1;
		return n == 2 && m[0].msg_len == strlen(text) && m[1].msg_len == m[0].msg_len ? (ssize_t)strlen(text) : -1;
	}
	if (connect(fd, (void *)&addr, size) < 0)
		return -1;
	return strcmp(how, "sendto") == 0 ? sendto(fd, text, strlen(text), 0, NULL, 0) : write(fd, text, strlen(text));
}

// datagram sends one in some way and hears the echo: HOW,ADDRESS,PORT.
static int datagram(void) {
	int family = parse(2);
	int fd = socket(family, SOCK_DGRAM, 0);
	if (fd < 0)
		return -1;
	if (family == AF_UNIX) { // an autobound name, to be answered
		struct sockaddr_un own = {.sun_family = AF_UNIX};
		if (field[3] && bind(fd, (void *)&own, sizeof own.sun_family) < 0)
			return -1;
	}
	char text[] = "ping";
	if (transmit(fd, field[1], text) != (ssize_t)strlen(text))
		return -1;
	return family == AF_UNIX ? 0 : hear(fd);
}

static int bound(int listening) {
	int fd = socket(parse(1), SOCK_STREAM, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (void *)&addr, size) < 0 || (listening && listen(fd, 5) < 0))
		return -1;
	if (!listening)
		return 0;
	getsockname(fd, (void *)&addr, &size);
	if (addr.ss_family == AF_UNIX && ((struct sockaddr_un *)&addr)->sun_path[0])
		parse(1); // Belljar binds the last component where it has decided
	// And back to itself.
	int other = socket(addr.ss_family, SOCK_STREAM, 0);
	if (connect(other, (void *)&addr, size) < 0)
		return -1;
	int peer = accept(fd, NULL, NULL);
	if (write(peer, "self", 4) != 4)
		return -1;
	return hear(other);
}

static int unbound(void) {
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return fd < 0 ? -1 : listen(fd, 5);
}

static int fastopen(void) {
	int fd = socket(parse(1), SOCK_STREAM, 0);
	if (sendto(fd, "x", 1, MSG_FASTOPEN, (void *)&addr, size) < 0)
		return -1;
	return hear(fd);
}

// rights sends a descriptor through a pair, in a message that may be made on
// behalf, and writes through what arrives.
static int rights(void) {
	int pair[2], pipes[2], got;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || pipe(pipes) < 0)
		return -1;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	memcpy(CMSG_DATA(&control.header), &pipes[1], sizeof(int));
	struct iovec iov = {"x", 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	if (sendmsg(pair[0], &m, 0) != 1)
		return -1;
	char byte;
	iov.iov_base = &byte;
	if (recvmsg(pair[1], &m, 0) != 1 || m.msg_controllen < CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&got, CMSG_DATA(&control.header), sizeof got);
	if (got == pipes[1] || write(got, "through", 7) != 7 || read(pipes[0], answer, sizeof answer) != 7)
		return -1;
	answer[7] = 0;
	return 0;
}

// flood sends more than the pair's buffers hold while a child reads it slowly.
static int flood(void) {
	static char block[300000];
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	pid_t child = fork();
	if (child < 0)
		return -1;
	if (child == 0) {
		close(pair[0]);
		size_t sum = 0;
		for (ssize_t n; (n = read(pair[1], answer, sizeof answer)) > 0; sum += n)
			if (sum < 100000)
				usleep(500);
		_exit(sum == sizeof block * 3 ? 0 : 1);
	}
	close(pair[1]);
	struct iovec iov[3] = {{block, sizeof block}, {block, sizeof block}, {block, sizeof block}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 3};
	ssize_t sent = sendmsg(pair[0], &m, 0);
	close(pair[0]);
	int status;
	waitpid(child, &status, 0);
	snprintf(answer, sizeof answer, "%zd, reader %d", sent, status);
	return 0;
}

// What interrupts a call: the first signal lets it be made anew, the second not.
// On a busy machine one may come before the call; it does not count. The time to
// the next is long, so that it does not come between a call's end and its answer.
static volatile int signals, calling;

static void alarm_in(long microseconds) {
	setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0, microseconds}}, NULL);
}

static void handler(int sig) {
	struct sigaction sa = {.sa_handler = handler};
	alarm_in(400000);
	if (!calling)
		return;
	signals++;
	sigaction(SIGALRM, &sa, NULL);
}

static void alarms(void) {
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
	signals = calling = 0;
	sigaction(SIGALRM, &sa, NULL);
	alarm_in(50000);
	calling = 1;
}

static int alarmed(int result) {
	int errnum = errno;
	setitimer(ITIMER_REAL, &(struct itimerval){}, NULL);
	snprintf(answer, sizeof answer, "%s after %d", result < 0 ? strerrorname_np(errnum) : "done", signals);
	return 0;
}

// patient connects to who never answers, and waits for so many seconds or, if
// these are 0, for ever.
static int patient(int seconds) {
	int fd = socket(parse(1), SOCK_STREAM, 0);
	struct timeval limit = {seconds, 0};
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	alarms();
	return alarmed(connect(fd, (void *)&addr, size));
}

// stuffed sends to who never reads.
static int stuffed(void) {
	static char block[1 << 16];
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return -1;
	struct iovec iov = {block, sizeof block};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	while (sendmsg(pair[0], &m, MSG_DONTWAIT) > 0)
		;
	alarms();
	int result = alarmed(sendmsg(pair[0], &m, 0));
	close(pair[0]);
	close(pair[1]);
	return result;
}

// netlink asks the kernel itself, which has no name of the kinds above.
static int netlink(void) {
	struct sockaddr_nl own = {.nl_family = AF_NETLINK}, kernel = own;
	struct {
		struct nlmsghdr head;
		struct rtgenmsg body;
	} ask = {{sizeof ask, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	if (bind(fd, (void *)&own, sizeof own) < 0 || sendto(fd, &ask, sizeof ask, 0, (void *)&kernel, sizeof kernel) < 0)
		return -1;
	char reply[8192];
	ssize_t n = recv(fd, reply, sizeof reply, 0);
	return n < 0 || ((struct nlmsghdr *)reply)->nlmsg_type != RTM_NEWLINK ? -1 : 0;
}

static int use(char *what) {
	char *kind = field[0];
	if (strcmp(kind, "tcp") == 0 || strcmp(kind, "unix") == 0)
		return tcp(0);
	if (strcmp(kind, "seqpacket") == 0) {
		int fd = socket(parse(1), SOCK_SEQPACKET, 0);
		return fd < 0 || connect(fd, (void *)&addr, size) < 0 ? -1 : hear(fd);
	}
	if (strcmp(kind, "nonblock") == 0)
		return tcp(SOCK_NONBLOCK);
	if (strcmp(kind, "later") == 0)
		return later();
	if (strcmp(kind, "again") == 0)
		return again();
	if (strcmp(kind, "dgram") == 0)
		return datagram();
	if (strcmp(kind, "bind") == 0)
		return bound(0);
	if (strcmp(kind, "serve") == 0)
		return bound(1);
	if (strcmp(kind, "listen") == 0)
		return unbound();
	if (strcmp(kind, "fastopen") == 0)
		return fastopen();
	if (strcmp(kind, "rights") == 0)
		return rights();
	if (strcmp(kind, "flood") == 0)
		return flood();
	if (strcmp(kind, "alarm") == 0)
		return patient(0);
	if (strcmp(kind, "impatient") == 0)
		return patient(100);
	if (strcmp(kind, "netlink") == 0)
		return netlink();
	if (strcmp(kind, "stuffed") == 0)
		return stuffed();
	if (strcmp(kind, "socket") == 0)
		return socket(atoi(field[1]), atoi(field[2]), atoi(field[3])) < 0 ? -1 : 0;
	if (strcmp(kind, "pair") == 0)
		return socketpair(AF_UNIX, atoi(field[1]), 0, (int[2]){});
	if (strcmp(kind, "option") == 0) {
		static const char header[24] = {0, 2, 4, [23] = 1}; // segments left: 0, to ::1
		return setsockopt(socket(AF_INET6, SOCK_STREAM, 0), atoi(field[1]), atoi(field[2]), header, atoi(field[3]));
	}
	if (strcmp(kind, "notasocket") == 0)
		return connect(0, (void *)&addr, 16);
	if (strcmp(kind, "nofd") == 0)
		return connect(99, (void *)&addr, 16);
	if (strcmp(kind, "fault") == 0)
		return connect(socket(AF_INET, SOCK_STREAM, 0), (void *)8, 16);
	if (strcmp(kind, "short") == 0)
		return parse(1), connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&addr, 7);
	if (strcmp(kind, "long") == 0)
		return parse(1), connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&addr, 129);
	errno = EINVAL;
	die(what);
	return -1;
}

int main(int argc, char **argv) {
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++) {
		printf("%s: ", argv[i]);
		fflush(stdout);
		char *rest = strdup(argv[i]);
		memset(field, 0, sizeof field);
		for (int k = 0; k < 8 && (field[k] = strsep(&rest, ",")); k++)
			;
		strcpy(answer, "ok");
		if (use(argv[i]) < 0)
			printf("%s\n", strerrorname_np(errno));
		else
			printf("%s\n", answer);
	}
	return 0;
}
