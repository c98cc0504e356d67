// Processes that want to outlive the run, to execute what they may not, to end
// who watches them, or to be where nobody looks.
//
// What a policy does not let execute is not executed: by its name, by a name
// that changes, as an interpreter, as a loader, by threads that race for it.
//
// run: in=supervised policy=compile box=deny exec="{box}/**" args="exec {tool}" verdict=ok contains="refused: EACCES"
// run: in=unshare policy=compile box=deny exec="{box}/**" args="exec {tool}" verdict=ok contains="refused: ENOENT"
// run: in=supervised policy=compile box=kill exec="{box}/**" args="exec {inner}" verdict=violation syscall=execve path={inner}
// run: policy=compile box=deny exec="{box}/**" args="flip {tool} {seconds}" verdict=violation|ok
// run: in=supervised policy=compile box=deny exec="{box}/**" args="script {tool}" verdict=ok contains="refused: EACCES"
// run: in=unshare policy=compile box=deny exec="{box}/**" args="script {tool}" verdict=ok contains="refused: ENOENT"
// run: in=supervised policy=compile box=deny exec="{box}/**" args="loader {tool}" verdict=ok contains="refused: EACCES"
// run: in=unshare policy=compile box=deny exec="{box}/**" args="loader {tool}" verdict=ok contains="refused: ENOENT"
// run: policy=compile box=deny exec="{box}/**" args="rivals" verdict=ok stdout="executed\n"
// run: policy=compile box=deny exec="{box}/**" args="replaced" verdict=ok stdout="executed\n"
// run: policy=judge args="exec {tool}" verdict=violation syscall=execve
//
// A program that nobody may read is one whose memory only root can read: whoever
// cannot read a path lets no call with it pass.
//
// run: in=supervised policy=compile box=deny exec="{box}/**" args="dark {inner}" verdict=ok contains="got 0\n"
// run: in=supervised policy=observe box=deny args="dark {inner}" verdict=ok contains="got 0\n"
//
// Nobody outlives the run: orphans, children of a subreaper, processes without
// a parent's death signal, stopped ones, and a crowd that forks as it is killed.
//
// run: policy=observe args="reaper" verdict=ok stdout="left\n"
// run: policy=observe args="orphans" verdict=ok stdout="left\n"
// run: policy=compile args="crowd" wall=500ms verdict=time-limit limit=wall
// run: policy=compile args="crowd" processes=50 wall=500ms verdict=time-limit limit=wall peak_processes=1..50
// run: policy=compile args="storm" verdict=ok stdout="storms 40\n"
//
// Nobody gets away from who follows processes, also where a policy lets clone
// be called: under the name of another, or as one that no tracer sees.
//
// run: policy=judge,compile,observe allow="clone" args="untraced" verdict=ok contains="refused: EPERM"
// run: policy=judge,compile,observe allow="@process" args="untraced" verdict=ok contains="refused: EPERM"
// run: policy=judge,compile,observe allow="clone clone3" args="untraced clone3" verdict=ok contains="refused: ENOSYS"
//
// Signals stay inside: by every call that sends one.
//
// run: in=open policy=compile,observe args="signals" verdict=ok stdout="sent 0\n"
// run: in=unshare,both policy=compile args="signals" verdict=ok stdout="no parent\n"
// run: policy=observe args="stubborn" cpu=300ms verdict=time-limit limit=cpu
// run: policy=compile args="stubborn" wall=300ms cpu=5s verdict=time-limit limit=wall
//
// Priorities are for the machine's owner to give. Under observe a program may
// lower its own, and nobody else's.
//
// run: policy=judge,compile args="priority" verdict=ok stdout="got 0\n"
// run: policy=observe args="priority" verdict=ok stdout="got 0\n"
// run: in=open policy=observe args="others" verdict=ok stdout="own 8\nothers 0\n"
//
// User dispatch: its signal is the program's own affair, and what it lets pass
// is decided like any other call.
//
// run: policy=observe args="dispatch die" verdict=signaled signal=SIGSYS
// run: policy=judge args="dispatch die" verdict=ok contains="refused: EINVAL"
// run: in=supervised policy=observe box=deny args="dispatch open" verdict=ok contains="refused: EACCES"
//
// The kernel's own answer to what cannot be. Without a PID namespace a process
// that is not the run's is none that may be asked for.
//
// run: in=open policy=compile args="wait" verdict=ok stdout="ECHILD EPERM\n"
// run: in=unshare,both policy=compile args="wait" verdict=ok stdout="ECHILD ESRCH\n"
#include "attack.h"
#include <elf.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>

static char *const env[] = {NULL};

#define PROGRAM "/proc/self/exe"

static void copy(const char *to) {
	char buf[65536];
	int in = open(PROGRAM, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);
	if (in < 0 || out < 0)
		die(to);
	for (ssize_t n; (n = read(in, buf, sizeof buf)) > 0;)
		if (write(out, buf, n) != n)
			die(to);
	close(in);
	close(out);
}

static void run(const char *path) {
	execve(path, (char *[]){"x", "executed", NULL}, env);
	report("execve", -1);
}

// executed is what a copy of the program does: only one that may not be
// executed says that it got out.
static void executed(char **args) {
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	exe[n < 0 ? 0 : n] = 0;
	if (strstr(exe, "/hidden/"))
		escape("executed");
	puts("executed");
}

static void exec_(char **args) { run(args[0]); }

// flip executes a name in memory that another process rewrites.
static void flip(char **args) {
	char (*name)[64] = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	copy("good");
	if (symlink(args[0], "evil") != 0)
		die("symlink");
	strcpy(*name, "good");
	pid_t pid = fork();
	if (pid == 0)
		for (;;) {
			uint32_t word;
			memcpy(&word, "evil", 4);
			*(volatile uint32_t *)*name = word;
			memcpy(&word, "good", 4);
			*(volatile uint32_t *)*name = word;
		}
	for (double end = now(CLOCK_MONOTONIC) + atof(args[1]); now(CLOCK_MONOTONIC) < end;) {
		int status;
		pid_t child = fork();
		if (child == 0) {
			close(1);
			execve(*name, (char *[]){"x", "executed", NULL}, env);
			_exit(1);
		}
		if (waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == ESCAPED)
			escape("flip");
	}
	kill(pid, SIGKILL);
}

static void script(char **args) {
	char text[4200];
	snprintf(text, sizeof text, "#!%s executed\n", args[0]);
	make("script", text, 0700);
	run("./script");
}

// loader is a program whose loader (PT_INTERP) is one that it may not execute.
// Its name must be short, so it is a link.
static void loader(char **args) {
	static char image[1 << 20];
	copy("linked");
	int fd = open("linked", O_RDWR);
	ssize_t n = read(fd, image, sizeof image);
	Elf64_Ehdr *e = (void *)image;
	Elf64_Phdr *p = (void *)(image + e->e_phoff);
	for (int i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_INTERP)
			strcpy(image + p[i].p_offset, "l");
	for (int i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_INTERP)
			p[i].p_filesz = 2;
	if (symlink(args[0], "l") != 0 || pwrite(fd, image, n, 0) != n || close(fd) != 0)
		die("loader");
	run("./linked");
}

// dark executes a copy of the program that may be executed and not be read,
// which makes a process that is not dumpable.
static void dark(char **args) {
	copy("unread");
	if (chmod("unread", 0111) != 0)
		die("chmod");
	pid_t pid = fork();
	if (pid == 0) {
		execve("./unread", (char *[]){"x", "darkly", args[0], NULL}, env);
		puts("not executed, got 0"); // by a Belljar that cannot look for its interpreter
		exit(0);
	}
	waitpid(pid, NULL, 0);
	unlink("unread"); // the test looks at all that is left
}

// darkly tries the calls that a supervisor decides by what it reads.
static void darkly(char **args) {
	struct stat st;
	int got = 0;
	got += open(args[0], O_RDONLY) >= 0;
	got += open("secret", O_RDWR) >= 0;
	got += stat(args[0], &st) == 0;
	got += truncate("secret", 1) == 0;
	got += chmod("secret", 0666) == 0;
	got += rename("secret", "stolen") == 0;
	got += link("secret", "stolen") == 0;
	got += unlink(args[0]) == 0;
	printf("dumpable %d, got %d\n", prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), got);
}

static pthread_barrier_t gate;

static void *rival(void *arg) {
	pthread_barrier_wait(&gate);
	execve("./good", (char *[]){"x", "executed", NULL}, env);
	return NULL;
}

// rivals are threads of which each wants to execute; one wins and the others
// are gone.
static void rivals(char **args) {
	pthread_t id;
	copy("good");
	pthread_barrier_init(&gate, NULL, 8);
	for (int i = 0; i < 8; i++)
		pthread_create(&id, NULL, rival, NULL);
	for (;;)
		pause();
}

// replaced renames another program over the one that runs, and executes that
// by the name of its own.
static void replaced(char **args) {
	copy("first");
	copy("second");
	pid_t pid = fork();
	if (pid == 0) {
		execve("./first", (char *[]){"x", "pause", NULL}, env);
		_exit(1);
	}
	usleep(20000);
	if (rename("second", "first") != 0)
		die("rename");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	run("./first");
}

static void pause_(char **args) { pause(); }

static void reaper(char **args) {
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			setsid();
			if (fork() != 0)
				_exit(0);
			prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
			if (i % 2)
				raise(SIGSTOP);
			for (;;)
				pause();
		}
	for (int i = 0; i < 4; i++)
		wait(NULL);
	puts("left");
}

// orphans have closed everything that they were given.
static void orphans(char **args) {
	int ready[2];
	char c;
	if (pipe(ready) != 0)
		die("pipe");
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			sigset_t all;
			sigfillset(&all);
			sigprocmask(SIG_SETMASK, &all, NULL);
			setsid();
			prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
			prctl(PR_SET_NAME, "kworker/0:1");
			if (write(ready[1], "x", 1) != 1)
				_exit(1);
			for (int fd = 0; fd < 16; fd++)
				close(fd);
			for (;;)
				pause();
		}
	for (int i = 0; i < 4; i++)
		if (read(ready[0], &c, 1) != 1)
			die("read");
	puts("left");
}

// untraced is a child that asks not to be followed, and would stay.
static void untraced(char **args) {
	uint64_t flags = CLONE_UNTRACED, how[8] = {flags, 0, 0, 0, SIGCHLD};
	long pid = args[0] ? syscall(SYS_clone3, how, sizeof how) : syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		syscall(SYS_setsid);
		for (int fd = 0; fd < 16; fd++)
			close(fd);
		for (;;)
			pause();
	}
	report("untraced", pid);
}

// crowd forks in every process, as they are killed.
static void crowd(char **args) {
	for (int i = 0; i < 6; i++)
		fork();
	for (;;) {
		pid_t pid = vfork();
		if (pid == 0)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

static void *looker(void *arg) {
	struct stat st;
	for (;;) {
		stat("/usr/lib", &st);
		close(open("/dev/null", O_RDONLY));
	}
	return NULL;
}

// storm ends processes whose threads are in the middle of decided calls.
static void storm(char **args) {
	int n = 0;
	for (int i = 0; i < 40; i++) {
		int status;
		pid_t pid = fork();
		if (pid == 0) {
			pthread_t id;
			for (int j = 0; j < 6; j++)
				pthread_create(&id, NULL, looker, NULL);
			usleep(i * 100);
			if (i % 2)
				_exit(7);
			raise(SIGKILL);
		}
		if (waitpid(pid, &status, 0) == pid)
			n += i % 2 ? WIFEXITED(status) && WEXITSTATUS(status) == 7 : WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	}
	printf("storms %d\n", n);
}

// signals sends harmless ones, so that Belljar lives to tell.
static void signals(char **args) {
	siginfo_t info = {.si_signo = SIGWINCH, .si_code = SI_QUEUE};
	pid_t parent = getppid();
	int sent = 0;
	if (parent == 0) {
		puts("no parent");
		return;
	}
#define TRY(call) \
	if ((call) == 0) { \
		sent++; \
		puts(#call); \
	}
	TRY(kill(parent, SIGWINCH))
	if (args[0]) { // a Go test runs this outside, where the others would reach far
		printf("sent %d\n", sent);
		return;
	}
	TRY(kill(-getpgid(parent), SIGWINCH))
	TRY(kill(-1, SIGWINCH))
	TRY(kill(1, SIGWINCH))
	TRY(syscall(SYS_tkill, parent, SIGWINCH))
	TRY(syscall(SYS_tgkill, parent, parent, SIGWINCH))
	TRY(syscall(SYS_rt_sigqueueinfo, parent, SIGWINCH, &info))
	TRY(syscall(SYS_rt_tgsigqueueinfo, parent, parent, SIGWINCH, &info))
	int pidfd = syscall(SYS_pidfd_open, parent, 0);
	if (pidfd >= 0)
		TRY(syscall(SYS_pidfd_send_signal, pidfd, SIGWINCH, NULL, 0))
	int fds[2];
	struct f_owner_ex owner = {F_OWNER_PID, parent};
	if (pipe(fds) != 0)
		die("pipe");
	TRY(fcntl(fds[0], F_SETOWN, parent))
	TRY(fcntl(fds[0], F_SETOWN_EX, &owner))
	printf("sent %d\n", sent);
}

static void stubborn(char **args) {
	sigset_t all;
	for (int sig = 1; sig < 65; sig++)
		signal(sig, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (;;)
		burn(1);
}

static void priority(char **args) {
	struct sched_param param = {.sched_priority = 1};
	int got = 0;
	got += sched_setscheduler(0, SCHED_FIFO, &param) == 0;
	got += sched_setscheduler(0, SCHED_RR, &param) == 0;
	got += setpriority(PRIO_PROCESS, 0, -20) == 0;
	errno = 0;
	got += nice(-10) != -1 || errno == 0;
	got += setpriority(PRIO_USER, getuid(), -5) == 0;
	got += setpriority(PRIO_PROCESS, getppid(), 10) == 0 && getppid() != 0;
	got += syscall(SYS_ioprio_set, 1, 0, 1 << 13) == 0; // IOPRIO_CLASS_RT
	printf("got %d\n", got);
}

// slow makes a process, and what it is one of, run as slowly as it already does.
static int slow(pid_t pid, pid_t group, const char *where) {
	struct sched_param param = {0};
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t more[3];
	} attr = {.size = sizeof attr};
	cpu_set_t cpus;
	int done = 0, io = syscall(SYS_ioprio_get, 1, pid);
	if (syscall(SYS_sched_getaffinity, pid, sizeof cpus, &cpus) < 0)
		die("sched_getaffinity");
	attr.nice = getpriority(PRIO_PROCESS, pid);
#define DO(call) \
	if ((call) >= 0) { \
		done++; \
		if (*where) \
			printf("%s: %s\n", where, #call); \
	}
	DO(setpriority(PRIO_PROCESS, pid, attr.nice))
	DO(setpriority(PRIO_PGRP, group, attr.nice))
	DO(syscall(SYS_ioprio_set, 1, pid, io))
	DO(syscall(SYS_ioprio_set, 2, group, io))
	DO(syscall(SYS_sched_setaffinity, pid, sizeof cpus, &cpus))
	DO(syscall(SYS_sched_setscheduler, pid, SCHED_OTHER, &param))
	DO(syscall(SYS_sched_setparam, pid, &param))
	DO(syscall(SYS_sched_setattr, pid, &attr, 0))
	return done;
}

// others are all processes of the same user outside of the run.
static void others(char **args) {
	pid_t parent = getppid();
	printf("own %d\n", slow(0, 0, ""));
	int done = slow(parent, getpgid(parent), "others");
	if (!args[0]) { // a Go test runs this outside, where these would reach far
		done += setpriority(PRIO_USER, getuid(), 19) == 0;
		done += syscall(SYS_ioprio_set, 3, getuid(), 3 << 13) == 0; // IOPRIO_CLASS_IDLE
	}
	printf("others %d\n", done);
}

// dispatch asks for SIGSYS at every call (PR_SET_SYSCALL_USER_DISPATCH, 5.11).
static volatile char selector;

static void dispatch(char **args) {
	if (prctl(59, 1, 0, 0, &selector) != 0)
		report("dispatch", -1);
	if (strcmp(args[0], "open") == 0) {
		selector = 0; // let pass
		long fd = open("secret", O_RDONLY);
		report("open", fd);
	}
	selector = 1; // block
	getppid();
	selector = 0;
	puts("not blocked");
}

static void wait_(char **args) {
	int status;
	printf("%s", waitpid(-1, &status, 0) < 0 ? strerrorname_np(errno) : "child");
	printf(" %s\n", kill(0x3fffffff, 0) < 0 ? strerrorname_np(errno) : "sent");
}

static const struct attack all[] = {{"executed", executed}, {"exec", exec_}, {"dark", dark}, {"darkly", darkly}, {"flip", flip}, {"script", script}, {"loader", loader},
	{"rivals", rivals}, {"replaced", replaced}, {"pause", pause_}, {"reaper", reaper}, {"orphans", orphans}, {"untraced", untraced}, {"crowd", crowd},
	{"storm", storm}, {"signals", signals}, {"stubborn", stubborn}, {"priority", priority}, {"others", others}, {"dispatch", dispatch}, {"wait", wait_}};

PLAY(all)
