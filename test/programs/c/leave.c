// Leaves what it can for the next program ("leave"), or looks for it ("find").
// Its process number tells whether it is the first in its namespace.
//
// run: in=unshare policy=observe args="find" verdict=ok contains="found nothing\n"
#include "victim.h"
#include <mqueue.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { key = 0x62656c6c };

static int left;

static void found(const char *what, int yes) {
	if (yes)
		left++, printf("found %s\n", what);
}

static int abstract(int make) {
	struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0belljar-left"};
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + 13;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	if (make)
		return bind(s, (void *)&name, size) == 0 && listen(s, 1) == 0;
	return connect(s, (void *)&name, size) == 0;
}

static void leave(void) {
	int fd = open("/tmp/left", O_CREAT | O_WRONLY, 0644);
	write(fd, "x", 1);
	flock(fd, 2);
	close(open("/dev/shm/left", O_CREAT | O_WRONLY, 0644));
	mkdir("/tmp/dir", 0777);
	shmget(key, 4096, IPC_CREAT | 0666);
	semget(key, 1, IPC_CREAT | 0666);
	msgget(key, IPC_CREAT | 0666);
	mq_open("/left", O_CREAT | O_RDWR, 0666, NULL);
	if (fork() == 0) {
		setsid();
		if (fork() != 0)
			_exit(0);
		abstract(1);
		for (;;)
			pause();
	}
	usleep(100000);
}

int main(int argc, char **argv) {
	if (strcmp(argv[1], "leave") == 0) {
		leave();
	} else {
		found("file", access("/tmp/left", F_OK) == 0);
		found("shared memory", access("/dev/shm/left", F_OK) == 0);
		found("directory", access("/tmp/dir", F_OK) == 0);
		found("SysV shared memory", shmget(key, 0, 0) >= 0);
		found("semaphores", semget(key, 0, 0) >= 0);
		found("messages", msgget(key, 0) >= 0);
		found("message queue", mq_open("/left", O_RDWR) >= 0);
		found("socket", abstract(0));
		found("process", kill(-1, 0) == 0);
		if (!left)
			printf("found nothing\n");
	}
	printf("first %d\n", getpid() <= 2);
	return 0;
}
