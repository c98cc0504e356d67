// Reaches for what others offer on the host, or left there: sockets with and
// without a name in a directory, descriptors that come through one, and what a
// run before could have left. Go tests offer it, and look that it is not found.
//
// run: policy=judge args="abstract nobody" verdict=violation syscall=socket
// run: policy=compile,interpreter args="abstract nobody" verdict=ok contains="refused: EACCES"
// run: in=unshare,both policy=observe args="abstract nobody" verdict=ok contains="refused: ECONNREFUSED"
// run: in=unshare,both policy=observe args="families" verdict=ok contains="reached 0\n"
// run: policy=judge args="leave 1" verdict=violation
//
// What outlives processes is not made where it would be the host's.
//
// run: in=open policy=observe args="lasting" verdict=ok contains="refused: ENOSYS"
// run: in=unshare,both policy=observe args="lasting" verdict=nonzero-exit exit=42
#include "attack.h"
#include <stddef.h>
#include <netinet/in.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

// take reads a descriptor from a connection and the file that it is.
static void take(int fd) {
	char byte, room[CMSG_SPACE(sizeof(int))], text[256];
	struct iovec data = {&byte, 1};
	struct msghdr m = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	if (recvmsg(fd, &m, 0) < 0 || !CMSG_FIRSTHDR(&m))
		die("recvmsg");
	int got = *(int *)CMSG_DATA(CMSG_FIRSTHDR(&m));
	ssize_t n = pread(got, text, sizeof text, 0);
	if (n == SECRET_SIZE)
		escape("a descriptor of the secret");
	die("pread");
}

static void abstract(char **args) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		report("socket", -1);
	memcpy(to.sun_path + 1, args[0], strlen(args[0]));
	if (connect(fd, (void *)&to, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(args[0])) != 0)
		report("connect", -1);
	take(fd);
}

static void path(char **args) {
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		report("socket", -1);
	strcpy(to.sun_path, args[0]);
	if (connect(fd, (void *)&to, sizeof to) != 0)
		report("connect", -1);
	take(fd);
}

// families makes a socket of each, and sends something by the ones that lead
// anywhere.
static void families(char **args) {
	int made = 0, reached = 0;
	signal(SIGPIPE, SIG_IGN);
	for (int family = 0; family < 64; family++)
		for (int type = 1; type <= 10; type++) {
			int fd = socket(family, type, 0);
			if (fd < 0)
				continue;
			made++;
			struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x08080808)};
			struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(53), .sin6_addr.s6_addr = {0x20, 1, 0x48, 0x60}};
			if (family == AF_INET)
				reached += sendto(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (void *)&v4, sizeof v4) >= 0;
			if (family == AF_INET6)
				reached += sendto(fd, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (void *)&v6, sizeof v6) >= 0;
			close(fd);
		}
	printf("made %d, reached %d\n", made, reached);
}

static const char *const places[] = {"/tmp/belljar-left", "/dev/shm/belljar-left", "/var/tmp/belljar-left"};

static int find(int key) {
	int found = shmget(key, 4096, 0) >= 0;
	for (int i = 0; i < 3; i++)
		found += access(places[i], F_OK) == 0;
	return found;
}

// leave leaves something wherever it can and says how much of it can be found.
static void leave(char **args) {
	int key = atoi(args[0]);
	shmget(key, 4096, IPC_CREAT | 0666);
	for (int i = 0; i < 2; i++)
		close(open(places[i], O_WRONLY | O_CREAT, 0666));
	printf("found %d\n", find(key));
}

// lasting makes each thing of System V, and one POSIX queue, which none of the
// run's processes has to hold on to.
static void lasting(char **args) {
	int made[] = {shmget(IPC_PRIVATE, 4096, 0600), semget(IPC_PRIVATE, 1, 0600), msgget(IPC_PRIVATE, 0600),
		syscall(SYS_mq_open, "belljar-left", O_RDWR | O_CREAT, 0600, NULL)};
	for (int i = 0; i < 4; i++)
		if (made[i] >= 0) {
			printf("%d is %d\n", i, made[i]);
			report("lasting", made[i]);
		}
	report("lasting", -1);
}

static void find_(char **args) { printf("found %d\n", find(atoi(args[0]))); }

static const struct attack all[] = {{"abstract", abstract}, {"path", path}, {"families", families}, {"leave", leave}, {"lasting", lasting}, {"find", find_}};

PLAY(all)
