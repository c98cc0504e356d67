// Takes more than its share, or hides what it takes, and looks for what was left
// lying about. Programs of test/programs do the plain forms of it.
//
// Time: asleep, in system calls, in threads and children, after it has closed
// everything and dropped out of its session.
//
// run: args="sleepy" cpu=1s wall=300ms verdict=time-limit limit=wall
// run: policy=compile args="orphans-burn" cpu=300ms wall=20s verdict=time-limit limit=cpu
// run: policy=compile args="relay" cpu=400ms wall=20s verdict=time-limit limit=cpu
//
// Memory that is no process's own heap: shared, in a memfd, in a file that is
// mapped, in the stack of a thread, in a child that is gone.
//
// run: policy=compile args="shared 200" memory=64M verdict=memory-limit limit=memory
// run: policy=compile args="memfd 200" memory=64M verdict=memory-limit limit=memory
// run: policy=compile args="thread 200" memory=64M verdict=memory-limit limit=memory
// run: policy=compile args="many 12" memory=64M verdict=memory-limit limit=memory
// run: policy=compile args="reserve 1000" memory=64M verdict=ok
//
// Output: from many at once, by splice, to a file that grows in one call.
//
// run: policy=compile args="chorus" output=1M verdict=output-limit limit=output output_used=1M..1100K
// run: policy=compile args="splice" output=1M verdict=output-limit limit=output output_used=1M..1100K
// run: policy=compile box=deny args="fallocate" output=1M verdict=output-limit limit=output
// run: policy=compile box=deny args="truncate" output=1M verdict=output-limit limit=output
// run: policy=compile box=deny args="sparse" output=1M verdict=output-limit limit=output
// run: policy=compile box=deny args="core" verdict=ok stdout="killed by SIGSEGV, no core\n"
// run: in=unshare,both policy=compile args="files" verdict=ok contains="ENOSPC"
//
// What lies about: devices, the host's settings, its log, its other programs.
//
// run: policy=judge,compile args="descriptors" verdict=ok stdout="3\n"
// run: policy=compile args="devices" verdict=ok stdout="got 0\n"
// run: in=unshare,both policy=observe args="devices" verdict=ok stdout="got 0\n"
// run: in=unshare,both policy=observe args="host" verdict=ok stdout="got 0\n"
// run: policy=compile args="host" verdict=violation|ok
// run: in=unshare,both policy=observe args="alone" verdict=ok stdout="alone\n"
#include "attack.h"
#include <dirent.h>
#include <pthread.h>

static size_t mib;

static void touch(char *p, size_t n) {
	if (p == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < n; i += 4096)
		p[i] = 1;
}

static void sleepy(char **args) {
	for (;;)
		usleep(1000);
}

// orphansBurn has a grandchild without a parent do the work.
static void orphansBurn(char **args) {
	if (fork() == 0) {
		setsid();
		if (fork() != 0)
			_exit(0);
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		for (;;)
			burn(1);
	}
	for (;;)
		pause();
}

// relay hands the work on: each process ends long before any limit, unwaited for.
static void relay(char **args) {
	for (;;) {
		burn(0.02);
		pid_t pid = fork();
		if (pid > 0) {
			if (getppid() != 1)
				pause(); // the first stays, so that the run goes on
			_exit(0);
		}
		signal(SIGHUP, SIG_IGN);
		while (fork() > 0) // the parent of the next goes at once
			_exit(0);
	}
}

static void shared(char **args) {
	mib = atoi(args[0]);
	touch(mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), mib << 20);
	pause();
}

static void memfd(char **args) {
	mib = atoi(args[0]);
	int fd = syscall(SYS_memfd_create, "x", 0);
	if (fd < 0 || ftruncate(fd, mib << 20) != 0)
		die("memfd");
	touch(mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), mib << 20);
	pause();
}

static void *inThread(void *arg) {
	char *p = alloca(mib << 20);
	touch(p, mib << 20);
	pause();
	return p;
}

static void thread(char **args) {
	pthread_t id;
	pthread_attr_t attr;
	mib = atoi(args[0]);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (mib + 8) << 20);
	if (pthread_create(&id, &attr, inThread, NULL) != 0)
		die("pthread_create");
	pause();
}

// many processes have little each, and too much together.
static void many(char **args) {
	for (int i = 0; i < atoi(args[0]); i++)
		if (fork() == 0) {
			touch(mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 16 << 20);
			pause();
		}
	pause();
}

static void reserve(char **args) {
	if (mmap(NULL, (size_t)atoi(args[0]) << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		die("mmap");
}

static char block[65536];

static void chorus(char **args) {
	for (int i = 0; i < 3; i++)
		fork();
	for (int fd = 1;; fd = 3 - fd)
		if (write(fd, block, sizeof block) < 0)
			_exit(1);
}

static void splice_(char **args) {
	int p[2];
	if (pipe(p) != 0)
		die("pipe");
	for (;;)
		if (write(p[1], block, 4096) < 0 || splice(p[0], NULL, 1, NULL, 4096, 0) < 0)
			die("splice");
}

static int file(void) {
	int fd = open("large", O_RDWR | O_CREAT, 0600);
	if (fd < 0)
		die("open");
	return fd;
}

static void fallocate_(char **args) { report("fallocate", fallocate(file(), 0, 0, 100 << 20)); }

static void sparse(char **args) { report("pwrite", pwrite(file(), "x", 1, 1L << 30)); }

static void truncate_(char **args) {
	make("sparse", "", 0600);
	report("truncate", truncate("sparse", 1L << 30));
}

static void core(char **args) {
	int status, core = 0;
	struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
	setrlimit(RLIMIT_CORE, &most);
	pid_t pid = fork();
	if (pid == 0) {
		*(volatile int *)8 = 1;
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		die("waitpid");
	DIR *d = opendir(".");
	for (struct dirent *e; d && (e = readdir(d));)
		core += strncmp(e->d_name, "core", 4) == 0;
	printf("killed by SIG%s, %s\n", sigabbrev_np(WTERMSIG(status)), core || WCOREDUMP(status) ? "core" : "no core");
}

// files makes empty ones, which cost memory of the kernel's.
static void files(char **args) {
	char name[64];
	for (int i = 0; i < 1000000; i++) {
		snprintf(name, sizeof name, "/tmp/%d", i);
		int fd = open(name, O_WRONLY | O_CREAT, 0600);
		if (fd < 0) {
			printf("%s after %d\n", strerrorname_np(errno), i);
			return;
		}
		close(fd);
	}
	escape("a million files");
}

static void descriptors(char **args) {
	int n = 0;
	for (int fd = 0; fd < 65536; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	printf("%d\n", n);
}

static int got;

static void look(const char *const *names, size_t n, int flags) {
	for (size_t i = 0; i < n; i++) {
		int fd = open(names[i], flags);
		if (fd >= 0) {
			got++;
			puts(names[i]);
			close(fd);
		}
	}
	printf("got %d\n", got);
}

static void devices(char **args) {
	static const char *const names[] = {"/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/loop-control",
		"/dev/loop0", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/dev/uinput", "/dev/userfaultfd", "/dev/console", "/dev/tty0", "/dev/snd", "/dev/dri",
		"/dev/vhost-net", "/dev/btrfs-control", "/dev/hpet", "/dev/rtc0", "/dev/watchdog", "/dev/autofs", "/dev/cpu_dma_latency", "/dev/udmabuf"};
	look(names, sizeof names / sizeof *names, O_RDONLY);
}

static void host(char **args) {
	static const char *const names[] = {"/etc/shadow", "/etc/hostname", "/etc/machine-id", "/etc/fstab", "/root", "/home", "/var/log", "/run", "/boot",
		"/sys/kernel", "/sys/firmware", "/proc/kcore", "/proc/keys", "/proc/sysrq-trigger", "/proc/timer_list", "/proc/kmsg",
		"/proc/sched_debug", "/sys/fs/cgroup", "/var/lib", "/var/spool", "/etc/ssh"};
	look(names, sizeof names / sizeof *names, O_RDONLY);
}

// alone counts the processes and the interfaces of the network that it sees.
static void alone(char **args) {
	int others = 0, ports = 0;
	char line[512];
	DIR *d = opendir("/proc");
	if (!d)
		die("/proc");
	for (struct dirent *e; (e = readdir(d));)
		others += e->d_name[0] >= '0' && e->d_name[0] <= '9' && atoi(e->d_name) != getpid() && atoi(e->d_name) != 1;
	FILE *f = fopen("/proc/net/dev", "r");
	while (f && fgets(line, sizeof line, f))
		ports += strchr(line, ':') != NULL && strstr(line, "lo:") == NULL && strstr(line, ": 0 ") == NULL;
	printf(others || kill(-1, 0) == 0 ? "%d others\n" : "alone\n", others);
}

static const struct attack all[] = {{"sleepy", sleepy}, {"orphans-burn", orphansBurn}, {"relay", relay}, {"shared", shared}, {"memfd", memfd},
	{"thread", thread}, {"many", many}, {"reserve", reserve}, {"chorus", chorus}, {"splice", splice_}, {"fallocate", fallocate_},
	{"sparse", sparse}, {"truncate", truncate_}, {"core", core}, {"files", files}, {"descriptors", descriptors}, {"devices", devices}, {"host", host},
	{"alone", alone}};

PLAY(all)
