// Leaves what it can for the next program ("leave"), or what is neither a file nor
// an IPC object nor a socket ("leave-else"), and sees that it is there, or looks for
// it ("find", "find-else"). Its process number tells whether it is the first in its
// namespace.
//
// run: in=unshare policy=observe args="find" verdict=ok contains="found nothing\n"
#include "victim.h"
#include <mqueue.h>
#include <netinet/in.h>
#include <sched.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/un.h>

enum { key = 0x62656c6c, port = 27182, niceness = 7, spare = 57 };

// shared is a file that every program sees and none can change.
static const char shared[] = "/proc/version";

static void put(const char *name, const char *text) {
	int fd = open(name, O_CREAT | O_WRONLY, 0644);
	write(fd, text, strlen(text));
	close(fd);
}

static int reads(const char *name, const char *text) {
	char got[64] = "";
	int fd = open(name, O_RDONLY);
	read(fd, got, sizeof got - 1);
	close(fd);
	return strncmp(got, text, strlen(text)) == 0;
}

// kept runs a function in a process that stays: it leaves its session and its
// parent.
static void kept(void (*f)(void)) {
	int ready[2];
	char c;
	pipe(ready);
	if (fork() == 0) {
		setsid();
		if (fork() != 0)
			_exit(0);
		f();
		write(ready[1], "x", 1);
		for (;;)
			pause();
	}
	read(ready[0], &c, 1);
}

static void leave_file(void) { put("/tmp/left", "x"); }
static int find_file(void) { return access("/tmp/left", F_OK) == 0; }

static void leave_dir(void) { mkdir("/tmp/dir", 0777); }
static int find_dir(void) { return access("/tmp/dir", F_OK) == 0; }

static void leave_link(void) { symlink("/etc/passwd", "/tmp/link"); }
static int find_link(void) { return readlink("/tmp/link", (char[1]){0}, 1) == 1; }

static void leave_fifo(void) { mkfifo("/tmp/fifo", 0666); }
static int find_fifo(void) { return access("/tmp/fifo", F_OK) == 0; }

static void leave_space(void) { put("/tmp/space", "x"); }
static int find_space(void) {
	struct statvfs s;
	return statvfs("/tmp", &s) == 0 && s.f_bfree < s.f_blocks;
}

static void leave_shm(void) { put("/dev/shm/left", "x"); }
static int find_shm(void) { return access("/dev/shm/left", F_OK) == 0; }

static void leave_named(void) { sem_open("/left", O_CREAT, 0666, 1); }
static int find_named(void) { return sem_open("/left", 0) != SEM_FAILED; }

static void leave_sysv_shm(void) { shmget(key, 4096, IPC_CREAT | 0666); }
static int find_sysv_shm(void) { return shmget(key, 0, 0) >= 0; }

static void leave_sysv_sem(void) { semget(key, 1, IPC_CREAT | 0666); }
static int find_sysv_sem(void) { return semget(key, 0, 0) >= 0; }

static void leave_sysv_msg(void) { msgget(key, IPC_CREAT | 0666); }
static int find_sysv_msg(void) { return msgget(key, 0) >= 0; }

static void leave_queue(void) { mq_open("/left", O_CREAT | O_RDWR, 0666, NULL); }
static int find_queue(void) { return mq_open("/left", O_RDWR) >= 0; }

static void hold_flock(void) { flock(open(shared, O_RDONLY), LOCK_EX); }
static void leave_flock(void) { kept(hold_flock); }
static int find_flock(void) { return flock(open(shared, O_RDONLY), LOCK_EX | LOCK_NB) != 0; }

static void hold_record(void) { fcntl(open(shared, O_RDONLY), F_SETLK, &(struct flock){.l_type = F_RDLCK}); }
static void leave_record(void) { kept(hold_record); }
static int find_record(void) {
	struct flock l = {.l_type = F_WRLCK};
	return fcntl(open(shared, O_RDONLY), F_GETLK, &l) == 0 && l.l_type != F_UNLCK;
}

// unix_socket is a unix socket of a path, or of an abstract name with a NUL in front.
static int unix_socket(const char *path, int size, int make) {
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(name.sun_path, path, size);
	size += offsetof(struct sockaddr_un, sun_path);
	if (make)
		return bind(s, (void *)&name, size) == 0 && listen(s, 1) == 0;
	return connect(s, (void *)&name, size) == 0;
}

static void hold_abstract(void) { unix_socket("\0left", 5, 1); }
static void leave_abstract(void) { kept(hold_abstract); }
static int find_abstract(void) { return unix_socket("\0left", 5, 0); }

static void hold_path(void) { unix_socket("/tmp/socket", 12, 1); }
static void leave_path(void) { kept(hold_path); }
static int find_path(void) { return unix_socket("/tmp/socket", 12, 0); }

static int udp(void) {
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	return bind(socket(AF_INET, SOCK_DGRAM, 0), (void *)&any, sizeof any);
}
static void hold_port(void) { udp(); }
static void leave_port(void) { kept(hold_port); }
static int find_port(void) { return udp() != 0; }

// adrift sends a listening socket through sockets that are sent with it: nobody has
// them any more, and they do not end with their process.
static void adrift(void) {
	int s = socket(AF_UNIX, SOCK_STREAM, 0), p[2];
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "\0adrift"};
	bind(s, (void *)&at, offsetof(struct sockaddr_un, sun_path) + 7);
	listen(s, 1);
	socketpair(AF_UNIX, SOCK_STREAM, 0, p);
	int fds[] = {p[0], p[1], s};
	char c = 0, room[CMSG_SPACE(sizeof fds)];
	struct iovec one = {&c, 1};
	struct msghdr m = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fds), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, sizeof fds);
	sendmsg(p[0], &m, 0);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}
static int has_line(const char *name, const char *text) {
	char line[512];
	int found = 0;
	FILE *f = fopen(name, "r");
	while (f && fgets(line, sizeof line, f))
		found |= strstr(line, text) != NULL;
	if (f)
		fclose(f);
	return found;
}
static int find_adrift(void) { return has_line("/proc/net/unix", "@adrift"); }

// Nothing can be sent to a loopback device that is down, which is counted.
static void leave_count(void) {
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	for (int i = 0; i < 4242; i++)
		sendto(s, "x", 1, 0, (void *)&to, sizeof to);
	close(s);
}
static int find_count(void) { return has_line("/proc/net/snmp", " 4242 "); }

static void nothing(void) {}
static void leave_process(void) { kept(nothing); }
static int find_process(void) { return kill(-1, 0) == 0; }

static void hold_stop(void) {
	if (fork() == 0)
		raise(SIGSTOP);
}
static void leave_stopped(void) { kept(hold_stop); }
static int find_stopped(void) {
	char name[32];
	for (int pid = 2; pid < 300; pid++) {
		struct stat st;
		snprintf(name, sizeof name, "/proc/%d", pid);
		if (pid != getpid() && stat(name, &st) == 0 && st.st_uid == getuid())
			return 1;
	}
	return 0;
}

static void leave_nice(void) { setpriority(PRIO_USER, getuid(), niceness); }
static int find_nice(void) { return getpriority(PRIO_PROCESS, 0) == niceness; }

static void leave_io(void) { syscall(SYS_ioprio_set, 1, 0, 3 << 13); } // this process, idle
static int find_io(void) { return syscall(SYS_ioprio_get, 1, 0) >> 13 == 3; }

static void leave_scheduler(void) { sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}); }
static int find_scheduler(void) { return sched_getscheduler(0) == SCHED_BATCH; }

static void leave_limit(void) { setrlimit(RLIMIT_NOFILE, &(struct rlimit){spare, spare}); }
static int find_limit(void) {
	struct rlimit l;
	return getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == spare;
}

static void leave_umask(void) { umask(0); }
static int find_umask(void) {
	mode_t m = umask(022);
	umask(m);
	return m != 022;
}

static void leave_dir_change(void) { chdir("/tmp"); }
static int find_dir_change(void) {
	char dir[64];
	return strcmp(getcwd(dir, sizeof dir), "/") != 0;
}

static void leave_timer(void) { setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = 1000}, NULL); }
static int find_timer(void) {
	struct itimerval t;
	return getitimer(ITIMER_REAL, &t) == 0 && t.it_value.tv_sec > 0;
}

static void leave_blocked(void) {
	sigset_t s;
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigprocmask(SIG_BLOCK, &s, NULL);
}
static int find_blocked(void) {
	sigset_t s;
	return sigprocmask(SIG_BLOCK, NULL, &s) == 0 && sigismember(&s, SIGUSR1);
}

static void leave_ignored(void) { signal(SIGUSR2, SIG_IGN); }
static int find_ignored(void) {
	struct sigaction a;
	return sigaction(SIGUSR2, NULL, &a) == 0 && a.sa_handler == SIG_IGN;
}

static void leave_pending(void) { leave_blocked(), kill(getpid(), SIGUSR1); }
static int find_pending(void) {
	sigset_t s;
	return sigpending(&s) == 0 && sigismember(&s, SIGUSR1);
}

static void leave_environment(void) { setenv("LEFT", "x", 1); }
static int find_environment(void) { return getenv("LEFT") != NULL; }

static void leave_descriptor(void) { dup2(1, spare - 1); }
static int find_descriptor(void) { return fcntl(spare - 1, F_GETFD) != -1; }

static void leave_name(void) { prctl(PR_SET_NAME, "left"); }
static int find_name(void) { return reads("/proc/self/comm", "left"); }

static void leave_subreaper(void) { prctl(PR_SET_CHILD_SUBREAPER, 1); }
static int find_subreaper(void) {
	int on = 0;
	return prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on;
}

static void leave_slack(void) { prctl(PR_SET_TIMERSLACK, 777777); }
static int find_slack(void) { return prctl(PR_GET_TIMERSLACK) == 777777; }

// What a program could leave, in an order in which nothing is in the way of
// what follows.
static const struct {
	const char *name;
	void (*leave)(void);
	int (*find)(void);
	int lasts; // or may, without a process that keeps it
} kinds[] = {
	{"file", leave_file, find_file, 1},
	{"directory", leave_dir, find_dir, 1},
	{"symbolic link", leave_link, find_link, 1},
	{"FIFO", leave_fifo, find_fifo, 1},
	{"used space", leave_space, find_space, 1},
	{"shared memory", leave_shm, find_shm, 1},
	{"named semaphore", leave_named, find_named, 1},
	{"SysV shared memory", leave_sysv_shm, find_sysv_shm, 1},
	{"SysV semaphores", leave_sysv_sem, find_sysv_sem, 1},
	{"SysV message queue", leave_sysv_msg, find_sysv_msg, 1},
	{"message queue", leave_queue, find_queue, 1},
	{"lock", leave_flock, find_flock},
	{"record lock", leave_record, find_record},
	{"abstract socket", leave_abstract, find_abstract, 1},
	{"socket adrift", adrift, find_adrift, 1},
	{"count of packets", leave_count, find_count, 1},
	{"socket in a directory", leave_path, find_path, 1},
	{"port", leave_port, find_port, 1},
	{"process", leave_process, find_process},
	{"stopped process", leave_stopped, find_stopped},
	{"niceness", leave_nice, find_nice},
	{"priority of input and output", leave_io, find_io},
	{"scheduler", leave_scheduler, find_scheduler},
	{"umask", leave_umask, find_umask},
	{"directory that it is in", leave_dir_change, find_dir_change},
	{"timer", leave_timer, find_timer},
	{"blocked signal", leave_blocked, find_blocked},
	{"ignored signal", leave_ignored, find_ignored},
	{"pending signal", leave_pending, find_pending},
	{"environment", leave_environment, find_environment},
	{"descriptor", leave_descriptor, find_descriptor},
	{"name", leave_name, find_name},
	{"subreaper", leave_subreaper, find_subreaper},
	{"timer slack", leave_slack, find_slack},
	{"limit", leave_limit, find_limit},
};

int main(int argc, char **argv) {
	int leave = strncmp(argv[1], "leave", 5) == 0, others = strstr(argv[1], "-else") != NULL;
	int found = 0, all = sizeof kinds / sizeof kinds[0], tried = 0;
	for (int i = 0; i < all; i++) {
		if (others && kinds[i].lasts)
			continue;
		tried++;
		if (leave)
			kinds[i].leave();
		if (kinds[i].find())
			found++, leave || printf("found %s\n", kinds[i].name);
		else if (leave)
			printf("could not leave %s: %s\n", kinds[i].name, strerror(errno));
	}
	if (leave)
		printf("left %d of %d\n", found, tried);
	else if (!found)
		printf("found nothing\n");
	printf("first %d\n", getpid() <= 2);
	return 0;
}
