// Opens the file whose path lies in memory that it has in common with a process
// outside, again and again, while that writes the path of another file there.
// Prints how often the other file was opened, which begins with a zero.
// usage: common MEMORY ALLOWED OTHER SECONDS [write]
//   with "write" it is the process outside, which writes until it is killed
//   MEMORY is a file, or @NAME: the process outside sends it to a socket of that name
//
// build: dynamic static
// run: policy=observe args="/dev/zero /etc/passwd /etc/hostname 0.1" verdict=ok stdout="wins 0\n"
#include "victim.h"
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

// passed is memory that goes through a socket, to which nobody connects.
static int passed(const char *name, int sends) {
	struct sockaddr_un a = {AF_UNIX};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} c = {{CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	char byte = 0;
	struct iovec v = {&byte, 1};
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(name);
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof(c)};
	int fd = -1, s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(a.sun_path + 1, name + 1, strlen(name) - 1);
	if (sends) {
		fd = memfd_create("memory", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, 4096))
			die("memfd");
		memcpy(CMSG_DATA(&c.head), &fd, sizeof(fd));
		m.msg_name = &a;
		m.msg_namelen = length;
		while (sendmsg(s, &m, 0) != 1)
			usleep(1000);
		return fd;
	}
	if (bind(s, (struct sockaddr *)&a, length) || recvmsg(s, &m, MSG_CMSG_CLOEXEC) != 1)
		die(name);
	memcpy(&fd, CMSG_DATA(&c.head), sizeof(fd));
	return fd;
}

int main(int argc, char **argv) {
	char c;
	struct timespec start, now;
	int wins = 0;
	if (argc < 5)
		return 2;
	int fd = argv[1][0] == '@' ? passed(argv[1], argc > 5) : open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(argv[1]);
	char *path = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (path == MAP_FAILED)
		die("mmap");
	strcpy(path, argv[2]);
	while (argc > 5) {
		strcpy(path, argv[3]);
		strcpy(path, argv[2]);
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		for (int i = 0; i < 100 && !wins; i++) {
			int got = open(path, O_RDONLY | O_CLOEXEC);
			if (got < 0)
				continue;
			wins += read(got, &c, 1) == 1 && c == 0;
			close(got);
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!wins && now.tv_sec - start.tv_sec + (now.tv_nsec - start.tv_nsec) / 1e9 < atof(argv[4]));
	printf("wins %d\n", wins);
	return 0;
}
